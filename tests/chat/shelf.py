"""Cards to show, a board that shows them, and what became of it in rows and in the channel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy import select

from bot.cards.base import Card, Colour
from bot.chat.board import Board
from bot.storage import cards, schema
from tests.chat.town import Town, until

FIRST = Card(title="ticket-service → prod · building", colour=Colour.RUNNING, reference="release 1", description="one")
SPACING = timedelta(seconds=1.5)


class Shelf:
    """The cards there are, and a board that shows them."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.cards: dict[str, Card] = {}
        self.seen: list[tuple[str, str]] = []
        self.on_write: Callable[[str, str], None] = lambda _kind, _outcome: None
        self.on_render: Callable[[str], object] | None = None

    async def put(self, card: Card | None, *, key: str = "release:1") -> None:
        """Change what a card shows, as a service does: in one transaction with the mark."""
        if card is not None:
            self.cards[key] = card
        async with self.town.database.transaction("cards") as connection:
            await cards.mark_stale(connection, key, now=self.town.clock())

    async def render(self, key: str) -> tuple[int, Card] | None:
        """What the board asks for; the mark may be older than the card."""
        if self.on_render is not None:
            result = self.on_render(key)
            if asyncio.iscoroutine(result):
                await result
        card = self.cards.get(key)
        return (self.town.releases.id, card) if card else None

    def observe(self, kind: str, outcome: str, _seconds: float) -> None:
        """What the board reports."""
        self.seen.append((kind, outcome))
        self.on_write(kind, outcome)

    @asynccontextmanager
    async def board(self) -> AsyncIterator[asyncio.Task[None]]:
        """A running board; `async with` ends it as a crash does, between any two steps."""
        board = Board(
            self.town.database,
            render=self.render,
            client=lambda: self.town.env.bot,
            clock=self.town.clock,
            spacing=SPACING,
            observe=self.observe,
        )
        task = asyncio.create_task(board.run(), name="board")
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def settle(self) -> None:
        """Return once no card is stale and due."""
        self.town.database.wake("cards")
        await until(self._nothing_due)

    async def failed(self, times: int) -> None:
        """Return once the card has failed so many times in a row."""

        async def counted() -> bool:
            return (await self.row())["failures"] == times

        await until(counted)

    async def _nothing_due(self) -> bool:
        return not await cards.due(self.town.database, now=self.town.clock(), limit=1)

    async def row(self, key: str = "release:1") -> dict[str, object]:
        """The card's row."""
        async with self.town.database.reading() as connection:
            found = await connection.execute(select(schema.cards).where(schema.cards.c.key == key))
        return dict(found.one()._mapping)

    def titles(self) -> list[str]:
        """The titles of the messages in the channel, from the oldest."""
        return [message.embeds[0].title or "" for message in self.town.releases.history()]
