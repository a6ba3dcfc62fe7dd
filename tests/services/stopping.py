"""People who stop everything and resume, also right before any commit of the bot."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bot.domain.permissions import Actor
from bot.services import stops
from bot.storage.engine import Connection, Database
from tests.services.house import MINJI, SORA, Bot

ALARM, FINE = "nobody knows what happens", "it was the cache"


async def stopped(bot: Bot, actor: Actor = SORA, *, reason: str = ALARM) -> stops.Stopped:
    """Somebody stops everything."""
    return await stops.stop(bot.database, catalog=bot.catalog, actor=actor, reason=reason, now=bot.clock())


async def resumed(bot: Bot, actor: Actor = MINJI, *, reason: str = FINE) -> stops.Gone:
    """Somebody lets everything go on."""
    return await stops.resume(bot.database, catalog=bot.catalog, actor=actor, reason=reason, now=bot.clock())


class Interfered(Database):
    """A database handle that lets somebody be faster, right before the transaction after which no `turns` are left.

    Transactions that wake nobody change nothing that matters here, and do not count.
    """

    turns = 0
    faster: Callable[[], Awaitable[object]] | None = None

    @asynccontextmanager
    async def transaction(self, *wakes: str) -> AsyncIterator[Connection]:
        """As always, after somebody else's."""
        if wakes and self.faster is not None:
            self.turns -= 1
            if self.turns == 0:
                faster, self.faster = self.faster, None
                await faster()
        async with super().transaction(*wakes) as connection:
            yield connection
