"""GitHub's webhook for branches that were moved through its API or by `git push`: one after another, in order.

What the scripted pipeline commits it announces itself; this tells the bot of what came in otherwise, its own too.
"""

import asyncio
import contextlib
from typing import Self

from sandbox.bodies import NOTHING, Bodies
from sandbox.senders import Senders
from sandbox.world import Push, World


class Pushes:
    """Sends while it is entered."""

    def __init__(self, world: World, senders: Senders) -> None:
        self._world = world
        self._senders = senders
        self._bodies = Bodies(world.topology)
        self._queue: asyncio.Queue[Push] = asyncio.Queue()
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._world.watchers.append(self._queue.put_nowait)
        self._sending = asyncio.create_task(self._run(), name="pushes")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._world.watchers.remove(self._queue.put_nowait)
        if self._sending:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending

    async def sent(self) -> None:
        """Wait until everything moved so far was announced."""
        await self._queue.join()

    async def _run(self) -> None:
        while True:
            push = await self._queue.get()
            # A branch that begins at a commit that is known already has no commits to tell of, only its tip.
            commits = list(push.commits) or [push.after]
            body = self._bodies.push(push.branch, commits, before=push.before or NOTHING)
            await self._senders.github("push", body)
            self._queue.task_done()
