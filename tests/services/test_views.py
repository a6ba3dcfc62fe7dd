"""Which cards there are to show, by what the rows say."""

from dataclasses import replace

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation
from bot.services.views import Gallery, NotYet
from bot.storage import cards
from sandbox.world import World
from tests.services.house import TICKETS, Bot

RELEASES, ROLE = 30, 400


@pytest.fixture
def gallery(bot: Bot, catalog: Catalog) -> Gallery:
    """The cards of a guild where somebody is called for prod."""
    prod = replace(catalog.environments["prod"], mention=ROLE)
    return Gallery(
        database=bot.database,
        catalog=replace(catalog, environments={**catalog.environments, "prod": prod}),
        guild_id=1,
        releases_channel=RELEASES,
        alerts_channel=31,
    )


@pytest.fixture
async def waiting(bot: Bot, world: World) -> Operation:
    """A deploy of prod that somebody has to approve."""
    world.release("prod", TICKETS, login="hyunwoo")
    return await bot.propose()


async def called(gallery: Gallery, bot: Bot, operation: Operation) -> str | None:
    """The title of the call for approvers, None where there is none to show."""
    found = await gallery.card(f"request:{operation.id}", now=bot.clock())
    return found and found[1].title


async def test_nobody_is_called_to_a_card_that_is_not_there(gallery: Gallery, bot: Bot, waiting: Operation) -> None:
    with pytest.raises(NotYet):
        await called(gallery, bot, waiting)


async def test_nobody_is_called_about_what_is_decided(gallery: Gallery, bot: Bot, waiting: Operation) -> None:
    await bot.approve(waiting)

    assert await called(gallery, bot, waiting) is None


@pytest.mark.parametrize("written_down", [True, False])
async def test_a_call_that_may_be_there_says_how_it_ended(
    gallery: Gallery, bot: Bot, waiting: Operation, written_down: bool
) -> None:
    # The bot may die between posting the call and writing down its id; somebody approves before it is back.
    key = f"request:{waiting.id}"
    [call] = [card for card in await cards.due(bot.database, now=bot.clock(), limit=9) if card.key == key]
    await cards.posting(bot.database, call, channel_id=RELEASES, now=bot.clock())
    if written_down:
        await cards.posted(bot.database, key, message_id=5, digest="d", now=bot.clock())

    await bot.approve(waiting)

    assert await called(gallery, bot, waiting) == f"{TICKETS} → prod · approved by minji"
