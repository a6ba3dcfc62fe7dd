"""People who freeze prod, or a service of it."""

from typing import Any

from bot.domain.freezes import Freeze
from bot.domain.permissions import Actor
from bot.services import freezes
from bot.services.freezes import Wanted
from bot.storage import documents
from tests.services.house import SORA, Bot

WHY = "the big sale"
ENDS = "2026-08-24T09:00"
"""Two days after the clock of the tests begins, less three hours."""


async def froze(bot: Bot, actor: Actor = SORA, **changes: Any) -> freezes.Added:
    """Somebody freezes prod until ENDS, or as `changes` say."""
    given: dict[str, Any] = {"environment": "prod", "service": None, "reason": WHY}
    if "cron" not in changes:
        given["ends"] = ENDS
    wanted = Wanted(**given | changes)
    return await freezes.add(bot.database, wanted, catalog=bot.catalog, actor=actor, now=bot.clock())


async def thawed(bot: Bot, freeze: Freeze, actor: Actor = SORA, *, reason: str = "") -> Freeze:
    """Somebody removes it."""
    return await freezes.remove(
        bot.database, freeze.id, catalog=bot.catalog, actor=actor, reason=reason, now=bot.clock()
    )


async def all_freezes(bot: Bot) -> list[Freeze]:
    """Every freeze there ever was."""
    return [documents.freeze.load(row["document"]) for row in await bot.table("freezes")]
