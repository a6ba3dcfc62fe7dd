"""Rows of the kill switch: at most one stands, whoever asks at the same moment.

One whose document cannot be read stands all the same, from when its row says: what may be done then is nothing.
"""

from pydantic import ValidationError
from sqlalchemy import Row, select, update

from bot.domain.stops import Stop
from bot.storage import documents
from bot.storage.engine import Connection, insert
from bot.storage.schema import stops as table


async def add(connection: Connection, stop: Stop) -> bool:
    """Insert a new stop. False when one stands."""
    result = await connection.execute(
        insert(connection, table)
        .values(id=stop.id, standing=1, since=stop.since, nags=stop.nags, document=documents.stop.dump(stop))
        .on_conflict_do_nothing()
    )
    return bool(result.rowcount)


async def get(connection: Connection, stop_id: str) -> Stop | None:
    """The stop with this id, whether or not it has ended."""
    row = (await connection.execute(select(table).where(table.c.id == stop_id))).one_or_none()
    return _load(row) if row else None


async def standing(connection: Connection) -> Stop | None:
    """The stop that stands."""
    row = (await connection.execute(select(table).where(table.c.standing.is_not(None)))).one_or_none()
    return _load(row) if row else None


async def save(connection: Connection, stop: Stop, *, nags: int) -> bool:
    """Write the next value of the stop that stands and has had so many reminders. False when it moved on."""
    result = await connection.execute(
        update(table)
        .where(table.c.id == stop.id, table.c.nags == nags, table.c.standing.is_not(None))
        .values(standing=1 if stop.resumed is None else None, nags=stop.nags, document=documents.stop.dump(stop))
    )
    return bool(result.rowcount)


def _load(row: Row[tuple[object, ...]]) -> Stop:
    try:
        return documents.stop.load(row.document)
    except ValidationError:
        return Stop(id=row.id, owner_id=0, owner_name="", reason="", since=row.since, nags=row.nags)
