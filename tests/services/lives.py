"""A life of the bot's services that may end right after any of its commits."""

import asyncio
from collections.abc import Awaitable, Callable

from bot.domain.catalog import Catalog
from tests.services.failing import Crash, Mortal
from tests.services.house import Bot, bot_in
from tests.services.outside import Outside
from tests.services.waiting import PATIENCE, working


async def live(
    outside: Outside, url: str, *, catalog: Catalog, lives: int | None, road: Callable[[Bot], Awaitable[None]]
) -> bool:
    """One life with `lives` commits, or with as many as it takes. Whether it came to the end of the road."""
    async with bot_in(outside, url, catalog=catalog, make=Mortal) as bot:
        assert isinstance(bot.database, Mortal)
        bot.database.lives = lives
        watch = bot.observer.run()
        arrived = False
        try:
            async with asyncio.timeout(PATIENCE), working(bot.intake().run(), watch, bot.worker().run()):
                await road(bot)
                arrived = True
        except* Crash:
            arrived = False
    return arrived
