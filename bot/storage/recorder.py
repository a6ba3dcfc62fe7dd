"""Deliveries into the database: many requests, one durable commit.

A commit costs a wait for the disk, whether it holds one row or a hundred. So requests hand their delivery to one
writer, which takes everything that waits, commits it in one transaction and only then lets the requests answer.
While it waits for the disk the next batch gathers, so the batches grow with the load. Nothing is acknowledged that
is not on the disk: if the transaction fails, every request of the batch gets `NotStored`.

The unique key decides what is a repeat. A repeat of a failed delivery is taken up again, because GitHub sends the
same id when a person asks for a redelivery.
"""

import asyncio
import json
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from bot.storage.engine import Database, insert
from bot.storage.schema import deliveries as table

_BATCH_ROWS = 256
_BATCH_BYTES = 8_000_000
_WAITING_BYTES = 64_000_000

log = structlog.get_logger(__name__)


class Overloaded(Exception):
    """More deliveries wait for the disk than may wait; the sender should come again later."""


class NotStored(Exception):
    """The delivery may not have reached the disk and must not be acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    source: str
    key: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    stored: asyncio.Future[bool]


class Recorder:
    """The one writer of new deliveries in this process. `run` has to run for `record` to return."""

    def __init__(self, database: Database, *, limit: int = 1024) -> None:
        self._database = database
        self._limit = limit
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()

    async def record(
        self, *, source: str, key: str, headers: Mapping[str, str], body: bytes, received_at: datetime
    ) -> bool:
        """Return when the delivery is on the disk: True if it will be worked off now, False for a mere repeat.

        Raises `Overloaded` when too much waits already, and `NotStored` when the database did not take it.
        """
        full = self._waiting and self._waiting_bytes + len(body) > _WAITING_BYTES
        if full or len(self._waiting) >= self._limit:
            raise Overloaded
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(
            _Waiting(source=source, key=key, headers=headers, body=body, received_at=received_at, stored=stored)
        )
        self._waiting_bytes += len(body)
        self._arrived.set()
        return await stored

    async def run(self) -> None:
        """Store what arrives until cancelled; what still waits then is not stored, and told so."""
        batch: list[_Waiting] = []
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while batch := self._next_batch():
                    await self._store(batch)
        finally:
            _fail([*batch, *self._waiting], cause=None)
            self._waiting.clear()
            self._waiting_bytes = 0

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < _BATCH_ROWS:
            size += len(self._waiting[0].body)
            if batch and size > _BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
            self._waiting_bytes -= len(batch[-1].body)
        return batch

    async def _store(self, batch: Sequence[_Waiting]) -> None:
        firsts: dict[tuple[str, str], _Waiting] = {}
        for waiting in batch:
            firsts.setdefault((waiting.source, waiting.key), waiting)
        try:
            accepted = await self._insert(await asyncio.to_thread(_packed, list(firsts.values())))
        except Exception as error:
            log.exception("recorder.not_stored", deliveries=len(batch))
            _fail(batch, cause=error)
            return
        for waiting in batch:
            if not waiting.stored.done():
                identity = (waiting.source, waiting.key)
                waiting.stored.set_result(identity in accepted and firsts[identity] is waiting)

    async def _insert(self, rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
        """Insert the rows, and say which (source, key) now wait to be worked off because of it."""
        async with self._database.transaction("deliveries") as connection:
            again = {"state": "received", "reason": None, "subject": None, "attempts": 0}
            statement = (
                insert(connection, table)
                .on_conflict_do_update(index_elements=["source", "key"], set_=again, where=table.c.state == "failed")
                .returning(table.c.source, table.c.key)
            )
            found = await connection.execute(statement, rows)
            return {(source, key) for source, key in found}


def _packed(batch: Sequence[_Waiting]) -> list[dict[str, Any]]:
    """The rows. JSON shrinks to an eighth at zlib's lightest level, which costs less than writing the rest."""
    return [
        {
            "source": waiting.source,
            "key": waiting.key,
            "headers": json.dumps(dict(waiting.headers)),
            "body": zlib.compress(waiting.body, 1),
            "received_at": waiting.received_at,
            "state": "received",
        }
        for waiting in batch
    ]


def _fail(batch: Sequence[_Waiting], *, cause: Exception | None) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            error = NotStored()
            error.__cause__ = cause
            waiting.stored.set_exception(error)
