"""GitHub's runners: they take the attempts that somebody asked for over the API, and go through them.

What the stories run, they run themselves; this is for a person who presses Run again while a story is told.

    async with Runners(pipeline) as runners:
        await runners.idle()                 until every attempt that was asked for so far is over
"""

import asyncio
import contextlib
from typing import Self

from sandbox.actions import Run
from sandbox.pipeline import Pipeline


class Runners:
    """Work while they are entered, one attempt after the other."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._queue: asyncio.Queue[Run] = asyncio.Queue()
        self._working: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._pipeline.world.actions.listeners.append(self._queue.put_nowait)
        self._working = asyncio.create_task(self._run(), name="runners")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._pipeline.world.actions.listeners.remove(self._queue.put_nowait)
        if self._working:
            self._working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._working

    async def idle(self) -> None:
        """Wait until every attempt that was asked for so far is over."""
        await self._queue.join()

    async def _run(self) -> None:
        while True:
            await self._pipeline.resume(await self._queue.get())
            self._queue.task_done()
