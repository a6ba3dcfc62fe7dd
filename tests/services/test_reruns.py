"""A re-run, step by step: looked at, ordered once at GitHub, and over when GitHub shows the next attempt."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.operations import Operation, OperationState, Rerun
from bot.domain.reasons import Reason, Refused
from bot.services import reruns, runs
from sandbox.world import World
from tests.services.house import GRACE, HYUNWOO, MINJI, TICKETS, Bot
from tests.services.locking import locked
from tests.services.outside import Outside
from tests.services.pipelines import begun, failed, over, reported
from tests.services.rerunning import asked, chosen, orders, step
from tests.services.waiting import working


@pytest.mark.parametrize(("everything", "order"), [(False, "rerun-failed-jobs"), (True, "rerun")])
async def test_a_re_run_goes_this_way(bot: Bot, world: World, outside: Outside, everything: bool, order: str) -> None:
    run = await failed(bot, world)
    requested = await asked(bot, await chosen(bot, everything=everything))
    running = await step(bot, requested)
    done = await step(bot, running)

    assert [one.state for one in (requested, running, done)] == [
        OperationState.REQUESTED,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    url = f"https://github.com/ORGANIZATION/project-ticketing/actions/runs/{run.id}"
    assert done.rerun == Rerun(run_id=run.id, attempt=1, everything=everything, url=url)
    assert (orders(outside), run.attempt) == ([order], 2)
    assert await bot.audit() == [
        ("discord:21", "rerun", "requested", None),
        ("chatops", "rerun", "dispatching", None),
        ("chatops", "rerun", "running", None),
        ("chatops", "rerun", "succeeded", None),
    ]


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_order_without_an_answer_is_looked_for_and_never_repeated(
    bot: Bot, world: World, outside: Outside, arrived: bool
) -> None:
    await failed(bot, world)
    outside.github.faults.rerun_cut, outside.github.faults.rerun_lost = arrived, not arrived
    dispatching = await step(bot, await asked(bot, await chosen(bot)))
    assert dispatching.state is OperationState.DISPATCHING
    still = await step(bot, dispatching)
    bot.clock.advance(GRACE)
    ended = still if still.state.ended else await step(bot, still)

    expected = (OperationState.SUCCEEDED, None) if arrived else (OperationState.FAILED, Reason.RERUN_UNKNOWN)
    assert (ended.state, ended.reason) == expected
    assert orders(outside) == ["rerun-failed-jobs"]


async def test_a_lost_order_can_be_given_again_by_a_person(bot: Bot, world: World, outside: Outside) -> None:
    run = await failed(bot, world)
    outside.github.faults.rerun_lost = True
    lost = await step(bot, await asked(bot, await chosen(bot)))
    bot.clock.advance(GRACE)
    assert (await step(bot, lost)).state is OperationState.FAILED
    outside.github.faults.rerun_lost = False

    again = await step(bot, await asked(bot, await chosen(bot)))

    assert (again.state, run.attempt) == (OperationState.RUNNING, 2)


async def test_github_falls_silent_after_the_order(bot: Bot, world: World, outside: Outside) -> None:
    await failed(bot, world)
    running = await step(bot, await asked(bot, await chosen(bot)))
    outside.github.faults.status = 503
    blind = await step(bot, running)
    assert blind == running
    bot.clock.advance(reruns.FOLLOW_FOR)
    ended = await step(bot, blind)
    assert (ended.state, ended.reason) == (OperationState.FAILED, Reason.RERUN_UNKNOWN)


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("running", Reason.RUN_IN_PROGRESS),
        ("good", Reason.NOTHING_FAILED),
        ("old", Reason.RERUN_LIMIT),
        ("often", Reason.RERUN_LIMIT),
        ("gone", Reason.RUN_GONE),
        ("silent", Reason.GITHUB_UNREACHABLE),
        ("unreadable", Reason.GITHUB_UNREACHABLE),
        ("newer", Reason.RUN_OUTDATED),
    ],
)
async def test_what_github_would_not_do_is_not_ordered(
    bot: Bot, world: World, outside: Outside, what: str, reason: Reason
) -> None:
    run = await failed(bot, world)
    requested = await asked(bot, await chosen(bot))
    if what == "running":
        run.status = "in_progress"
    elif what == "good":
        run.conclusion = "success"
    elif what == "old":
        run.created_at -= timedelta(days=31)
    elif what == "often":
        run.attempt = 51
    elif what == "gone":
        del world.actions.runs[run.id]
    elif what == "silent":
        outside.github.faults.status = 503
    elif what == "unreadable":
        outside.github.faults.status = 401
    elif what == "newer":
        bot.clock.advance(timedelta(seconds=1))
        await reported(bot, begun(world, subject="fix: rows"))

    refused = await step(bot, requested)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, reason)
    assert orders(outside) == []


async def test_everything_of_a_run_that_went_well_runs_again(bot: Bot, world: World, outside: Outside) -> None:
    run = over(begun(world), "success")
    await reported(bot, run)
    running = await step(bot, await asked(bot, await chosen(bot, everything=True)))
    assert (running.state, orders(outside)) == (OperationState.RUNNING, ["rerun"])


async def test_a_token_that_may_not_is_said_at_once(bot: Bot, world: World, outside: Outside) -> None:
    await failed(bot, world)
    outside.github.faults.forbidden = frozenset({"actions"})
    refused = await step(bot, await asked(bot, await chosen(bot)))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.GITHUB_FORBIDDEN)


@pytest.mark.parametrize(("environment", "held"), [("prod", False), ("staging", True)])
async def test_where_argocd_syncs_by_itself_a_lock_holds_a_re_run(
    bot: Bot, world: World, outside: Outside, environment: str, held: bool
) -> None:
    await failed(bot, world, environment=environment)
    before = await asked(bot, await chosen(bot, environment=environment))
    await locked(bot, environment=environment)
    after = await step(bot, before)
    assert (after.reason, orders(outside)) == ((Reason.LOCKED, []) if held else (None, ["rerun-failed-jobs"]))
    if held:
        with pytest.raises(Refused) as refused:
            await asked(bot, await chosen(bot, environment=environment))
        assert refused.value.reason is Reason.LOCKED


async def test_an_old_card_does_not_run_again_what_ran_again_since(bot: Bot, world: World, outside: Outside) -> None:
    run = await failed(bot, world)
    release_id = (await chosen(bot)).release_id
    card = await runs.shown(bot.database, release_id=release_id, run_id=run.id, attempt=1)
    world.actions.rerun(run, by="minji", at=world.timeline.after())
    over(run)

    refused = await step(bot, await asked(bot, card))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.RERUN_ALREADY)
    assert orders(outside) == []

    newest = await runs.shown(bot.database, release_id=release_id, run_id=run.id, attempt=2)
    assert (await step(bot, await asked(bot, newest))).state is OperationState.RUNNING


@pytest.mark.storage
async def test_two_ask_at_once_and_one_is_heard(bot: Bot, world: World, outside: Outside) -> None:
    run = await failed(bot, world)
    what = await chosen(bot)
    answers = await asyncio.gather(asked(bot, what), asked(bot, what, actor=MINJI), return_exceptions=True)
    [heard] = [answer for answer in answers if isinstance(answer, Operation)]
    [other] = [answer for answer in answers if isinstance(answer, Refused)]
    assert other.reason is Reason.RERUN_ALREADY
    async with working(bot.worker().run()):
        ended = await bot.ended(heard.id)
    assert (ended.state, orders(outside), run.attempt) == (OperationState.SUCCEEDED, ["rerun-failed-jobs"], 2)


async def test_a_service_or_environment_that_left_the_topology(bot: Bot, world: World, outside: Outside) -> None:
    await failed(bot, world)
    requested = await asked(bot, await chosen(bot))
    smaller = replace(bot.rerunner.steps, catalog=replace(bot.catalog, environments={}))
    await replace(bot.rerunner, steps=smaller).step(requested)
    refused = await bot.operation(requested.id)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.UNKNOWN_ENVIRONMENT)
    assert orders(outside) == []


async def test_the_failed_run_is_meant_before_a_newer_one_that_went_well(bot: Bot, world: World) -> None:
    places = ["dev", "staging", "prod"]
    with pytest.raises(Refused) as caught:
        await runs.latest(bot.database, service=TICKETS, environments=places, everything=False)
    assert caught.value.reason is Reason.RUN_UNKNOWN

    broken = await failed(bot, world, environment="staging")
    bot.clock.advance(timedelta(minutes=1))
    good = over(begun(world), "success")
    await reported(bot, good)
    meant = [
        (await runs.latest(bot.database, service=TICKETS, environments=where, everything=False)).rerun.run_id
        for where in (places, ["prod"], ["staging"])
    ]
    assert meant == [broken.id, good.id, broken.id]

    # Once a newer commit of staging was built, the old failure there is nobody's business any more.
    bot.clock.advance(timedelta(minutes=1))
    await reported(
        bot, over(begun(world, environment="staging", subject="fix: rows"), "success"), environment="staging"
    )
    found = await runs.latest(bot.database, service=TICKETS, environments=places, everything=False)
    assert found.rerun.run_id not in (broken.id, good.id)


async def test_who_had_it_run_again_does_not_approve_it(bot: Bot, world: World) -> None:
    run = await failed(bot, world)
    running = await step(bot, await asked(bot, await chosen(bot), actor=MINJI))
    await step(bot, running)
    tag = world.tag_of(run.commit.sha)
    world.push_image(TICKETS, "prod", revision=run.commit.sha, tag=tag)
    world.commit_tag(TICKETS, "prod", tag=tag)
    over(run, "success")
    await reported(bot, run)

    proposed = await bot.propose()

    assert (await bot.approval(proposed.id)).authors == {HYUNWOO.id, MINJI.id}
