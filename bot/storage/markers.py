"""Small facts the bot remembers about itself, such as which command tree it registered last."""

from sqlalchemy import select

from bot.storage.engine import Connection, Database, insert
from bot.storage.schema import markers as table


async def get(database: Database, name: str) -> str | None:
    """The value of a marker, or None before it was set."""
    async with database.reading() as connection:
        return await read(connection, name)


async def put(database: Database, name: str, *, value: str) -> None:
    """Set a marker."""
    async with database.transaction() as connection:
        await write(connection, name, value=value)


async def read(connection: Connection, name: str) -> str | None:
    """The value of a marker as this transaction sees it."""
    row = (await connection.execute(select(table.c.value).where(table.c.name == name))).one_or_none()
    return row.value if row else None


async def write(connection: Connection, name: str, *, value: str) -> None:
    """Set a marker as a part of this transaction."""
    await connection.execute(
        insert(connection, table)
        .values(name=name, value=value)
        .on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )
