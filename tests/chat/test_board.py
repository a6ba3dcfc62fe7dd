"""The board against a simulated Discord and a real database: one message, whatever happens in between."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import discord
import pytest
from sqlalchemy import select

from bot.cards.base import Button, Card, Colour, Style, digest
from bot.chat import messages
from bot.chat.board import Board, judge
from bot.storage import cards, schema
from tests.chat.town import Town, town, until

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


@pytest.fixture
async def shelf(database_url: str) -> AsyncIterator[Shelf]:
    """An empty shelf in a town of its own."""
    async with town(database_url) as place:
        yield Shelf(place)


async def test_a_card_is_posted_once_and_edited_only_when_it_differs(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        shelf.town.clock.pass_by(seconds=2)
        await shelf.put(None)
        await shelf.settle()
        assert shelf.town.writes() == ["post"]

        await shelf.put(replace(FIRST, description="two"))
        await shelf.settle()

    assert shelf.town.writes() == ["post", "edit"]
    [message] = shelf.town.releases.history()
    assert [embed.to_dict() for embed in message.embeds] == [
        {
            "type": "rich",
            "title": "ticket-service → prod · building",
            "color": 0x5865F2,
            "description": "two",
            "footer": {"text": "release 1"},
            "flags": 0,
        }
    ]
    row = await shelf.row()
    assert row["message_id"] == message.id
    assert row["digest"] == digest(replace(FIRST, description="two"))
    assert (row["stale_since"], row["posting_since"], row["generation"], row["failures"]) == (None, None, 0, 0)


async def test_a_burst_is_one_post_at_once_and_then_one_edit(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        for number in range(10):
            await shelf.put(replace(FIRST, description=f"step {number}"))
            shelf.town.clock.pass_by(milliseconds=100)
            await shelf.settle()
        assert shelf.town.writes() == ["post"]

        shelf.town.clock.pass_by(milliseconds=500)
        await shelf.settle()

    assert shelf.town.writes() == ["post", "edit"]
    assert shelf.town.releases.history()[0].embeds[0].description == "step 9"


async def test_a_change_while_the_card_is_being_shown_is_not_lost(shelf: Shelf) -> None:
    async def change_meanwhile() -> None:
        shelf.on_render = None
        await shelf.put(None)

    async with shelf.board():
        shelf.on_render = lambda _key: change_meanwhile()
        await shelf.put(FIRST)
        await until(lambda: shelf.seen == [("post", "done")])
        await shelf.settle()
        shelf.cards["release:1"] = replace(FIRST, description="meanwhile")
        shelf.town.clock.pass_by(seconds=2)
        await shelf.settle()

    assert shelf.town.releases.history()[0].embeds[0].description == "meanwhile"


async def test_a_waiting_card_calls_its_role_when_posted_and_nobody_when_edited(shelf: Shelf) -> None:
    role = shelf.town.approvers.id
    waiting = replace(
        FIRST,
        mention=role,
        description=f"**Next** <@&{role}> approves @everyone",
        buttons=(
            Button(label="Approve", custom_id="chatops:approve:1", style=Style.GOOD),
            Button(label="Run", url="https://github.com/o/r/actions/runs/1"),
        ),
    )
    async with shelf.board():
        await shelf.put(waiting)
        await shelf.settle()
        shelf.town.clock.pass_by(seconds=2)
        await shelf.put(replace(waiting, description="still"))
        await shelf.settle()

    bodies = [request.json for request in shelf.town.env.http_requests if "/messages" in request.path]
    [posted, edited] = [body for body in bodies if isinstance(body, dict)]
    assert (posted["content"], posted["nonce"], posted["enforce_nonce"]) == (
        f"<@&{role}>",
        messages.nonce("release:1", part=0),
        True,
    )
    assert posted["allowed_mentions"] == {"parse": [], "roles": [role]}
    assert posted["embeds"][0]["description"] == "**Next** **@Approvers** approves @everyone"
    assert [[part["label"] for part in row["components"]] for row in posted["components"]] == [["Approve"], ["Run"]]
    assert (edited["content"], edited["allowed_mentions"]) == (f"<@&{role}>", {"parse": []})
    assert shelf.town.env.bot.persistent_views == []


async def test_a_deleted_message_is_posted_again(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        [message] = shelf.town.releases.history()
        await message.delete()
        shelf.town.clock.pass_by(seconds=2)
        await shelf.put(replace(FIRST, description="two"))
        await shelf.settle()

    [again] = shelf.town.releases.history()
    assert again.id != message.id
    assert again.embeds[0].footer.text == "release 1 · part 2"
    assert (await shelf.row())["message_id"] == again.id
    assert shelf.seen == [("post", "done"), ("edit", "gone"), ("post", "done")]


async def test_an_old_card_goes_on_in_a_new_message(shelf: Shelf) -> None:
    pressed = replace(FIRST, buttons=(Button(label="Approve", custom_id="chatops:approve:1"),))
    async with shelf.board():
        await shelf.put(pressed)
        await shelf.settle()
        shelf.town.clock.pass_by(hours=1, seconds=1)
        await shelf.put(replace(pressed, description="two"))
        await shelf.settle()
        await until(lambda: len(shelf.town.writes()) == 3)

    old, new = shelf.town.releases.history()
    assert [old.embeds[0].title, new.embeds[0].title] == [
        "ticket-service → prod · continued below",
        "ticket-service → prod · building",
    ]
    assert old.embeds[0].description == (
        "This went on for long, so it goes on in [a newer message]"
        f"(https://discord.com/channels/{shelf.town.guild.id}/{shelf.town.releases.id}/{new.id})."
    )
    assert [old.components, len(new.components)] == [[], 1]
    assert shelf.town.writes() == ["post", "post", "edit"]
    assert (await shelf.row())["retired_message_id"] is None


async def test_an_old_message_that_cannot_be_retired_is_left_alone(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        shelf.town.clock.pass_by(hours=2)
        shelf.town.env.inject_error("PATCH", "/channels/*/messages/*", status=429, code=30046, times=None)
        await shelf.put(replace(FIRST, description="two"))
        for failures in (1, 2):
            await shelf.failed(failures)
            shelf.town.clock.pass_by(seconds=31)
            await shelf.settle()

    row = await shelf.row()
    assert (row["retired_message_id"], row["stale_since"]) == (None, None)
    assert shelf.town.writes() == ["post", "post", "edit", "edit", "edit"]


async def test_a_crash_between_posting_and_writing_it_down_posts_nothing_twice(shelf: Shelf) -> None:
    await shelf.put(FIRST)
    async with shelf.board() as board:
        shelf.on_write = lambda _kind, _outcome: [board.cancel()].clear()
        await until(board.done)
    assert [(await shelf.row())[name] for name in ("message_id", "digest")] == [None, None]
    assert len(shelf.town.releases.history()) == 1

    shelf.on_write = lambda _kind, _outcome: None
    shelf.cards["release:1"] = replace(FIRST, description="after the crash")
    async with shelf.board():
        await shelf.settle()

    [message] = shelf.town.releases.history()
    assert message.embeds[0].description == "after the crash"
    assert (await shelf.row())["message_id"] == message.id
    assert shelf.seen == [("post", "done"), ("look", "found"), ("edit", "done")]


async def test_a_crash_before_posting_posts_after_looking(shelf: Shelf) -> None:
    other = replace(FIRST, reference="release 11")
    await shelf.put(other, key="release:11")
    async with shelf.board():
        await shelf.settle()
    await shelf.put(FIRST)
    [stale] = await cards.due(shelf.town.database, now=shelf.town.clock(), limit=9)
    await cards.posting(shelf.town.database, stale, channel_id=shelf.town.releases.id, now=shelf.town.clock())

    async with shelf.board():
        await shelf.settle()

    assert [message.embeds[0].footer.text for message in shelf.town.releases.history()] == ["release 11", "release 1"]
    assert shelf.town.env.http_requests[-2].method == "GET"


@pytest.mark.parametrize(
    ("status", "code", "wait"), [(500, 0, 1), (502, 0, 1), (429, 30046, 30), (403, 50013, 300), (404, 10003, 300)]
)
async def test_a_refused_post_is_made_later_and_once(shelf: Shelf, status: int, code: int, wait: int) -> None:
    shelf.town.env.inject_error("POST", "/channels/*/messages", status=status, code=code)
    async with shelf.board():
        await shelf.put(FIRST)
        await until(lambda: len(shelf.seen) == 1)
        await shelf.settle()
        shelf.town.clock.pass_by(seconds=wait - 0.5)
        await shelf.settle()
        assert shelf.titles() == []

        shelf.town.clock.pass_by(seconds=0.6)
        await shelf.settle()

    assert shelf.titles() == ["ticket-service → prod · building"]
    assert (await shelf.row())["failures"] == 0
    assert shelf.seen[1:] == [("post", "done")]


async def test_a_failing_edit_backs_off_and_shows_the_latest_in_the_end(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(FIRST)
        await shelf.settle()
        shelf.town.clock.pass_by(seconds=2)
        shelf.town.env.inject_error("PATCH", "/channels/*/messages/*", status=500, times=2)
        await shelf.put(replace(FIRST, description="two"))
        for failures, wait in ((1, 1), (2, 2)):
            await shelf.failed(failures)
            shelf.cards["release:1"] = replace(FIRST, description=f"after {failures}")
            shelf.town.clock.pass_by(seconds=wait)
            await shelf.settle()

    assert shelf.town.writes() == ["post", "edit", "edit", "edit"]
    assert shelf.town.releases.history()[0].embeds[0].description == "after 2"


async def test_one_card_in_trouble_does_not_hold_up_the_others(shelf: Shelf) -> None:
    def fail(key: str) -> None:
        if key == "release:1":
            raise ValueError("a fault in rendering")

    shelf.on_render = fail
    async with shelf.board() as board:
        await shelf.put(FIRST)
        await shelf.put(replace(FIRST, title="other", reference="release 2"), key="release:2")
        await until(lambda: shelf.titles() == ["other"])
        await shelf.settle()
        assert not board.done()

    assert (await shelf.row())["failures"] == 1
    assert shelf.seen.count(("write", "no_answer")) == 1


async def test_at_most_four_cards_are_written_at_once(shelf: Shelf) -> None:
    waiting, most, gate = 0, 0, asyncio.Event()

    async def hold() -> None:
        nonlocal waiting, most
        waiting, most = waiting + 1, max(most, waiting + 1)
        await gate.wait()
        waiting -= 1

    shelf.on_render = lambda _key: hold()
    for number in range(9):
        await shelf.put(replace(FIRST, title=str(number), reference=f"release {number}"), key=f"release:{number}")
    async with shelf.board():
        await until(lambda: waiting == 4)
        gate.set()
        await until(lambda: len(shelf.titles()) == 9)

    assert most == 4
    assert sorted(shelf.titles()) == [str(number) for number in range(9)]


async def test_nothing_to_show_leaves_nothing_stale(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(None)
        await shelf.settle()

    assert (await shelf.row())["stale_since"] is None
    assert shelf.titles() == []


async def test_cards_wait_for_a_client_without_counting_failures(shelf: Shelf) -> None:
    connected: list[discord.Client] = []
    board = Board(
        shelf.town.database,
        render=shelf.render,
        client=lambda: connected[0] if connected else None,
        clock=shelf.town.clock,
        observe=shelf.observe,
    )
    task = asyncio.create_task(board.run())
    await shelf.put(FIRST)
    await until(lambda: not shelf.town.database._wakers["cards"].is_set())
    assert (await shelf.row())["failures"] == 0

    connected.append(shelf.town.env.bot)
    shelf.town.database.wake("cards")
    await until(lambda: shelf.titles() == ["ticket-service → prod · building"])
    task.cancel()
    await asyncio.wait([task])


def test_waits_grow_and_have_an_end() -> None:
    waits = [judge(TimeoutError(), failures=failures).wait.total_seconds() for failures in (0, 1, 5, 6, 60)]

    assert waits == [1, 2, 32, 60, 60]
    assert judge(discord.RateLimited(47.0), failures=3).wait == timedelta(seconds=47)
