"""People are reminded of what nobody decides: at half-time and before the end, each once, whoever is at work."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards.base import Card
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation
from bot.services import approvals, reminders
from bot.services.views import Gallery
from bot.storage import cards
from sandbox.world import World
from tests.services.house import MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.outside import Outside

RELEASES, ROLE, ABOVE = 30, 400, 401
HALF, LAST = timedelta(minutes=30), timedelta(minutes=50)


@pytest.fixture
async def waiting(bot: Bot, world: World) -> Operation:
    """A deploy of prod that waits for an hour, with its card."""
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    [card] = [card for card in await due(bot) if card == f"release:{waiting.release_id}"]
    await cards.posted(bot.database, card, message_id=5, digest=None, now=bot.clock())
    async with bot.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE cards SET channel_id = 30 WHERE message_id = 5")
    return waiting


async def due(bot: Bot) -> list[str]:
    """The keys of the cards to be looked at."""
    return [card.key for card in await cards.due(bot.database, now=bot.clock(), limit=50)]


async def after(bot: Bot, waiting: Operation, by: timedelta) -> list[str]:
    """The reminders that there are once so much of the time of the request is over."""
    bot.clock.advance((await bot.approval(waiting.id)).requested_at + by - bot.clock())
    await reminders.remind(bot.database, now=bot.clock())
    return [
        row["key"].removeprefix(f"reminder:{waiting.id}:") for row in await bot.table("cards") if "rem" in row["key"]
    ]


def gallery(bot: Bot, catalog: Catalog, *, mention: int | None = ROLE, escalate: int | None = ABOVE) -> Gallery:
    prod = replace(catalog.environments["prod"], mention=mention, escalate=escalate)
    return Gallery(
        database=bot.database,
        catalog=replace(catalog, environments={**catalog.environments, "prod": prod}),
        guild_id=1,
        releases_channel=RELEASES,
        alerts_channel=31,
    )


async def shown(bot: Bot, gallery: Gallery, waiting: Operation, number: int) -> Card | None:
    found = await gallery.card(f"reminder:{waiting.id}:{number}", now=bot.clock())
    return found and found[1]


async def test_people_are_reminded_at_half_time_and_before_the_end(
    bot: Bot, catalog: Catalog, waiting: Operation
) -> None:
    second = timedelta(seconds=1)
    moments = (HALF - second, HALF + second, LAST - second, LAST + second, LAST + second * 2)
    told = [await after(bot, waiting, moment) for moment in moments]

    assert told == [[], ["1"], ["1"], ["1", "2"], ["1", "2"]]
    first, last = [await shown(bot, gallery(bot, catalog), waiting, number) for number in (1, 2)]
    assert first
    assert last
    assert (first.title, first.mention) == (f"{TICKETS} → prod · still waits for approval", ROLE)
    assert (last.title, last.mention) == (f"{TICKETS} → prod · approval ends soon", ABOVE)
    assert first.reference != last.reference
    assert first.buttons[0].url == "https://discord.com/channels/1/30/5"


async def test_who_is_called_is_what_the_topology_says(bot: Bot, catalog: Catalog, waiting: Operation) -> None:
    await after(bot, waiting, LAST + timedelta(seconds=1))
    called = []
    for mention, escalate in ((None, None), (ROLE, None), (None, ABOVE)):
        place = gallery(bot, catalog, mention=mention, escalate=escalate)
        found = [await shown(bot, place, waiting, number) for number in (1, 2)]
        called.append([card and card.mention for card in found])

    assert called == [[None, None], [ROLE, ROLE], [None, ABOVE]]


async def test_a_bot_that_was_away_sends_the_newest_it_missed(bot: Bot, waiting: Operation) -> None:
    assert await after(bot, waiting, LAST + timedelta(seconds=1)) == ["2"]


async def test_nobody_is_reminded_of_what_is_over(bot: Bot, catalog: Catalog, waiting: Operation) -> None:
    assert await after(bot, waiting, timedelta(hours=1)) == []
    bot.clock.advance(-timedelta(minutes=25))
    assert await after(bot, waiting, HALF + timedelta(seconds=1)) == ["1"]
    await approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock())

    assert await shown(bot, gallery(bot, catalog), waiting, 1) is None  # It was decided before it was posted.
    assert await after(bot, waiting, LAST + timedelta(seconds=1)) == ["1"]


async def test_a_reminder_says_how_it_ended(bot: Bot, catalog: Catalog, waiting: Operation) -> None:
    await after(bot, waiting, HALF + timedelta(seconds=1))
    key = f"reminder:{waiting.id}:1"
    [card] = [one for one in await cards.due(bot.database, now=bot.clock(), limit=50) if one.key == key]
    card = await cards.posting(bot.database, card, channel_id=RELEASES, now=bot.clock())
    await cards.posted(bot.database, key, message_id=6, digest="d", now=bot.clock())
    await cards.settled(bot.database, card, digest="d", looked_at=bot.clock())
    assert key not in await due(bot)

    await approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock())

    assert key in await due(bot)
    ended = await shown(bot, gallery(bot, catalog), waiting, 1)
    assert ended
    assert (ended.title, ended.mention) == (f"{TICKETS} → prod · approved by minji", None)


@pytest.mark.storage
async def test_of_many_workers_one_reminds(
    bot: Bot, outside: Outside, database_url: str, catalog: Catalog, waiting: Operation
) -> None:
    bot.clock.advance(HALF + timedelta(seconds=5))
    async with bot_in(outside, database_url, catalog=catalog) as other:
        lives = [bot, other] * 10
        begun = await asyncio.gather(*(reminders.remind(one.database, now=bot.clock()) for one in lives))

    assert sorted(begun) == [0] * 19 + [1]
