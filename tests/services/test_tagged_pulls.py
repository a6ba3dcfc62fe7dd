"""A chosen tag by pull request: waited for, merged, closed, forgotten."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.services.house import bot_in
from tests.services.outside import Outside
from tests.services.tagging import asked


async def test_a_pull_request_is_waited_for_and_then_synced(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    prod = replace(catalog.environments["prod"], pull_requests=True)
    reviewed = replace(catalog, environments={**catalog.environments, "prod": prod})
    async with bot_in(outside, database_url, catalog=reviewed) as bot:
        tip = world.git.head("main")
        approved = await bot.approve(await bot.step(await asked(bot, earlier)))
        waiting = await bot.step(approved)
        assert (waiting.state, waiting.reason) == (OperationState.APPROVED, Reason.PULL_REQUEST_OPEN)
        assert (waiting.pull_request or "").endswith("/pull/1")
        assert world.git.head("main") == tip
        assert await bot.step(waiting) == waiting

        outside.github.pulls.merge(1)
        written = await bot.step(waiting)
        assert (written.written, written.reason) == (world.git.head("main").sha, None)
        done = await bot.followed(await bot.step(written))
        assert done.state is OperationState.SUCCEEDED


async def test_a_pull_request_that_is_closed_or_forgotten_is_the_end(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    prod = replace(catalog.environments["prod"], pull_requests=True)
    reviewed = replace(catalog, environments={**catalog.environments, "prod": prod})
    async with bot_in(outside, database_url, catalog=reviewed) as bot:
        waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        bot.clock.advance(timedelta(days=1))
        late = await bot.step(waiting)
        assert (late.state, late.reason) == (OperationState.REFUSED, Reason.PULL_REQUEST_LATE)

        again = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        outside.github.pulls.close(2)
        closed = await bot.step(again)
        assert (closed.state, closed.reason) == (OperationState.REFUSED, Reason.PULL_REQUEST_CLOSED)


async def test_a_github_that_was_away_before_leaves_a_pull_request_its_day(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    prod = replace(catalog.environments["prod"], pull_requests=True)
    reviewed = replace(catalog, environments={**catalog.environments, "prod": prod})
    async with bot_in(outside, database_url, catalog=reviewed) as bot:
        approved = await bot.approve(await bot.step(await asked(bot, earlier)))
        outside.github.faults.failures = 99
        away = await bot.step(approved)
        assert away.reason is Reason.GITHUB_UNREACHABLE
        outside.github.faults.failures = 0
        waiting = await bot.step(away)
        assert waiting.reason is Reason.PULL_REQUEST_OPEN
        assert waiting.deadline is not None
        assert waiting.deadline - bot.clock() > timedelta(hours=23)
