"""Rolling back: what is offered, the three ways to their end, and what is refused."""

from dataclasses import replace

import pytest

from bot.domain.approvals import Group
from bot.domain.contents import ImageChange
from bot.domain.images import Image
from bot.domain.operations import OperationState, Way
from bot.domain.reasons import Reason, Refused
from bot.services import approvals
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.services.house import HYUNWOO, TICKETS, Bot
from tests.services.outside import Interrupted
from tests.services.rolling import carried_out, ordered, running, seen, synced, unlocked

FILE = "k8s/overlays/prod/kustomization.yaml"


async def test_the_plan_offers_what_ran_well_and_every_way(bot: Bot, world: World) -> None:
    first = await bot.deployed()
    second = await bot.deployed()
    await synced(world)
    third = await bot.deployed()
    await seen(bot)
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert (plan.running, plan.asked) == (third, third)
    assert [option.candidate.tag for option in plan.options] == [second, first]
    assert [option.stored for option in plan.options] == [True, True]
    assert [(one.undone.gained, one.undone.lost) for one in plan.options if one.undone] == [(0, 2), (0, 4)]
    assert plan.chosen is plan.options[0]
    tips = [commit.sha for commit in world.git.history("main") if f"{TICKETS} {third}" in commit.message]
    assert plan.offer(Way.REVERT).reverts == tuple(tips)
    entry = plan.offer(Way.HISTORY).entry
    assert entry is not None
    assert entry.id == world.application("prod").history[-1]["id"]
    assert plan.recommended is plan.offer(Way.TAG)


async def test_the_previous_tag(bot: Bot, world: World, argocd: Interrupted) -> None:
    first, second = await bot.deployed(), await bot.deployed()
    await seen(bot)
    waiting = await ordered(bot, first)
    assert waiting.state is OperationState.WAITING
    done = await carried_out(bot, waiting)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    commit = world.git.head("main")
    assert commit.message == (
        f"chatops: Roll ticket-service back to {first} in prod\n\nChatops-Operation: {done.id}\n"
        f"Requested-by: hyunwoo (Discord {HYUNWOO.id})\nApproved-by: minji\nReason: payments fail"
    )
    assert argocd.received("POST")[-1]["revision"] == commit.sha
    assert running(world) == {first}
    assert second not in commit.tree[FILE]
    assert done.rollback is not None
    await seen(bot)
    agreed = (await bot.operation(done.id)).rollback
    assert agreed is not None
    assert agreed.agreed_at == (await bot.known()).observed_at


async def test_git_revert_of_several_commits(bot: Bot, world: World) -> None:
    first = await bot.deployed()
    await bot.deployed()
    third = await bot.deployed()
    world.release("prod", "backend")  # another service's tag, in the same file, after it
    await seen(bot)
    waiting = await ordered(bot, first, Way.REVERT)
    assert waiting.rollback is not None
    assert len(waiting.rollback.reverts) == 2
    tip = world.git.head("main")
    done = await carried_out(bot, waiting)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    newer, older = [*world.git.history("main")][:2]
    assert older.parents == (tip.sha,)
    assert f"This reverts commit {waiting.rollback.reverts[1]}." in newer.message
    assert newer.tree[FILE] == tip.tree[FILE].replace(third, first)
    assert done.written == newer.sha
    assert running(world) == {first}


async def test_argocds_own_rollback_moves_everything_and_leaves_git_alone(
    bot: Bot, world: World, argocd: Interrupted
) -> None:
    first = await bot.deployed()
    await synced(world)
    backend = world.overlay("prod").tags["backend"]
    second = await bot.deployed()
    later = await bot.deployed(service="backend")
    await seen(bot)
    tip = world.git.head("main")
    plan = await bot.planner.plan(environment="prod", service=TICKETS)
    assert plan.offer(Way.HISTORY).moves == ("backend",)
    waiting = await ordered(bot, first, Way.HISTORY)
    assert waiting.content is not None
    assert waiting.content.everything
    assert {change.service for change in waiting.content.images} == {"backend", TICKETS}
    done = await carried_out(bot, waiting)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    entry = plan.offer(Way.HISTORY).entry
    assert entry is not None
    assert argocd.received("POST")[-1] == {"id": entry.id, "prune": False, "dryRun": False, "project": "tiketi"}
    assert (running(world), running(world, "backend")) == ({first}, {backend})
    assert world.git.head("main") == tip

    async def agreed() -> bool:
        await seen(bot)
        rollback = (await bot.operation(done.id)).rollback
        return rollback is not None and rollback.agreed_at is not None

    assert not await agreed()  # Git still asks for what was taken away
    refused = await bot.planner.plan(environment="prod", service=TICKETS, tag=second)
    [option] = [one for one in refused.options if one.candidate.tag == second]
    assert option.candidate.rolled_back == await bot.operation(done.id)
    again = await ordered(bot, first)  # the same image, now by a commit
    assert again.content is not None
    assert again.content.resources == ()
    whole = await carried_out(bot, again)
    assert (whole.state, whole.reason) == (OperationState.SUCCEEDED, None)
    assert not await agreed()  # backend went back too, and Git asks for the newer one
    await synced(world)
    assert await agreed()
    tags = world.overlay("prod").tags
    assert (tags[TICKETS], tags["backend"]) == (first, later)


async def test_going_back_to_what_was_rolled_back_is_asked_twice(bot: Bot) -> None:
    first, second = await bot.deployed(), await bot.deployed()
    await seen(bot)
    assert (await carried_out(bot, await ordered(bot, first))).state is OperationState.SUCCEEDED
    await seen(bot)
    with pytest.raises(Refused) as refused:
        await ordered(bot, second)
    assert refused.value.reason is Reason.ROLLED_BACK_BEFORE
    with pytest.raises(Refused) as refused:
        await ordered(bot, second, told_twice=True, emergency=True)  # it is newer than what runs: as a deploy
    assert refused.value.reason is Reason.LOCKED
    await unlocked(bot)
    forward = await ordered(bot, second, told_twice=True, emergency=True)
    assert (forward.state, forward.rollback and forward.rollback.emergency) == (OperationState.WAITING, False)


async def test_an_emergency_needs_one_approver(bot: Bot) -> None:
    first, _ = await bot.deployed(), await bot.deployed()
    await seen(bot)
    groups = (Group(name="release", roles=frozenset({51})), Group(name="security", roles=frozenset({52})))
    prod = replace(bot.catalog.environments["prod"], required_approvals=2, approval_groups=groups)
    catalog = replace(bot.catalog, environments={**bot.catalog.environments, "prod": prod})
    steps = replace(bot.deployer.steps, catalog=catalog)
    strict = replace(bot, deployer=replace(bot.deployer, steps=steps))
    waiting = await ordered(strict, first, emergency=True)
    asked = [row["detail"] for row in await bot.table("audit") if row["operation_id"] == waiting.id]
    assert asked[0] == "rollback by tag, emergency: payments fail"
    with pytest.raises(Refused) as refused:
        await approvals.grant(bot.database, waiting.id, actor=HYUNWOO, now=bot.clock())
    assert refused.value.reason is Reason.OWN_REQUEST
    assert (await strict.approve(waiting)).state is OperationState.APPROVED
    approval = await bot.approval(waiting.id)
    assert (approval.required, approval.groups) == (1, ())


async def test_a_rollback_takes_the_place_of_a_failing_deploy(bot: Bot, world: World) -> None:
    first = await bot.deployed()
    second = world.release("prod", TICKETS).tag
    world.breakages[second] = Breakage()
    failing = await bot.running()
    await world.settle()
    await seen(bot)
    back = await ordered(bot, first)
    assert back.state is OperationState.WAITING
    gone = await bot.operation(failing.id)
    assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.ROLLBACK_INSTEAD)
    assert (await carried_out(bot, back)).state is OperationState.SUCCEEDED
    assert running(world) == {first}


async def test_what_lies_between_is_told_from_both_sides(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, subject="fix: only on main")
    world.release("staging", TICKETS, subject="feat: only on develop")
    old, new = (
        Image(repository=bot.catalog.image_of(TICKETS), tag=world.overlay(name).tags[TICKETS])
        for name in ("prod", "staging")
    )
    forth, back = [
        await bot.planner.manifests.between(ImageChange(service=TICKETS, old=one, new=other))
        for one, other in ((old, new), (new, old))
    ]
    assert forth is not None
    assert back is not None
    theirs, ours = ("feat: only on develop by hyunwoo",), ("fix: only on main by hyunwoo",)
    assert (forth.gained, forth.lines, forth.lost, forth.lost_lines) == (1, theirs, 1, ours)
    assert (back.gained, back.lines, back.lost, back.lost_lines) == (1, ours, 1, theirs)
