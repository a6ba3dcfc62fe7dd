"""Schema migrations: `upgrade` brings a database to what this version of the bot needs.

Alembic runs inside the bot's own connection, so there is no second place that knows the address. On PostgreSQL an
advisory lock lets several processes start at once; on SQLite the write lock does the same. It is only imported where
there is something to do: nearly every start finds the newest schema, and Alembic would take its memory all the same.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table

from bot.storage.engine import Database, lock

if TYPE_CHECKING:
    from alembic.config import Config

_HERE = Path(__file__).parent
_DIGITS = 4  # of a revision, with which the name of its file begins


async def upgrade(database: Database) -> str:
    """Bring the schema to the newest revision and return its id; does nothing when it is there already."""
    if await current(database) != head():
        from alembic import command

        async with database.transaction() as connection:
            await lock(connection, "migrations")
            await connection.run_sync(lambda sync: command.upgrade(config(sync), "head"))
    return head()


async def current(database: Database) -> str | None:
    """The revision the database is at, or None for an empty one."""
    version = table("alembic_version", column("version_num"))
    async with database.reading() as connection:
        if not await connection.run_sync(lambda sync: inspect(sync).has_table(version.name)):
            return None
        found: str | None = (await connection.execute(select(version.c.version_num))).scalar_one_or_none()
        return found


def head() -> str:
    """The newest revision this version of the bot knows."""
    return max(path.name for path in (_HERE / "versions").glob("[0-9]*.py"))[:_DIGITS]


def config(connection: Connection) -> "Config":
    """Alembic's configuration for a connection that is open already."""
    from alembic.config import Config

    made = Config()
    made.set_main_option("script_location", str(_HERE))
    made.attributes["connection"] = connection
    return made
