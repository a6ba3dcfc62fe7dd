"""Rows of freeze windows.

One whose document cannot be read is still a freeze of its environment, which says nothing that could be understood.
`told_until` is the end of the window that holds, as the cards were told last; writing it is a compare-and-set, so that
each window begins and ends once.
"""

from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import ValidationError
from sqlalchemy import Row, select, update

from bot.domain.freezes import Freeze
from bot.storage import documents
from bot.storage.engine import Connection, insert
from bot.storage.schema import freezes as table

_NO_TIME = datetime.min.replace(tzinfo=UTC)


class Standing(NamedTuple):
    """A freeze that has not ended, and until when the cards were told that it holds."""

    freeze: Freeze
    told_until: datetime | None


async def add(connection: Connection, freeze: Freeze) -> None:
    """Insert a new freeze."""
    await connection.execute(
        insert(connection, table).values(
            id=freeze.id, environment=freeze.environment, standing=1, document=documents.freeze.dump(freeze)
        )
    )


async def get(connection: Connection, freeze_id: str) -> Freeze | None:
    """The freeze with this id, if it has not ended."""
    row = (await connection.execute(select(table).where(table.c.id == freeze_id, table.c.standing == 1))).one_or_none()
    return _load(row) if row else None


async def standing(connection: Connection, environment: str | None = None) -> list[Standing]:
    """Every freeze that has not ended, or those of one environment, by id."""
    wanted = select(table).where(table.c.standing == 1).order_by(table.c.id)
    if environment is not None:
        wanted = wanted.where(table.c.environment == environment)
    return [Standing(_load(row), row.told_until) for row in await connection.execute(wanted)]


async def tell(connection: Connection, freeze_id: str, *, before: datetime | None, until: datetime | None) -> bool:
    """Write down until when the cards are told that it holds. False when somebody else did."""
    was = table.c.told_until.is_(None) if before is None else table.c.told_until == before
    result = await connection.execute(
        update(table).where(table.c.id == freeze_id, table.c.standing == 1, was).values(told_until=until)
    )
    return bool(result.rowcount)


async def end(connection: Connection, freeze: Freeze) -> bool:
    """Write down the end of a freeze. False when it has ended already."""
    result = await connection.execute(
        update(table)
        .where(table.c.id == freeze.id, table.c.standing == 1)
        .values(standing=0, told_until=None, document=documents.freeze.dump(freeze))
    )
    return bool(result.rowcount)


def _load(row: Row[tuple[object, ...]]) -> Freeze:
    try:
        return documents.freeze.load(row.document)
    except ValidationError:
        return Freeze(
            id=row.id,
            environment=row.environment,
            service=None,
            owner_id=0,
            owner_name="",
            reason="",
            since=_NO_TIME,
            zone="",
        )
