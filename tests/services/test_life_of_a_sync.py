"""Every way in which Argo CD may show one sync, and what the bot makes of it."""

from collections.abc import Callable

import pytest

from bot.domain.events import Phase
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.services.house import TICKETS, Bot

RUNS, DONE, FAILED = OperationState.RUNNING, OperationState.SUCCEEDED, OperationState.FAILED


async def test_accepted_running_succeeded_rolled_out(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    operation = await bot.running()
    seen: list[tuple[OperationState, Phase | None, str, int]] = []
    for _ in range(12):
        operation = await bot.step(operation)
        sync = operation.sync
        told = (
            operation.state,
            sync.phase if sync else None,
            sync.message if sync else "",
            len(sync.results) if sync else 0,
        )
        if told not in seen:
            seen.append(told)
        if operation.state.ended:
            break
        world.tick()
    assert seen == [
        (RUNS, None, "", 0),
        (RUNS, Phase.RUNNING, "", 0),
        (RUNS, Phase.RUNNING, "one or more tasks are running", 1),
        (RUNS, Phase.SUCCEEDED, "successfully synced (all tasks run)", 1),
        (DONE, Phase.SUCCEEDED, "successfully synced (all tasks run)", 1),
    ]


def retries(world: World) -> None:
    world.application("prod").faults.retries = 2


def stuck(world: World) -> None:
    world.application("prod").faults.stuck = True


def parked(world: World) -> None:
    world.application("prod").faults.window_closed = True


def stale(world: World) -> None:
    world.application("prod").faults.stale = True


def failing(world: World) -> None:
    world.application("prod").faults.sync_error = "one or more objects failed to apply, reason: quota exceeded"


@pytest.mark.parametrize(
    ("happens", "state", "reason", "message"),
    [
        (retries, DONE, None, "successfully synced (all tasks run)"),
        (stuck, DONE, None, "successfully synced (all tasks run)"),
        (parked, RUNS, None, "Sync operation blocked by sync window"),
        (stale, RUNS, None, "successfully synced (all tasks run)"),
        (failing, FAILED, Reason.SYNC_FAILED, "one or more objects failed to apply, reason: quota exceeded"),
    ],
)
async def test_what_may_come_in_between(
    bot: Bot,
    world: World,
    happens: Callable[[World], None],
    state: OperationState,
    reason: Reason | None,
    message: str,
) -> None:
    world.release("prod", TICKETS)
    operation = await bot.running()
    happens(world)
    for _ in range(16):
        world.tick()
        operation = await bot.step(operation) if not operation.state.ended else operation
    assert operation.sync is not None
    assert (operation.state, operation.reason, operation.sync.message) == (state, reason, message)


async def test_a_sync_that_is_tried_again_has_not_ended(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    operation = await bot.running()
    world.application("prod").faults.retries = 1
    messages: list[str] = []
    while not operation.state.ended:
        world.tick()
        operation = await bot.step(operation)
        if operation.sync and operation.sync.message not in messages:
            messages.append(operation.sync.message)
    assert any("Retrying attempt #1" in message for message in messages)
    assert operation.state is DONE


async def test_somebody_stops_it(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    operation = await bot.running()
    world.tick()
    world.operations.terminate(world.application("prod"))
    terminating = await bot.step(operation)
    assert terminating.sync is not None
    assert (terminating.state, terminating.sync.phase) == (RUNS, Phase.TERMINATING)
    world.tick()
    stopped: Operation = await bot.step(terminating)
    assert (stopped.state, stopped.reason) == (FAILED, Reason.TERMINATED)
