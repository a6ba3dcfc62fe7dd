"""People who lock and unlock, and what the bot says of it."""

from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

from bot.domain.locks import Lock
from bot.domain.permissions import Actor
from bot.domain.reasons import Refused
from bot.services import locks
from bot.storage import documents
from tests.services.house import SORA, Bot

WHY = "The database is being migrated"
HOUR = timedelta(hours=1)


async def locked(
    bot: Bot, actor: Actor = SORA, *, environment: str = "prod", service: str | None = None, **more: Any
) -> locks.Placed:
    """Somebody locks prod, or a service of it."""
    given = {"reason": WHY, "now": bot.clock(), **more}
    return await locks.lock(bot.database, environment=environment, service=service, actor=actor, **given)


async def unlocked(bot: Bot, actor: Actor = SORA, *, service: str | None = None, reason: str = "") -> locks.Removed:
    """Somebody unlocks it."""
    now = bot.clock()
    return await locks.unlock(bot.database, environment="prod", service=service, actor=actor, reason=reason, now=now)


async def refusal(asked: Awaitable[object]) -> Refused | None:
    """Why it is refused, None when it is not."""
    try:
        await asked
    except Refused as refused:
        return refused
    return None


async def all_locks(bot: Bot) -> list[Lock]:
    """Every lock there ever was."""
    found = [documents.lock.load(row["document"]) for row in await bot.table("locks")]
    return sorted(found, key=lambda one: one.since)
