"""The process dies after commits of a rollback; the next one ends it, and nothing is written or ordered twice."""

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import OperationKind, OperationState, Way
from bot.topology import Topology
from tests.services.house import GRACE, TICKETS, Bot, bot_in
from tests.services.lives import live
from tests.services.outside import outside_of
from tests.services.rolling import chosen, running, seen, synced

pytestmark = [pytest.mark.journey, pytest.mark.storage, pytest.mark.long, pytest.mark.usefixtures("restless")]


async def ended(tag: str, way: Way, bot: Bot) -> None:
    """Ask if nobody has yet, approve what waits, and wait for the end."""
    back = [one for one in await bot.operations() if one.kind is OperationKind.ROLLBACK]
    [operation] = back or [await chosen(bot, tag, way)]
    while operation.state in (OperationState.REQUESTED, OperationState.WAITING):
        operation = await bot.operation(operation.id)
        if operation.state is OperationState.WAITING:
            operation = await bot.approve(operation)
    await bot.ended(operation.id)


@pytest.mark.parametrize("way", [Way.REVERT, Way.HISTORY])
async def test_a_crash_after_a_commit_goes_back_once(
    way: Way, topology: Topology, catalog: Catalog, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    for lives in itertools.count(1 if way is Way.REVERT else 3, 4):  # every fourth commit of either road
        url = new_database()
        async with outside_of(topology, tmp_path) as outside:
            world = outside.world
            async with bot_in(outside, url, catalog=catalog) as bot:
                first = await bot.deployed()
                await synced(world)
                await bot.deployed()
                outside.clock.advance(10 * GRACE)  # the world gives every event a second, and so runs ahead
                await seen(bot)
            tip, orders = world.git.head("main"), len(outside.argocd.received("POST"))
            road = partial(ended, first, way)
            async with world:
                alive = await live(outside, url, catalog=catalog, lives=lives, road=road)
                if not alive:
                    outside.clock.advance(2 * GRACE)
                    assert await live(outside, url, catalog=catalog, lives=None, road=road)
            async with bot_in(outside, url, catalog=catalog) as bot:
                *_, operation = await bot.operations()
                assert operation.state is OperationState.SUCCEEDED, (lives, operation.reason)
            head = world.git.head("main")
            assert (head.parents == (tip.sha,)) if way is Way.REVERT else (head == tip), lives
            assert len(outside.argocd.received("POST")) == orders + 1, lives
            assert running(world, TICKETS) == {first}
        if alive:
            break
    assert lives > 4
