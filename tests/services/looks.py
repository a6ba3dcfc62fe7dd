"""Looking at an environment, and waiting until the bot has noticed something there."""

from bot.domain.events import ApplicationObserved
from tests.services.house import Bot
from tests.services.waiting import eventually


async def look(bot: Bot, environment: str = "prod") -> ApplicationObserved | None:
    """One look, and what it showed."""
    return await bot.observer.observe(bot.catalog.environments[environment])


async def noticed(bot: Bot, revision: str, *, environment: str = "prod") -> ApplicationObserved:
    """The observation in the row, once it speaks of the revision."""

    async def seen() -> ApplicationObserved | None:
        known = await bot.known(environment)
        return known.observation if known.observation and known.observation.revision == revision else None

    return await eventually(seen)
