"""A copy of the audit trail in a channel: what was told there can no longer be changed in the database alone.

Rows are gathered into messages, a few each, in their order. Which rows a message has stands in its card's key, and the
key is made in the same transaction that remembers how far the copy is; the board posts each card once, through crashes
and restarts. The next message is made when the one before it is there, so they stand in order, and while Discord is
away the trail waits in its rows. The copy begins where the trail ends when the channel is first set: a head stands for
everything before it.

Broken glass has messages of its own, which nobody reads over.

Left out are looks at the gate that let somebody through: what they then did has rows of its own.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

from bot.domain.trail import Entry, is_loud
from bot.storage import audit, cards, markers
from bot.storage.audit import Wanted
from bot.storage.engine import Connection, Database, lock

LINES = 10
TOLD = Wanted(passed=False)
_MARKER = "audit copy"


def card_key(first: int, last: int) -> str:
    """The key of the card that tells the rows from `first` to `last`."""
    return f"audit:{first}-{last}"


async def run(database: Database, *, clock: Callable[[], datetime], pause: timedelta) -> None:
    """Copy until cancelled, at most one message in each `pause`."""
    while True:
        await step(database, now=clock())
        await asyncio.sleep(pause.total_seconds())


async def step(database: Database, *, now: datetime) -> bool:
    """Make the next message, if there are rows to tell and the one before it is there; says whether it was made."""
    async with database.reading() as connection:
        if await _next(connection) is None and await markers.read(connection, _MARKER) is not None:
            return False
    async with database.transaction("cards") as connection:
        await lock(connection, "audit copy")
        if await markers.read(connection, _MARKER) is None:
            end = (await audit.head(connection)).id
            await markers.write(connection, _MARKER, value=f"{end}-{end}")
        found = await _next(connection)
        if found is None:
            return False
        await cards.mark_stale(connection, card_key(*found), now=now)
        await markers.write(connection, _MARKER, value="{}-{}".format(*found))
    return True


async def rows(connection: Connection, *, first: int, last: int) -> list[Entry]:
    """The rows that a message tells, in their order."""
    found = await audit.following(connection, first - 1, limit=LINES, wanted=TOLD)
    return [entry for entry in found if entry.id <= last]


async def _next(connection: Connection) -> tuple[int, int] | None:
    """The first and the last row of the next message; None when there are none yet, or it is not their turn."""
    marker = await markers.read(connection, _MARKER)
    if marker is None:
        return None
    first, last = map(int, marker.split("-"))
    if await cards.waits(connection, card_key(first, last)):
        return None
    found = await audit.following(connection, last, limit=LINES, wanted=TOLD)
    if not found:
        return None
    together = [found[0]] if is_loud(found[0]) else [*takewhile(lambda entry: not is_loud(entry), found)]
    return together[0].id, together[-1].id
