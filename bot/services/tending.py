"""What has to be looked after again and again, in the order in which it depends on each other."""

from datetime import datetime

from bot.domain.catalog import Catalog
from bot.services import approvals, freezes, glass, locks, obstacles, reminders, stops
from bot.storage.engine import Database


async def tend(database: Database, *, catalog: Catalog, now: datetime) -> None:
    """Tidy up what is over, remind people of what they set, and close the requests whose time is over.

    Requests that nobody could approve are given more time first, also after a restart.
    """
    await stops.tend(database, catalog=catalog, now=now)
    await locks.tend(database, now=now)
    await obstacles.keep_waiting(database, places=catalog.environments, now=now)
    await freezes.tend(database, catalog=catalog, now=now)
    await approvals.expire_overdue(database, now=now)
    await reminders.remind(database, now=now)
    await glass.tend(database, now=now)
