"""Deliveries into the database: many requests, one durable commit.

A commit costs a wait for the disk, whether it holds one row or a hundred. So requests hand their delivery to one
writer, which takes everything that waits, commits it in one transaction and only then lets the requests answer.
While it waits for the disk the next batch gathers, so the batches grow with the load. Nothing is acknowledged that
is not on the disk: if the transaction fails, every request of the batch gets `NotStored`.

Bodies are packed before they are handed over. JSON shrinks to an eighth at zlib's lightest level, and that costs less
than writing the rest to the log and from there to the file.
"""

import asyncio
import json
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.storage import writers
from bot.storage.engine import Database
from bot.storage.writers import Identity, Row, Write

_BATCH_ROWS = 256
_BATCH_BYTES = 8_000_000
_WAITING_BYTES = 64_000_000
_OFF_THE_LOOP_BYTES = 1_000_000

log = structlog.get_logger(__name__)


class Overloaded(Exception):
    """More deliveries wait for the disk than may wait; the sender should come again later."""


class NotStored(Exception):
    """The delivery may not have reached the disk and must not be acknowledged."""


@dataclass(slots=True)
class _Waiting:
    row: Row
    stored: asyncio.Future[bool]


class Recorder:
    """The one writer of new deliveries in this process. `run` has to run for `record` to return."""

    def __init__(self, database: Database, *, limit: int = 1024) -> None:
        self._database = database
        self._limit = limit
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._ended = False

    async def record(
        self, *, source: str, key: str, headers: Mapping[str, str], body: bytes, received_at: datetime
    ) -> bool:
        """Return when the delivery is on the disk: True if it will be worked off now, False for a mere repeat.

        Raises `Overloaded` when too much waits already, and `NotStored` when the database did not take it.
        """
        if len(self._waiting) >= self._limit or self._waiting_bytes > _WAITING_BYTES:
            raise Overloaded
        if len(body) > _OFF_THE_LOOP_BYTES:
            packed = await asyncio.to_thread(zlib.compress, body, 1)
        else:
            packed = zlib.compress(body, 1)
        if self._ended:
            raise NotStored  # or it would wait for a writer that is gone, and hold up the end of the process
        row = Row(source=source, key=key, headers=json.dumps(dict(headers)), body=packed, received_at=received_at)
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(row, stored))
        self._waiting_bytes += len(packed)
        self._arrived.set()
        return await stored

    async def run(self) -> None:
        """Store what arrives until cancelled; what still waits then is not stored, and told so."""
        batch: list[_Waiting] = []
        async with writers.opened(self._database) as write:
            try:
                while True:
                    await self._arrived.wait()
                    self._arrived.clear()
                    while batch := self._next_batch():
                        await self._store(batch, write)
            finally:
                self._ended = True
                _fail((*batch, *self._waiting), cause=None)
                self._waiting.clear()
                self._waiting_bytes = 0

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < _BATCH_ROWS and size < _BATCH_BYTES:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].row.body)
        self._waiting_bytes -= size
        return batch

    async def _store(self, batch: list[_Waiting], write: Write) -> None:
        firsts: dict[Identity, _Waiting] = {}
        for waiting in batch:
            firsts.setdefault(waiting.row[:2], waiting)
        try:
            accepted = await write([waiting.row for waiting in firsts.values()])
        except Exception as error:  # whatever it was: nobody may wait for ever, nor be told that it is stored
            log.exception("recorder.not_stored", deliveries=len(batch))
            _fail(batch, cause=error)
            return
        self._database.wake("deliveries")
        for waiting in batch:
            identity = waiting.row[:2]
            if not waiting.stored.done():
                waiting.stored.set_result(identity in accepted and firsts[identity] is waiting)


def _fail(batch: Iterable[_Waiting], *, cause: Exception | None) -> None:
    for waiting in batch:
        if not waiting.stored.done():
            error = NotStored()
            error.__cause__ = cause
            waiting.stored.set_exception(error)
