"""What a rollback leaves when it is hindered half-way, and the plan that leads on from there."""

import pytest

from bot.domain.operations import OperationState, Way
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.services.house import TICKETS, Bot
from tests.services.outside import Outside
from tests.services.rolling import carried_out, ordered, refusals, running, seen, two

pytestmark = pytest.mark.usefixtures("restless")


async def test_what_was_written_and_not_synced_is_synced_by_the_next_rollback(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    written = await bot.step(await bot.approve(await ordered(bot, first)))
    world.application("prod").faults.window_closed = True
    failed = await bot.step(written)
    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.WINDOW_CLOSED)
    [lock] = [row for row in await bot.table("locks") if row["target"]]
    assert (lock["target"], failed.id in lock["document"]) == (f"prod/{TICKETS}", True)
    await seen(bot)
    closed = await bot.planner.plan(environment="prod", service=TICKETS, tag=first)
    assert {*refusals(closed).values()} == {Reason.WINDOW_CLOSED}
    world.application("prod").faults.window_closed = False
    plan = await bot.planner.plan(environment="prod", service=TICKETS, tag=first)
    assert (plan.offer(Way.TAG).asked, refusals(plan)[Way.REVERT]) == (True, Reason.TAG_ASKED_FOR)
    tip = world.git.head("main")
    done = await carried_out(bot, await ordered(bot, first))
    assert (done.state, world.git.head("main"), running(world)) == (OperationState.SUCCEEDED, tip, {first})


async def test_where_a_sync_failed_git_is_asked_for_what_runs(bot: Bot, world: World) -> None:
    _, second = await two(bot, world)
    world.release("prod", TICKETS)
    world.application("prod").faults.sync_error = "admission denied"
    assert (await bot.followed(await bot.running())).reason is Reason.SYNC_FAILED
    await seen(bot)
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert plan.chosen is not None
    assert (plan.running, plan.chosen.candidate.tag) == (second, second)


async def test_a_registry_that_is_away_forbids_no_plan(bot: Bot, outside: Outside, world: World) -> None:
    await two(bot, world)
    outside.registry.faults.status = 503
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert [option.stored for option in plan.options] == [None]
    assert refusals(plan)[Way.TAG] is None


async def test_a_bot_that_fails_at_it_leaves_the_lock_too(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    written = await bot.step(await bot.approve(await ordered(bot, first)))
    worker = bot.worker()
    for _ in range(5):
        await worker._count_fault(written)  # what a step that fails in a way nobody thought of leads to
    assert (await bot.operation(written.id)).reason is Reason.FAULT
    assert [row["target"] for row in await bot.table("locks")] == [f"prod/{TICKETS}"]
