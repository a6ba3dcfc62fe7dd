"""A restart and a stop, step by step: ordered once, followed to their end, taken over from the dead."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import operations, restarts, terminations
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.services.house import GRACE, HYUNWOO, TICKETS, Bot
from tests.services.outside import Interrupted

LONG = 10**6


async def asked(bot: Bot, kind: OperationKind, *, service: str | None = None, **shown: Any) -> Operation:
    """Somebody asks for it in production; a stop is of what was shown as not begun a moment ago, unless it is said."""
    if kind is OperationKind.TERMINATE:
        shown = shown or {"ends_by": bot.clock() + GRACE}
    return await operations.request(
        bot.database,
        kind=kind,
        environment="prod",
        service=service,
        actor=HYUNWOO,
        catalog=bot.catalog,
        now=bot.clock(),
        **shown,
    )


async def step(bot: Bot, operation: Operation) -> Operation:
    """One step, after a look at what is followed, and what the row says then."""
    await bot.observer.observe(bot.catalog.environments["prod"])
    does = bot.restarter.step if operation.kind is OperationKind.RESTART else bot.terminator.step
    await does(operation)
    return await bot.operation(operation.id)


async def test_a_restart_goes_this_way(bot: Bot, world: World) -> None:
    requested = await asked(bot, OperationKind.RESTART, service=TICKETS)
    running = await step(bot, requested)
    still = await step(bot, running)
    await world.settle()
    done = await step(bot, still)
    states = [one.state for one in (requested, running, still, done)]
    assert states == [
        OperationState.REQUESTED,
        OperationState.RUNNING,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    assert await bot.audit() == [
        ("discord:21", "restart", "requested", None),
        ("chatops", "restart", "dispatching", None),
        ("chatops", "restart", "running", None),
        ("chatops", "restart", "succeeded", None),
    ]


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_restart_without_an_answer_is_looked_for_and_never_repeated(
    bot: Bot, argocd: Interrupted, world: World, arrived: bool
) -> None:
    argocd.faults.action_cut, argocd.faults.action_lost = arrived, not arrived
    dispatching = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    assert dispatching.state is OperationState.DISPATCHING
    bot.clock.advance(GRACE)
    found = await step(bot, dispatching)
    expected = (OperationState.RUNNING, None) if arrived else (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
    assert (found.state, found.reason) == expected
    assert len(argocd.received("POST")) == 1


async def test_a_restart_whose_pods_crash_brings_their_last_words(bot: Bot, world: World) -> None:
    running = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    world.breakages[world.deployment("prod", TICKETS).image.rpartition(":")[2]] = Breakage()
    await world.settle()
    failed = await step(bot, running)
    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.ROLLOUT_FAILED)
    assert failed.evidence[0].endswith(": CrashLoopBackOff")
    assert failed.evidence[-1] == "npm ERR! Exit status 1"


async def test_a_restart_that_takes_too_long_ends(bot: Bot, world: World) -> None:
    running = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    bot.clock.advance(restarts.FOLLOW_FOR)
    late = await step(bot, running)
    assert (late.state, late.reason) == (OperationState.FAILED, Reason.ROLLOUT_TIMED_OUT)


async def test_a_silent_cluster_is_said_and_ends_it_at_last(bot: Bot, world: World) -> None:
    running = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    bot.outside.cluster.faults.status = 503
    blind = await step(bot, running)
    assert (blind.state, blind.reason) == (OperationState.RUNNING, Reason.CLUSTER_UNREACHABLE)
    bot.clock.advance(restarts.FOLLOW_FOR)
    ended = await step(bot, blind)
    assert (ended.state, ended.reason) == (OperationState.FAILED, Reason.CLUSTER_UNREACHABLE)


async def test_a_service_that_left_the_topology_is_not_restarted(bot: Bot, argocd: Interrupted) -> None:
    requested = await asked(bot, OperationKind.RESTART, service=TICKETS)
    services = {name: one for name, one in bot.catalog.services.items() if name != TICKETS}
    smaller = replace(bot.restarter.steps, catalog=replace(bot.catalog, services=services))
    await replace(bot.restarter, steps=smaller).step(requested)
    refused = await bot.operation(requested.id)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.UNKNOWN_SERVICE)
    assert argocd.received("POST") == []


async def test_a_stop_waits_until_the_slot_is_free(bot: Bot, world: World) -> None:
    app = world.application("prod")
    app.faults.run_ticks = LONG
    world.operate("prod")
    world.tick()
    running = await step(bot, await asked(bot, OperationKind.TERMINATE))
    still = await step(bot, running)
    world.tick()
    done = await step(bot, still)
    assert [one.state for one in (running, still, done)] == [
        OperationState.RUNNING,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    assert done.sync is not None
    assert done.sync.message == "Operation terminated"


async def test_a_stop_that_came_too_early_is_given_again(bot: Bot, argocd: Interrupted, world: World) -> None:
    app = world.application("prod")
    app.faults.run_ticks = LONG
    world.operate("prod")  # nobody has picked it up
    early = await step(bot, await asked(bot, OperationKind.TERMINATE))
    assert early.state is OperationState.DISPATCHING
    world.tick()
    running = await step(bot, early)
    assert (running.state, app.phase) == (OperationState.RUNNING, "Terminating")


@pytest.mark.parametrize("ended", [False, True], ids=["parked", "lost"])
async def test_a_stop_whose_answer_is_lost_or_that_takes_no_effect(
    bot: Bot, argocd: Interrupted, world: World, ended: bool
) -> None:
    app = world.application("prod")
    app.faults.run_ticks = LONG
    world.operate("prod")
    world.tick()
    argocd.faults.terminate_cut = ended
    waiting = await step(bot, await asked(bot, OperationKind.TERMINATE))
    if ended:
        world.tick()
        assert (await step(bot, waiting)).state is OperationState.SUCCEEDED
        return
    bot.clock.advance(terminations.WAIT_FOR + timedelta(seconds=1))
    late = await step(bot, waiting)
    assert (late.state, late.reason) == (OperationState.FAILED, Reason.TERMINATE_TIMED_OUT)


async def test_nothing_runs(bot: Bot, argocd: Interrupted) -> None:
    refused = await step(bot, await asked(bot, OperationKind.TERMINATE))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.NOTHING_RUNNING)
    assert [request for request in argocd.requests if request.method == "DELETE"] == []
