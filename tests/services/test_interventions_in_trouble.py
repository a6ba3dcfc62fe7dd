"""A restart or a stop while something does not answer, refuses, or has moved on: what is said of it stays true."""

from datetime import timedelta

import pytest

from bot.domain import verdicts
from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.services import restarts, terminations
from sandbox.world import World
from tests.services.house import GRACE, TICKETS, Bot
from tests.services.outside import Interrupted
from tests.services.test_interventions import LONG, asked, step


def busy(world: World, *, username: str = "admin") -> None:
    """Somebody's sync runs in production and does not end by itself."""
    world.application("prod").faults.run_ticks = LONG
    world.operate("prod", username=username)
    world.tick()


@pytest.mark.parametrize(("allowed", "deployment"), [(False, TICKETS), (True, "gone")])
async def test_a_restart_that_is_refused_was_not_ordered_and_says_so(
    bot: Bot, argocd: Interrupted, world: World, *, allowed: bool, deployment: str
) -> None:
    if not allowed:
        argocd.token = argocd.accounts.issue("reader", actions=("get", "sync"))
    if deployment == "gone":
        del world.namespaces["prod"].deployments[TICKETS]
    refused = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    reason = Reason.DEPLOYMENT_MISSING if allowed else Reason.ARGOCD_FORBIDDEN
    assert (refused.state, refused.reason) == (OperationState.REFUSED, reason)


async def test_a_stop_that_is_refused_stopped_nothing(bot: Bot, argocd: Interrupted, world: World) -> None:
    busy(world)
    argocd.token = argocd.accounts.issue("reader", actions=("get",))
    refused = await step(bot, await asked(bot, OperationKind.TERMINATE))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.ARGOCD_FORBIDDEN)
    assert world.application("prod").phase == "Running"


@pytest.mark.parametrize(
    ("status", "reason"), [(503, Reason.ARGOCD_UNREACHABLE), (401, Reason.ARGOCD_TOKEN)], ids=["away", "token"]
)
async def test_a_stop_that_was_taken_is_followed_through_what_fails(
    bot: Bot, argocd: Interrupted, world: World, status: int, reason: Reason
) -> None:
    busy(world)
    running = await step(bot, await asked(bot, OperationKind.TERMINATE))
    argocd.faults.status = status
    blind = await step(bot, running)
    assert (blind.state, blind.reason) == (OperationState.RUNNING, reason)

    argocd.faults.status = None
    world.tick()
    done = await step(bot, blind)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)


async def test_nobody_says_that_nothing_was_stopped_when_nobody_could_look(
    bot: Bot, argocd: Interrupted, world: World
) -> None:
    busy(world)
    running = await step(bot, await asked(bot, OperationKind.TERMINATE))
    argocd.faults.status = 401
    bot.clock.advance(terminations.WAIT_FOR)
    ended = await step(bot, running)
    assert (ended.state, ended.reason) == (OperationState.FAILED, Reason.OUT_OF_SIGHT)
    assert ended.detail == SENTENCES[Reason.ARGOCD_TOKEN]


async def test_a_restart_whose_answer_was_cut_waits_for_the_cluster(
    bot: Bot, argocd: Interrupted, world: World
) -> None:
    argocd.faults.action_cut = True
    dispatching = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    bot.outside.cluster.faults.status = 403
    blind = await step(bot, dispatching)
    assert (blind.state, blind.reason) == (OperationState.DISPATCHING, Reason.CLUSTER_FORBIDDEN)

    bot.outside.cluster.faults.status = None
    bot.clock.advance(GRACE)
    assert (await step(bot, blind)).state is OperationState.RUNNING


@pytest.mark.parametrize("ahead", [timedelta(minutes=-5), timedelta(minutes=5)])
async def test_clocks_need_not_agree_about_a_restart(bot: Bot, world: World, ahead: timedelta) -> None:
    requested = await asked(bot, OperationKind.RESTART, service=TICKETS)
    apart = world.deployment("prod", TICKETS)
    running = await step(bot, requested)
    assert apart.restarted_at is not None
    bot.clock.advance(ahead)  # from here on the bot's time is another one than that of the mark and of the pods
    await world.settle()
    bot.clock.advance(abs(ahead) + timedelta(seconds=1))  # a read from before the order would show nothing
    done = await step(bot, running)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)


async def test_a_restart_is_told_from_the_one_before(bot: Bot, world: World) -> None:
    first = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    await world.settle()
    assert (await step(bot, first)).state is OperationState.SUCCEEDED
    bot.clock.advance(timedelta(minutes=1))
    second = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    assert (second.state, second.restarted_before is not None) == (OperationState.RUNNING, True)
    assert (await step(bot, second)).state is OperationState.RUNNING  # all pods are ready, and of the first restart
    await world.settle()
    assert (await step(bot, second)).state is OperationState.SUCCEEDED
    assert timedelta(minutes=1) < restarts.FOLLOW_FOR


async def test_what_began_long_after_it_was_shown_is_another_operation(
    bot: Bot, argocd: Interrupted, world: World
) -> None:
    requested = await asked(bot, OperationKind.TERMINATE, ends_by=bot.clock() + GRACE)
    bot.clock.advance(timedelta(minutes=10))
    busy(world)
    refused = await step(bot, requested)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.OPERATION_CHANGED)
    assert [request for request in argocd.requests if request.method == "DELETE"] == []


async def test_a_button_that_knows_no_beginning_stops_nothing_that_runs(
    bot: Bot, argocd: Interrupted, world: World
) -> None:
    busy(world)
    refused = await step(bot, await asked(bot, OperationKind.TERMINATE, ends=None))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.OPERATION_CHANGED)
    assert [request for request in argocd.requests if request.method == "DELETE"] == []


async def test_an_operation_that_follows_at_once_is_not_taken_for_the_one_that_was_stopped(
    bot: Bot, world: World
) -> None:
    busy(world)
    app = world.application("prod")
    running = await step(bot, await asked(bot, OperationKind.TERMINATE))
    world.tick()
    assert app.phase == "Failed"
    bot.clock.advance(timedelta(minutes=1))
    busy(world, username="kim")
    done = await step(bot, running)
    assert done.state is OperationState.SUCCEEDED
    assert done.sync is not None
    assert done.sync.initiated_by == "admin"
    assert verdicts.was_stopped(done) is None
    assert app.phase == "Running"


async def test_what_is_stuck_in_its_end_can_be_stopped(bot: Bot, world: World) -> None:
    app = world.application("prod")
    app.faults.stuck = True
    world.operate("prod", username="admin")
    for _ in range(4):
        world.tick()
    assert (app.phase, app.operation is None) == ("Succeeded", False)
    stopping = await step(bot, await asked(bot, OperationKind.TERMINATE))
    for _ in range(3):
        world.tick()
        stopping = await step(bot, stopping)
    assert (stopping.state, app.operation) == (OperationState.SUCCEEDED, None)
