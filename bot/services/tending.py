"""What has to be looked after again and again, in the order in which it depends on each other."""

from collections.abc import Awaitable
from datetime import datetime

import structlog

from bot.domain.catalog import Catalog
from bot.services import approvals, freezes, glass, locks, obstacles, reminders, stops
from bot.storage.engine import Database

log = structlog.get_logger(__name__)


async def tend(database: Database, *, catalog: Catalog, now: datetime) -> None:
    """Tidy up what is over, remind people of what they set, and close the requests whose time is over.

    Requests that nobody could approve are given more time first, also after a restart.
    """
    await _tried("stops", stops.tend(database, catalog=catalog, now=now))
    await _tried("locks", locks.tend(database, now=now))
    held = await _tried("waiting", obstacles.keep_waiting(database, places=catalog.environments, now=now))
    if await _tried("freezes", freezes.tend(database, catalog=catalog, now=now)) and held:
        await _tried("expiry", approvals.expire_overdue(database, now=now))
    await _tried("reminders", reminders.remind(database, now=now))
    await _tried("glass", glass.tend(database, now=now))


async def _tried(part: str, work: Awaitable[object]) -> bool:
    """Whether a part was looked after. One row that cannot be read must not end the worker, nor keep the rest back."""
    try:
        await work
    except Exception:  # whatever it is: the next part, and the next round, must come
        log.exception("tending.failed", part=part)
        return False
    return True
