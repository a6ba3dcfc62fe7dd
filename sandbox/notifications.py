"""Argo CD's notifications controller: takes the world's notices in order and sends them to the bot, one after another.

It can lose, double and hold back, which the real one does too: a key that was written although the delivery failed, a
restart between sending and writing, and no promise of order.

    async with Notifications(world, senders) as notifications:
        notifications.faults.lose = 1
        await notifications.sent()           until everything noticed so far was sent or lost
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Self

from sandbox import bodies
from sandbox.senders import Senders
from sandbox.world import Notice, World


@dataclass(slots=True, kw_only=True)
class NotificationFaults:
    """What happens to notifications on their way."""

    lose: int = 0
    """How many more are lost."""
    copies: int = 1
    """How often each one is sent."""
    hold: bool = False
    """Keep them back; `release` sends what was kept, the newest first."""


class Notifications:
    """Sends while it is entered; `held` are those kept back."""

    def __init__(self, world: World, senders: Senders) -> None:
        self.faults = NotificationFaults()
        self.held: list[Notice] = []
        self._world = world
        self._senders = senders
        self._queue: asyncio.Queue[Notice] = asyncio.Queue()
        self._sending: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._world.listeners.append(self._queue.put_nowait)
        self._sending = asyncio.create_task(self._run(), name="notifications")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._world.listeners.remove(self._queue.put_nowait)
        if self._sending:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending

    async def sent(self) -> None:
        """Wait until everything noticed so far was sent, lost or held."""
        await self._queue.join()

    def release(self) -> None:
        """Send what was held, in the wrong order."""
        self.faults.hold = False
        while self.held:
            self._queue.put_nowait(self.held.pop())

    async def _run(self) -> None:
        while True:
            notice = await self._queue.get()
            if self.faults.hold:
                self.held.append(notice)
            elif self.faults.lose:
                self.faults.lose -= 1
            else:
                for _ in range(self.faults.copies):
                    await self._senders.argocd(bodies.argocd(notice.document))
            self._queue.task_done()
