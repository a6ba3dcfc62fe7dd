"""The audit trail read: verified, exported, and a page of it for people.

All of it is read in pieces, each in a transaction of its own, so it costs the same memory for any number of rows and
holds up nobody who writes. Rows only come at the end, so the pieces fit.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

from bot.domain import trail
from bot.domain.trail import Broken, Entry, Head
from bot.services import copies
from bot.services.showing import shown_on
from bot.storage import audit, cards, operations
from bot.storage.audit import EVERYTHING, Wanted
from bot.storage.engine import Connection, Database

PIECE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How far the chain holds: `head` is its end, or the last good row before what is `broken`.

    `guarded` says whether the database refuses to change and delete rows, as the migration told it to.
    """

    first: Entry | None
    last: Entry | None
    head: Head
    broken: Broken | None
    guarded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Rows from the newest, where in Discord the cards of their operations are, and whether there are older rows."""

    entries: tuple[Entry, ...]
    cards: Mapping[str, str]
    more: bool


async def verify(database: Database, *, noted: Collection[Head] = ()) -> Verified:
    """Follow the chain from its first row to its end, and compare it with heads that were noted elsewhere.

    The last row that was copied into the audit channel is compared too.
    """
    async with database.reading() as connection:
        copied = await copies.told(connection)
        guarded = await audit.guarded(connection)
    noted = [*noted, *([copied] if copied else [])]
    head, first, last = trail.START, None, None
    broken: Broken | None = None
    try:
        async for entry in entries(database):
            after = trail.follow(head, entry)
            for one in noted:
                trail.confirm(one, entry)
            head, first, last = after, first or entry, entry
        for one in noted:
            if one.id > head.id:
                raise Broken(one.id, f"missing: it was noted, and the trail ends at #{head.id}")
    except Broken as error:
        broken = error
    return Verified(first=first, last=last, head=head, broken=broken, guarded=guarded)


async def entries(database: Database, *, wanted: Wanted = EVERYTHING) -> AsyncIterator[Entry]:
    """Every wanted row from the oldest, as it is stored; what is added meanwhile comes too."""
    after = 0
    while True:
        async with database.reading() as connection:
            piece = await audit.following(connection, after, limit=PIECE, wanted=wanted)
        for entry in piece:
            yield entry
        if len(piece) < PIECE:
            return
        after = piece[-1].id


async def page(database: Database, *, before: int | None, limit: int, wanted: Wanted, guild_id: int) -> Page:
    """Up to `limit` wanted rows, the newest or those before a row."""
    async with database.reading() as connection:
        found = await audit.preceding(connection, before, limit=limit + 1, wanted=wanted)
        shown = found[:limit]
        ids = dict.fromkeys(entry.operation_id for entry in shown if entry.operation_id)
        places = {id: url for id in ids if (url := await _card(connection, id, guild_id=guild_id))}
    return Page(entries=tuple(shown), cards=places, more=len(found) > limit)


async def _card(connection: Connection, operation_id: str, *, guild_id: int) -> str | None:
    operation = await operations.get(connection, operation_id)
    place = await cards.location(connection, shown_on(operation)) if operation else None
    return f"https://discord.com/channels/{guild_id}/{place[0]}/{place[1]}" if place else None
