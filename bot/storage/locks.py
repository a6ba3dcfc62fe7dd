"""Rows of deploy locks. One lock is in force for each environment and service, and the unique constraint says whose.

`target` is held until the lock ends: `prod/*` is the lock on the whole environment, and NULL is one that is over. The
rows stay, so that a message about a lock can say how it ended. A lock whose time is over holds its target until
somebody writes down that it has ended; whether it blocks is not this module's question. One whose document cannot be
read stands all the same, on the target that its row says, against everything that a lock can stop.
"""

from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Row, select, update

from bot.domain.locks import Lock
from bot.storage import documents
from bot.storage.engine import Connection, insert
from bot.storage.schema import locks as table

_NO_TIME = datetime.min.replace(tzinfo=UTC)


async def add(connection: Connection, lock: Lock) -> bool:
    """Insert a new lock. False when its target is held: of two at once, one is inserted."""
    result = await connection.execute(
        insert(connection, table)
        .values(id=lock.id, environment=lock.environment, **_changing(lock))
        .on_conflict_do_nothing()
    )
    return bool(result.rowcount)


async def get(connection: Connection, lock_id: str) -> Lock | None:
    """The lock with this id, whether or not it has ended; None for one that has ended and cannot be read."""
    row = (await connection.execute(select(table).where(table.c.id == lock_id))).one_or_none()
    lock = _load(row) if row else None
    return None if row and row.target is None and lock and lock.ended is None else lock


async def held(connection: Connection, *, environment: str, service: str | None) -> Lock | None:
    """The lock that holds exactly this target."""
    target = _target(environment, service)
    row = (await connection.execute(select(table).where(table.c.target == target))).one_or_none()
    return _load(row) if row else None


async def standing(connection: Connection, environment: str | None = None) -> list[Lock]:
    """Every lock that has not ended, or those of one environment, the oldest first."""
    wanted = select(table).where(table.c.target.is_not(None)).order_by(table.c.id)
    if environment is not None:
        wanted = wanted.where(table.c.environment == environment)
    return [_load(row) for row in await connection.execute(wanted)]


async def save(connection: Connection, lock: Lock, *, nags: int) -> bool:
    """Write the next value of a lock that has not ended and has had so many reminders. False when it moved on."""
    result = await connection.execute(
        update(table)
        .where(table.c.id == lock.id, table.c.nags == nags, table.c.target.is_not(None))
        .values(**_changing(lock))
    )
    return bool(result.rowcount)


def _changing(lock: Lock) -> dict[str, Any]:
    """The columns that follow from a lock."""
    return {
        "target": _held(lock),
        "nags": lock.nags,
        "document": documents.lock.dump(lock),
    }


def _load(row: Row[tuple[Any, ...]]) -> Lock:
    """The lock of a row. What its document says has to agree with the columns by which it is found."""
    try:
        lock = documents.lock.load(row.document)
    except ValidationError:
        lock = None
    moments = (lock.since, lock.until or lock.since) if lock else ()
    agrees = lock is not None and (lock.id, lock.environment, _held(lock)) == (row.id, row.environment, row.target)
    if lock is None or not agrees or any(one.tzinfo is None for one in moments):
        service = (row.target or "").removeprefix(f"{row.environment}/")
        return Lock(
            id=row.id,
            environment=row.environment,
            service=None if service in ("", "*") else service,
            owner_id=0,
            owner_name="",
            reason="",
            since=_NO_TIME,
            until=None,
            blocks_rollbacks=True,
            nags=row.nags,
        )
    return lock


def _held(lock: Lock) -> str | None:
    """The target that a lock holds; None for one that has ended."""
    return _target(lock.environment, lock.service) if lock.ended is None else None


def _target(environment: str, service: str | None) -> str:
    return f"{environment}/{service or '*'}"
