"""A copy of the audit trail in a channel: what was told there can no longer be changed in the database alone.

Rows are gathered into messages, a few each, in their order. Which rows a message has stands in its card's key, and the
key is made in the same transaction that remembers how far the copy is; the board posts each card once, through crashes
and restarts. The next message is made when the one before it is there, so they stand in order, and while Discord is
away the trail waits in its rows. The copy begins where the trail ends when the channel is first set: a head stands for
everything before it.

What is remembered has the hash of the last row that was told. When that row is gone or has another hash, somebody has
cut the end of the trail or made it anew: then nothing more is copied, and the channel and the log say so.

Broken glass has messages of its own, which nobody reads over.

Left out are looks at the gate that let somebody through: what they then did has rows of its own.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import takewhile

import structlog

from bot.domain import trail
from bot.domain.trail import START, Broken, Entry, Head, is_loud
from bot.storage import audit, cards, markers
from bot.storage.audit import Wanted
from bot.storage.engine import Connection, Database, lock

LINES = 10
TOLD = Wanted(passed=False)
_MARKER = "audit copy"

log = structlog.get_logger(__name__)


def card_key(first: int, last: int) -> str:
    """The key of the card that tells the rows from `first` to `last`."""
    return f"audit:{first}-{last}"


async def begin(database: Database) -> None:
    """Copy what comes from now on, unless the copy has begun already."""
    async with database.transaction() as connection:
        await lock(connection, "audit copy")
        if await told(connection) is None:
            end = await audit.head(connection)
            await markers.write(connection, _MARKER, value=f"{end.id}-{end}")


async def run(database: Database, *, clock: Callable[[], datetime], pause: timedelta) -> None:
    """Copy until cancelled, at most one message in each `pause`. Whatever keeps it from going on is logged once."""
    said = ""
    while True:
        problem = ""
        try:
            await step(database, now=clock())
        except Broken as error:
            problem = str(error)
        if problem and problem != said:
            log.error("audit.broken", problem=problem)
        said = problem
        await asyncio.sleep(pause.total_seconds())


async def step(database: Database, *, now: datetime) -> bool:
    """Make the next message, if there are rows to tell and the one before it is there; says whether it was made.

    Raises `Broken`, and has the channel told of it once, when the last row that was copied is not what it was.
    """
    async with database.reading() as connection:
        last = await told(connection)
        broken = None if last is None else await _broken(connection, last)
        if broken is None and await _next(connection) is None:
            return False
    if last is not None and broken is not None:
        async with database.transaction("cards") as connection:
            await cards.begin(connection, f"audit-broken:{last.id}:{last.hash[: trail.SHOWN]}", now=now)
        raise broken
    async with database.transaction("cards") as connection:
        await lock(connection, "audit copy")
        found = await _next(connection)
        if found is None:
            return False
        await cards.mark_stale(connection, card_key(found[0].id, found[-1].id), now=now)
        end = Head(id=found[-1].id, hash=found[-1].hash)
        await markers.write(connection, _MARKER, value=f"{found[0].id}-{end}")
    return True


async def told(connection: Connection) -> Head | None:
    """The last row that was copied, or where the copy began; its hash is '' in a marker of an earlier version.

    None where nothing was ever copied.
    """
    marker = await _marker(connection)
    return marker[1] if marker else None


async def rows(connection: Connection, *, first: int, last: int) -> list[Entry]:
    """The rows that a message tells, in their order."""
    found = await audit.following(connection, first - 1, limit=LINES, wanted=TOLD)
    return [entry for entry in found if entry.id <= last]


async def _next(connection: Connection) -> list[Entry] | None:
    """The rows of the next message; None when there are none yet, or it is not their turn."""
    marker = await _marker(connection)
    if marker is None:
        return None
    first, last = marker
    if await cards.waits(connection, card_key(first, last.id)):
        return None
    found = await audit.following(connection, last.id, limit=LINES, wanted=TOLD)
    if not found:
        return None
    return [found[0]] if is_loud(found[0]) else [*takewhile(lambda entry: not is_loud(entry), found)]


async def _broken(connection: Connection, last: Head) -> Broken | None:
    """What is wrong with the last row that was copied."""
    if last.id == START.id:
        return None
    found = await audit.following(connection, last.id - 1, limit=1)
    if not found or found[0].id != last.id:
        return Broken(last.id, "missing: it was copied into the audit channel, and is not there any more")
    try:
        trail.confirm(last, found[0])
    except Broken as error:
        return error
    return None


async def _marker(connection: Connection) -> tuple[int, Head] | None:
    """The first and the last row of the newest message."""
    stored = await markers.read(connection, _MARKER)
    if stored is None:
        return None
    first, _, last = stored.partition("-")
    number, _, hash = last.partition(":")
    return int(first), Head(id=int(number), hash=hash)
