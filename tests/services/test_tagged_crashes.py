"""The process dies after commits of a deploy by tag; the next one ends it, and the tag is written once."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState
from bot.topology import Topology
from tests.services.house import GRACE, TICKETS, Bot, bot_in
from tests.services.lives import live
from tests.services.outside import outside_of
from tests.services.tagging import asked

pytestmark = [pytest.mark.journey, pytest.mark.storage, pytest.mark.long, pytest.mark.usefixtures("restless")]


async def ended(tag: str, environment: str, bot: Bot) -> None:
    """Ask if nobody has yet, approve what waits, and wait for the end."""
    [operation, *_] = await bot.operations() or [await asked(bot, tag, environment=environment)]
    if environment == "prod":
        while operation.state in (OperationState.REQUESTED, OperationState.WAITING):
            operation = await bot.operation(operation.id)
            if operation.state is OperationState.WAITING:
                operation = await bot.approve(operation)
    await bot.ended(operation.id)


@pytest.mark.parametrize("environment", ["staging", "prod"])
async def test_a_crash_after_a_commit_writes_nothing_twice(
    environment: str, topology: Topology, catalog: Catalog, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    for lives in itertools.count(1 if environment == "prod" else 2, 2):  # every second commit of either road
        url = new_database()
        async with outside_of(topology, tmp_path) as outside:
            world = outside.world
            earlier = world.overlay(environment).tags[TICKETS]
            world.release(environment, TICKETS, login="sora")
            await world.settle()
            if environment == "prod":
                world.operate("prod")
                await world.settle()
            outside.clock.advance(timedelta(minutes=10))  # the world gives every event a second, and so runs ahead
            syncs = len(world.syncs)
            branch = topology.environments[environment].branch
            tip = world.git.head(branch)
            async with world:
                road = partial(ended, earlier, environment)
                alive = await live(outside, url, catalog=catalog, lives=lives, road=road)
                if not alive:
                    outside.clock.advance(2 * GRACE)
                    assert await live(outside, url, catalog=catalog, lives=None, road=road)
            async with bot_in(outside, url, catalog=catalog) as bot:
                [operation] = [one for one in await bot.operations() if one.tag]
                assert operation.state is OperationState.SUCCEEDED, (lives, operation.reason)
            assert world.git.head(branch).parents == (tip.sha,), lives
            assert world.overlay(environment).tags[TICKETS] == earlier
            assert len(outside.argocd.received("POST")) == (environment == "prod"), lives
            assert len(world.syncs) > syncs
        if alive:
            break
    assert lives > 4
