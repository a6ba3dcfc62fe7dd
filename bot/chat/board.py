"""The board: makes Discord show what the rows say, one message for each card.

It is level-triggered. A stale card is rendered, its digest compared with what its message shows, and only a
difference is written; so ten events in two seconds are one or two edits, and after a crash there is nothing to
replay. What cannot be written now stays stale and is tried again later: a lasting failure of Discord delays
messages and loses none.

    stale -> nothing differs                            -> settled
          -> no message: announce, post, write it down  -> settled
          -> edit                                       -> settled
             message deleted, or too old: the next part is announced and posted, the old one points to it
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import discord
import structlog

from bot.cards.base import Card, digest
from bot.chat import messages
from bot.domain.moments import AHEAD
from bot.services.views import NotYet
from bot.storage import cards
from bot.storage.cards import StaleCard
from bot.storage.engine import Database

Render = Callable[[str], Awaitable[tuple[int, Card] | None]]
"""Card key -> channel id and card, or None when there is nothing to show. Raises `NotYet` to be asked again soon."""

Observe = Callable[[str, str, float], None]
"""Told of every write: `post`, `edit` or `look`; how it went; seconds since the card became stale."""

AT_ONCE = 4
LOOK_EVERY = 1.0
LIMIT = timedelta(seconds=90)
RETIRE_TRIES = 3
CLOSED_CHANNEL = timedelta(minutes=5)
TOO_MANY = timedelta(seconds=30)
LONGEST = timedelta(seconds=60)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """What to do after a failed write. `nothing_posted`: the failure is also proof that no message was made."""

    wait: timedelta
    nothing_posted: bool
    outcome: str


class Board:
    """Keeps every card's message up to date, a few at once, each not more often than `spacing`."""

    def __init__(
        self,
        database: Database,
        *,
        render: Render,
        client: Callable[[], discord.Client | None],
        clock: Callable[[], datetime],
        spacing: timedelta = timedelta(seconds=1.5),
        old_after: timedelta = timedelta(hours=1),
        observe: Observe | None = None,
    ) -> None:
        self._database = database
        self._render = render
        self._client = client
        self._clock = clock
        self._spacing = spacing
        self._old_after = old_after
        self._observe = observe or (lambda _kind, _outcome, _seconds: None)
        self._in_hand: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled. Without a connected client the cards wait, and nothing counts as a failure."""
        async with asyncio.TaskGroup() as group:
            while True:
                client, room = self._client(), AT_ONCE - len(self._in_hand)
                if room and client is not None and client.is_ready() and not client.is_closed():
                    now = self._clock()
                    for card in await cards.due(self._database, now=now, limit=room, besides=self._in_hand):
                        self._in_hand.add(card.key)
                        group.create_task(self._take(client, card), name=f"card-{card.key}")
                await self._database.wait("cards", seconds=LOOK_EVERY)

    async def _take(self, client: discord.Client, card: StaleCard) -> None:
        """Handle one card; whatever goes wrong with it holds up this card only."""
        try:
            async with asyncio.timeout(LIMIT.total_seconds()):
                await self._show(client, card)
        except NotYet:
            await cards.postpone(self._database, card.key, until=self._soon(), nothing_posted=False)
        except Exception as error:
            # Discord, its library and the network fail in many ways; all of them mean "later", none means "never".
            setback = judge(error, failures=card.failures)
            trace = error if setback.outcome in ("refused", "no_answer") else None
            log.warning("board.setback", card=card.key, outcome=setback.outcome, error=repr(error), exc_info=trace)
            self._note(card, "write", setback.outcome)
            until = self._clock() + setback.wait
            await cards.postpone(self._database, card.key, until=until, nothing_posted=setback.nothing_posted)
        finally:
            self._in_hand.discard(card.key)
            self._database.wake("cards")

    async def _show(self, client: discord.Client, card: StaleCard) -> None:
        looked_at = self._clock()
        rendered = await self._render(card.key)
        if rendered is None:
            await cards.settled(self._database, card, digest=card.digest, looked_at=looked_at)
            return
        channel_id, picture = rendered
        if picture.attachment is not None:
            raise ValueError(f"{card.key} has an attachment, which every edit of its message would send again")
        wanted = digest(picture)
        after = await self._write(client, card, picture, wanted=wanted, channel_id=channel_id)
        if after.retired_message_id and after.channel_id and after.message_id:
            await self._retire(client, after, picture)
        not_before = self._soon() if after is not card else None
        await cards.settled(self._database, card, digest=wanted, looked_at=looked_at, not_before=not_before)

    def _soon(self) -> datetime:
        """When the card may be taken again; the board looks then without being told."""
        asyncio.get_running_loop().call_later(self._spacing.total_seconds(), self._database.wake, "cards")
        return self._clock() + self._spacing

    async def _write(
        self, client: discord.Client, card: StaleCard, picture: Card, *, wanted: str, channel_id: int
    ) -> StaleCard:
        """Bring the message up to date; the same card comes back when there was nothing to write."""
        if card.message_id is None and card.posting_since is not None:
            card = await self._find(client, card, picture)
        if card.message_id is None or card.channel_id is None:
            return await self._post(client, card, picture, wanted=wanted, channel_id=channel_id, retire=None)
        if card.digest == wanted:
            return card
        if card.posted_at is not None and self._clock() - card.posted_at > self._old_after:
            return await self._post(client, card, picture, wanted=wanted, channel_id=channel_id, retire=card.message_id)
        if await messages.edit(client, card.channel_id, card.message_id, picture, part=card.generation):
            self._note(card, "edit", "done")
            return replace(card, digest=wanted)
        self._note(card, "edit", "gone")
        return await self._post(client, card, picture, wanted=wanted, channel_id=channel_id, retire=None)

    async def _find(self, client: discord.Client, card: StaleCard, picture: Card) -> StaleCard:
        """A post was announced and never written down: look whether it was made."""
        if card.channel_id is None:
            return card
        found = await messages.find(client, card.channel_id, picture, part=card.generation)
        if found is None:
            return card
        self._note(card, "look", "found")
        now = self._clock()
        await cards.posted(self._database, card.key, message_id=found, digest=None, now=now)
        return replace(card, message_id=found, digest=None, posted_at=now, posting_since=None)

    async def _post(
        self,
        client: discord.Client,
        card: StaleCard,
        picture: Card,
        *,
        wanted: str,
        channel_id: int,
        retire: int | None,
    ) -> StaleCard:
        """Announce, post, write down. A crash in between leaves the announcement, and `_find` looks for the rest."""
        card = await cards.posting(self._database, card, channel_id=channel_id, now=self._clock(), retire=retire)
        message_id = await messages.post(client, channel_id, picture, key=card.key, part=card.generation)
        self._note(card, "post", "done")
        now = self._clock()
        await cards.posted(self._database, card.key, message_id=message_id, digest=wanted, now=now)
        return replace(card, message_id=message_id, digest=wanted, posted_at=now, posting_since=None)

    async def _retire(self, client: discord.Client, card: StaleCard, picture: Card) -> None:
        """Let the old message point to the new one. It is a courtesy, so after a few tries it is left alone."""
        if card.channel_id is None or card.message_id is None or card.retired_message_id is None:
            return
        try:
            await messages.retire(client, card.channel_id, card.retired_message_id, picture, newer=card.message_id)
        except discord.DiscordException as error:
            if card.failures + 1 < RETIRE_TRIES:
                raise
            log.warning("board.not_retired", card=card.key, error=repr(error))

    def _note(self, card: StaleCard, kind: str, outcome: str) -> None:
        self._observe(kind, outcome, (self._clock() - card.stale_since).total_seconds())


def judge(error: Exception, *, failures: int) -> Setback:
    """How long to wait after this failure, and whether it proves that nothing was posted."""
    longer = min(timedelta(seconds=2 ** min(failures, 10)), LONGEST)
    match error:
        case discord.RateLimited():
            wait = min(timedelta(seconds=error.retry_after), AHEAD)  # a longer pause would not be kept
            return Setback(wait=wait, nothing_posted=True, outcome="rate_limited")
        case discord.HTTPException(status=429):
            return Setback(wait=TOO_MANY, nothing_posted=True, outcome="rate_limited")
        case discord.HTTPException(status=401 | 403 | 404):
            return Setback(wait=CLOSED_CHANNEL, nothing_posted=True, outcome="no_access")
        case discord.HTTPException() if error.status < 500:
            return Setback(wait=CLOSED_CHANNEL, nothing_posted=True, outcome="refused")
        case discord.HTTPException():
            return Setback(wait=longer, nothing_posted=False, outcome="discord_failed")
        case _:
            return Setback(wait=longer, nothing_posted=False, outcome="no_answer")
