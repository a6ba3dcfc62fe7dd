"""Rolling back when something is in the way: what is offered then, what is refused, and what is done once."""

from dataclasses import replace

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState, Way
from bot.domain.reasons import Reason, Refused
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.services.house import TICKETS, Bot, bot_in
from tests.services.outside import Interrupted, Outside
from tests.services.rolling import carried_out, chosen, ordered, refusals, running, seen, synced, two, unlocked


async def test_a_closed_window_offers_no_rollback_that_argocd_would_park(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    open_ = await bot.planner.plan(environment="prod", service=TICKETS)
    waiting = await ordered(bot, first, Way.HISTORY)
    world.application("prod").faults.window_closed = True
    closed = await bot.planner.plan(environment="prod", service=TICKETS)
    assert (refusals(open_)[Way.HISTORY], refusals(closed)[Way.HISTORY]) == (None, Reason.WINDOW_CLOSED)
    refused = await bot.step(await bot.approve(waiting))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.WINDOW_CLOSED)
    assert world.application("prod").operation is None


@pytest.mark.parametrize("fault", ["rollback_cut", "rollback_lost"])
async def test_argocds_rollback_is_looked_for_before_it_is_ordered_again(
    bot: Bot, world: World, argocd: Interrupted, fault: str
) -> None:
    first, _ = await two(bot, world)
    approved = await bot.approve(await ordered(bot, first, Way.HISTORY))
    setattr(argocd.faults, fault, True)
    unsure = await bot.step(approved)
    assert unsure.state is OperationState.DISPATCHING
    setattr(argocd.faults, fault, False)
    world.tick()
    world.tick()
    bot.clock.advance(bot.deployer.grace)
    running_ = await bot.step(unsure)
    assert running_.state is OperationState.RUNNING
    assert (await bot.followed(running_)).state is OperationState.SUCCEEDED
    assert len([sync for sync in world.syncs if sync.initiated_by == "proj:tiketi:chatops" and not sync.partial]) == 1
    assert running(world) == {first}


async def test_an_entry_that_argocd_forgot_meanwhile_is_refused(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    waiting = await ordered(bot, first, Way.HISTORY)
    world.application("prod").history.clear()
    refused = await bot.step(await bot.approve(waiting))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.HISTORY_GONE)


async def test_an_entry_of_another_source_is_refused(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    for entry in world.application("prod").history:
        entry["source"] = {**entry["source"], "path": "k8s/overlays/elsewhere"}
    refused = await ordered(bot, first, Way.HISTORY)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.APPLICATION_CHANGED)


async def test_reverts_that_no_longer_apply_write_nothing(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    approved = await bot.approve(await ordered(bot, first, Way.REVERT))
    world.release("prod", TICKETS)  # the same line once more
    tip = world.git.head("main")
    refused = await bot.step(approved)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.REVERT_CONFLICT)
    assert world.git.head("main") == tip


async def test_a_commit_that_changed_more_is_not_reverted(bot: Bot, world: World) -> None:
    first = await bot.deployed()
    released = world.release("prod", TICKETS)
    overlay = world.overlay("prod")
    world.git.branches["main"] = released.manifest.parents[0]
    config = {**overlay.config, TICKETS: {"LOG_LEVEL": "debug"}}
    world.commit_overlay("prod", replace(overlay, config=config), message="tag and logs", login="minji")
    assert (await bot.followed(await bot.running())).state is OperationState.SUCCEEDED
    await seen(bot)
    plan = await bot.planner.plan(environment="prod", service=TICKETS, tag=first)
    assert refusals(plan)[Way.REVERT] is Reason.REVERT_WIDER
    assert plan.recommended is plan.offer(Way.TAG)


async def test_where_changes_go_by_pull_request_only_the_tag_does(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    prod = replace(catalog.environments["prod"], pull_requests=True)
    reviewed = replace(catalog, environments={**catalog.environments, "prod": prod})
    async with bot_in(outside, database_url, catalog=reviewed) as bot:
        first, _ = await two(bot, world)
        plan = await bot.planner.plan(environment="prod", service=TICKETS)
        assert refusals(plan) == {Way.TAG: None, Way.REVERT: Reason.REVERT_BY_PULL_REQUEST, Way.HISTORY: None}
        waiting = await bot.step(await bot.approve(await ordered(bot, first)))
        assert waiting.reason is Reason.PULL_REQUEST_OPEN
        outside.github.pulls.merge(1)
        done = await bot.followed(await bot.step(await bot.step(waiting)))
        assert done.state is OperationState.SUCCEEDED
        assert running(world) == {first}


async def test_on_staging_nobody_is_asked_and_argocd_has_no_way_back(bot: Bot, world: World) -> None:
    for _ in range(2):
        await bot.committed(world.release("staging", TICKETS), environment="staging")
        await world.settle()
        await seen(bot, "staging")
    plan = await bot.planner.plan(environment="staging", service=TICKETS)
    assert refusals(plan) == {Way.TAG: None, Way.REVERT: None, Way.HISTORY: Reason.HISTORY_AUTOMATED}
    assert plan.chosen is not None
    back = plan.chosen.candidate.tag
    approved = await bot.step(await chosen(bot, back, Way.REVERT, environment="staging"))
    assert approved.state is OperationState.APPROVED
    done = await bot.followed(await bot.step(approved))
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    assert running(world, environment="staging") == {back}


async def test_an_image_that_was_deleted_is_no_way_back(bot: Bot, outside: Outside, world: World) -> None:
    first, _ = await two(bot, world)
    world.images.delete("tiketi-ticket-service", first)
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert (plan.chosen, plan.offers) == (None, ())
    named = await bot.planner.plan(environment="prod", service=TICKETS, tag=first)
    assert {*refusals(named).values()} == {Reason.TAG_UNKNOWN}
    with pytest.raises(Refused) as refused:
        await chosen(bot, first)
    assert refused.value.reason is Reason.TAG_UNKNOWN


async def test_a_github_that_is_away_leaves_no_way_and_says_so(bot: Bot, outside: Outside, world: World) -> None:
    await two(bot, world)
    outside.github.faults.failures = 99
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert {*refusals(plan).values()} == {Reason.GITHUB_UNREACHABLE}
    assert plan.options[0].undone is None


async def test_a_rollback_that_fails_says_so_and_can_be_tried_again(bot: Bot, world: World) -> None:
    first, second = await two(bot, world)
    world.breakages[first] = Breakage()
    failed = await carried_out(bot, await ordered(bot, first))
    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.ROLLOUT_FAILED)
    assert failed.evidence
    await seen(bot)
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert (plan.running, plan.chosen, plan.recommended) == (first, None, None)  # nobody wanted the second one either
    with pytest.raises(Refused) as refused:
        await chosen(bot, second)
    assert refused.value.reason is Reason.ROLLED_BACK_BEFORE
    await unlocked(bot)
    assert (await ordered(bot, second, told_twice=True)).state is OperationState.WAITING


async def test_a_newer_rollback_takes_the_place_of_an_older_one(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    older = await ordered(bot, first)
    newer = await ordered(bot, first, Way.REVERT, emergency=True)
    gone = await bot.operation(older.id)
    assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.SUPERSEDED)
    assert (await carried_out(bot, newer)).state is OperationState.SUCCEEDED


async def test_a_deploy_that_runs_gives_way_once_its_sync_is_over(bot: Bot, world: World) -> None:
    first, _ = await two(bot, world)
    third = world.release("prod", TICKETS).tag
    deploying = await bot.running()
    back = await ordered(bot, first)
    assert (await bot.operation(deploying.id)).state is OperationState.SUPERSEDED
    assert (back.state, back.reason) == (OperationState.REQUESTED, Reason.OPERATION_IN_PROGRESS)
    await world.settle()
    waiting = await bot.step(back)
    [change] = waiting.content.images if waiting.content else ()
    assert (change.old and change.old.tag, change.new and change.new.tag) == (third, first)
    assert (await carried_out(bot, waiting)).state is OperationState.SUCCEEDED
    assert running(world) == {first}


async def test_a_way_back_that_leads_forward_by_now_is_refused(bot: Bot, world: World) -> None:
    first, second = await two(bot, world)
    await bot.deployed()
    await seen(bot)
    asking = await chosen(bot, second, emergency=True)
    world.commit_tag(TICKETS, "prod", tag=first)
    await world.settle()
    await synced(world)

    ended = await bot.step(asking)

    assert (ended.state, ended.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
