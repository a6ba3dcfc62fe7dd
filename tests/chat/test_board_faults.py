"""The board when something goes wrong: crashes and refusals lose nothing, and post nothing twice."""

import asyncio
from dataclasses import replace

import discord
import pytest

from bot.cards.base import Attachment
from bot.chat.board import Board, judge
from bot.storage import cards
from tests.chat.shelf import FIRST, Shelf
from tests.chat.town import until


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
    limits = [judge(discord.RateLimited(seconds), failures=3).wait.total_seconds() for seconds in (47.0, 3600.0)]
    assert limits == [47, 300]


async def test_a_card_with_an_attachment_is_not_for_the_board(shelf: Shelf) -> None:
    async with shelf.board():
        await shelf.put(replace(FIRST, attachment=Attachment(name="a.log", text="line")))
        await shelf.failed(1)

    assert (shelf.town.writes(), shelf.seen) == ([], [("write", "no_answer")])
