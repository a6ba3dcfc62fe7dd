"""Which images ran well where: one row for each image of a service, with when its pods were last seen to run it.

A row is written again only when what it says has become old, since the same pods are looked at every few seconds.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from bot.storage.engine import Connection, insert
from bot.storage.schema import proofs as table

FRESH = timedelta(minutes=5)
"""How old the last sighting in a row may be."""


async def note(connection: Connection, *, environment: str, tags: Mapping[str, str], at: datetime) -> None:
    """Note that these services, by name, run these tags well at that moment."""
    for service, tag in sorted(tags.items()):
        statement = insert(connection, table).values(environment=environment, service=service, tag=tag, seen_at=at)
        await connection.execute(
            statement.on_conflict_do_update(
                index_elements=["environment", "service", "tag"],
                set_={"seen_at": at},
                where=table.c.seen_at <= at - FRESH,
            )
        )


async def of_service(connection: Connection, *, environment: str, service: str, limit: int) -> dict[str, datetime]:
    """The tags that a service ran well, each with when it was last seen to, the last one first."""
    rows = await connection.execute(
        select(table.c.tag, table.c.seen_at)
        .where(table.c.environment == environment, table.c.service == service)
        .order_by(table.c.seen_at.desc())
        .limit(limit)
    )
    return {row.tag: row.seen_at for row in rows}
