"""Rows of deliveries: taken in order, marked with what became of them, forgotten after a time.

    received -> done | ignored | failed | parked
    parked -> received      when what it waited for has come
    failed -> received      when it is replayed, or GitHub delivers it again

The row is the queue. Nothing is held between `take` and `finish`, so a crash in between only means that the same rows
are taken again. How rows get here is the business of `recorder`.
"""

import asyncio
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.engine import Database
from bot.storage.schema import deliveries as table

Ended = Literal["done", "ignored", "failed", "parked"]
REASON_LENGTH = 300
PRUNED = ("done", "ignored", "parked")
_TAKEN_BYTES = 4_000_000  # as stored; JSON unpacks to about eight times as much
_ON_THE_LOOP_BYTES = 100_000  # unpacks in two milliseconds
_PRUNED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One webhook request as it came. `headers` is the small subset that its parser needs; `key` is its identity."""

    id: int
    source: str
    key: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What became of a delivery. `subject` names what a parked one waits for."""

    id: int
    state: Ended
    reason: str | None = None
    subject: str | None = None


async def take(database: Database, *, limit: int) -> list[Delivery]:
    """The oldest deliveries that wait, in the order they came: at most `limit`, and no more than fit into memory."""
    async with database.reading() as connection:
        waiting = select(table.c.id, func.length(table.c.body)).where(table.c.state == "received")
        sizes = await connection.execute(waiting.order_by(table.c.id).limit(limit))
        ids = list(_fitting((size[0], size[1]) for size in sizes))
        if not ids:
            return []
        found = await connection.execute(select(table).where(table.c.id.in_(ids)).order_by(table.c.id))
        rows = found.all()
    if sum(len(row.body) for row in rows) > _ON_THE_LOOP_BYTES:
        return await asyncio.to_thread(_unpacked, rows)
    return _unpacked(rows)


async def finish(
    connection: AsyncConnection, delivery_id: int, *, state: Ended, reason: str | None, subject: str | None = None
) -> None:
    """Say what became of a delivery."""
    await finish_all(connection, [End(id=delivery_id, state=state, reason=reason, subject=subject)])


async def finish_all(connection: AsyncConnection, ends: Sequence[End]) -> None:
    """Say what became of a batch: one visit to the database for all that ended alike, which nearly all of them do."""
    alike: dict[tuple[str, str | None, str | None], list[int]] = {}
    for end in ends:
        alike.setdefault((end.state, end.reason and end.reason[:REASON_LENGTH], end.subject), []).append(end.id)
    for (state, reason, subject), ids in alike.items():
        ended = update(table).where(table.c.id.in_(ids))
        await connection.execute(ended.values(state=state, reason=reason, subject=subject))


async def unpark(connection: AsyncConnection, subject: str) -> int:
    """Let the deliveries that waited for `subject` be taken again, and say how many there were."""
    parked = update(table).where(table.c.state == "parked", table.c.subject == subject)
    return (await connection.execute(parked.values(state="received", reason=None, subject=None))).rowcount


async def count_attempt(connection: AsyncConnection, delivery_id: int) -> None:
    """Note that working this delivery off was tried once more."""
    await connection.execute(update(table).where(table.c.id == delivery_id).values(attempts=table.c.attempts + 1))


async def replay(database: Database, delivery_id: int) -> bool:
    """Have a delivery worked off again, whatever became of it. False when there is no such delivery."""
    async with database.transaction("deliveries") as connection:
        found = await connection.execute(
            update(table)
            .where(table.c.id == delivery_id)
            .values(state="received", reason=None, subject=None, attempts=0)
        )
        return found.rowcount == 1


async def prune(database: Database, before: datetime) -> int:
    """Delete what was received before that moment, and say how many rows went.

    A failed delivery stays until somebody has looked at it. A parked one has waited in vain: GitHub never reported
    its run. GitHub redelivers for three days, so a limit beyond that cannot let a repeat through.
    """
    total = 0
    for state in PRUNED:
        # Ids follow time, so the search ends at the first batch that has nothing old in it.
        oldest = select(table.c.id, table.c.received_at).where(table.c.state == state)
        batch = oldest.order_by(table.c.id).limit(_PRUNED_AT_ONCE).subquery()
        old = select(batch.c.id).where(batch.c.received_at < before)
        deleted = 1
        while deleted:
            async with database.transaction() as connection:
                deleted = (await connection.execute(delete(table).where(table.c.id.in_(old)))).rowcount
            total += deleted
    return total


async def counts(database: Database) -> dict[str, int]:
    """How many deliveries there are in each state."""
    async with database.reading() as connection:
        found = await connection.execute(select(table.c.state, func.count()).group_by(table.c.state))
        return {row[0]: row[1] for row in found}


def _fitting(sizes: Iterable[tuple[int, int]]) -> Iterator[int]:
    """The first ids that fit into memory together; always at least one."""
    total = 0
    for delivery_id, size in sizes:
        if total and total + size > _TAKEN_BYTES:
            return
        total += size
        yield delivery_id


def _unpacked(rows: Sequence[Row[Any]]) -> list[Delivery]:
    return [
        Delivery(
            id=row.id,
            source=row.source,
            key=row.key,
            headers=json.loads(row.headers),
            body=zlib.decompress(row.body),
            received_at=row.received_at,
            attempts=row.attempts,
        )
        for row in rows
    ]
