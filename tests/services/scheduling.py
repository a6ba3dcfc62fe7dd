"""Several tasks on one database, of which one goes on at a time: a seed says which, so that each seed is one order of
their looks and changes, and always the same one.

A task stops before each look and each change. Nobody holds anything there, so whoever goes on meets nobody half-way.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from random import Random

from bot.storage.engine import Connection, Database

_schedule: ContextVar["Schedule | None"] = ContextVar("schedule", default=None)


class Schedule:
    """Lets one of its tasks go on at a time."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._gates: list[asyncio.Event] = []
        self._quiet = asyncio.Event()

    async def stop(self) -> None:
        """Wait until it is this task's turn again."""
        gate = asyncio.Event()
        self._gates.append(gate)
        self._quiet.set()
        await gate.wait()

    async def run(self, orders: Mapping[str, Callable[[], Awaitable[object]]]) -> dict[str, object]:
        """What came of each."""
        found: dict[str, object] = {}

        async def take(name: str) -> None:
            _schedule.set(self)
            await self.stop()
            try:
                found[name] = await orders[name]()
            finally:
                self._quiet.set()

        async with asyncio.TaskGroup() as group:
            for name in orders:
                await self._until_quiet(group.create_task(take(name)))
            while self._gates:
                gate = self._gates.pop(self._chance.randrange(len(self._gates)))
                gate.set()
                await self._until_quiet()
        return found

    async def _until_quiet(self, _task: object = None) -> None:
        self._quiet.clear()
        await self._quiet.wait()


class Scheduled(Database):
    """A database handle whose users stop before each look and each change, where a schedule has them in hand."""

    def turn(self, name: str) -> asyncio.Lock:
        """Nobody waits for a turn: one task goes on at a time."""
        return asyncio.Lock() if _schedule.get() else super().turn(name)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """As always, once it is the task's turn."""
        if (schedule := _schedule.get()) is not None:
            await schedule.stop()
        async with super().reading() as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self, *wakes: str) -> AsyncIterator[Connection]:
        """As always, once it is the task's turn."""
        if (schedule := _schedule.get()) is not None:
            await schedule.stop()
        async with super().transaction(*wakes) as connection:
            yield connection
