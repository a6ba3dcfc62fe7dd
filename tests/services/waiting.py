"""Waiting for what must become true, with a limit, while loops of the bot run beside the test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

PATIENCE = 10.0
_Found = TypeVar("_Found")


async def eventually(look: Callable[[], Awaitable[_Found | None]], *, within: float = PATIENCE) -> _Found:
    """What `look` finds, once it finds something; raises TimeoutError."""
    async with asyncio.timeout(within):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


@asynccontextmanager
async def working(*loops: Awaitable[None]) -> AsyncIterator[None]:
    """Run the loops while the context lasts. A loop that fails ends the context with its error."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_forever(loop)) for loop in loops]
        yield
        for task in tasks:
            task.cancel()


async def _forever(loop: Awaitable[None]) -> None:
    await loop
    raise AssertionError("the loop ended")
