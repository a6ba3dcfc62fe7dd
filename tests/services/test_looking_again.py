"""Between the press and the order: whatever would make the deploy another one than was approved stops it.

Every case begins as `test_what_did_not_change_is_deployed` does, changes one thing, and ends without an order.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services.steps import PATIENCE
from sandbox.world import World
from tests.services.house import TICKETS, Bot
from tests.services.outside import Interrupted, Outside, configure

BACKEND = {"group": "apps", "kind": "Deployment", "name": "backend", "namespace": "tiketi"}
LONG = 10**6


@pytest.fixture
async def approved(bot: Bot, world: World) -> Operation:
    """A deploy that a second person has just approved."""
    world.release("prod", TICKETS)
    return await bot.approved()


def release(world: World) -> None:
    world.release("prod", TICKETS)


def drift(world: World) -> None:
    deployment = world.deployment("prod", TICKETS)
    deployment.manifest["spec"]["replicas"] = 1
    deployment.generation += 1


def deploy(world: World) -> None:
    deployment = world.deployment("prod", TICKETS)
    overlay = world.overlay("prod")
    deployment.manifest["spec"]["template"]["spec"]["containers"][0]["image"] = overlay.image(TICKETS)
    deployment.generation += 1


def break_the_overlay(world: World) -> None:
    world.commit_overlay("prod", "images: {", message="oops", login="minji")


def rewrite_history(world: World) -> None:
    tag = world.overlay("prod").tags[TICKETS]
    approved = world.git.head("main")
    world.git.force("main", approved.parents[0])
    world.commit_tag(TICKETS, "prod", tag=tag)
    assert world.git.head("main").sha != approved.sha


def recreate(world: World) -> None:
    world.application("prod").uid = "6f0e5c1e-5d0a-4a53-9d0c-0f2b1f0a9d11"


def read_elsewhere(world: World) -> None:
    world.application("prod").spec["destination"]["namespace"] = "tiketi-2"


def ignore_options(world: World) -> None:
    world.application("prod").spec["syncPolicy"]["syncOptions"] = ["Replace=true"]


def close_the_window(world: World) -> None:
    world.application("prod").faults.window_closed = True


def delete(world: World) -> None:
    world.application("prod").deleted_at = "2026-08-22T11:59:00Z"


def automate(world: World) -> None:
    world.application("prod").spec["syncPolicy"]["automated"] = {"selfHeal": True}


async def test_what_did_not_change_is_deployed(bot: Bot, approved: Operation, argocd: Interrupted) -> None:
    running = await bot.step(approved)

    assert (running.state, running.reason) == (OperationState.RUNNING, None)
    assert len(argocd.received("POST")) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (configure, Reason.CHANGED_SINCE),
        (release, Reason.CHANGED_SINCE),
        (drift, Reason.CHANGED_SINCE),
        (deploy, Reason.NOTHING_TO_DEPLOY),
        (break_the_overlay, Reason.COMPARISON_FAILED),
        (rewrite_history, Reason.NOT_ON_BRANCH),
        (recreate, Reason.APPLICATION_CHANGED),
        (read_elsewhere, Reason.APPLICATION_CHANGED),
        (ignore_options, Reason.APPLICATION_CHANGED),
        (close_the_window, Reason.WINDOW_CLOSED),
        (delete, Reason.APPLICATION_DELETING),
        (automate, Reason.AUTOMATED),
    ],
)
async def test_what_changed_is_not_deployed(
    bot: Bot,
    approved: Operation,
    world: World,
    argocd: Interrupted,
    change: Callable[[World], None],
    reason: Reason,
) -> None:
    change(world)

    refused = await bot.step(approved)

    again = reason is Reason.CHANGED_SINCE
    state = OperationState.SUPERSEDED if again else OperationState.REFUSED
    assert (refused.state, refused.reason) == (state, reason)
    assert (argocd.received("POST"), world.syncs) == ([], [])
    rows = [("chatops", "deploy", state.value, reason.value), ("chatops", "deploy", "requested", reason.value)]
    assert (await bot.audit())[-2 if again else -1 :] == rows[: 2 if again else 1]


async def test_a_commit_of_another_service_changes_nothing(
    bot: Bot, approved: Operation, world: World, argocd: Interrupted
) -> None:
    before = world.deployment("prod", "backend").image
    newer = world.release("prod", "backend")

    done = await bot.followed(await bot.step(approved))

    assert done.state is OperationState.SUCCEEDED
    assert approved.content is not None
    assert approved.content.revision != newer.manifest.sha == world.application("prod").revision
    (body,) = argocd.received("POST")
    assert body["revision"] == approved.content.revision
    assert [(sync.revision, sync.resources) for sync in world.syncs] == [
        (approved.content.revision, (f"Deployment/{TICKETS}",))
    ]
    assert world.deployment("prod", "backend").image == before


@pytest.mark.parametrize(
    ("status", "reason"), [(401, Reason.ARGOCD_TOKEN), (403, Reason.ARGOCD_FORBIDDEN)], ids=["401", "403"]
)
async def test_the_token_is_no_longer_good(
    bot: Bot, approved: Operation, argocd: Interrupted, status: int, reason: Reason
) -> None:
    argocd.faults.status = status

    refused = await bot.step(approved)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, reason)
    assert argocd.received("POST") == []


async def test_the_role_may_look_and_not_sync(bot: Bot, approved: Operation, argocd: Interrupted, world: World) -> None:
    argocd.token = argocd.accounts.issue("looker", actions=("get",))

    refused = await bot.step(approved)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.ARGOCD_FORBIDDEN)
    assert (len(argocd.received("POST")), world.syncs) == (1, [])


async def test_argocd_does_not_answer_for_a_while(bot: Bot, approved: Operation, argocd: Interrupted) -> None:
    argocd.faults.refresh_expires = True
    hindered = await bot.step(approved)
    argocd.faults.refresh_expires = False
    running = await bot.step(hindered)

    assert (hindered.state, hindered.reason) == (OperationState.APPROVED, Reason.REFRESH_TIMED_OUT)
    assert (running.state, running.reason) == (OperationState.RUNNING, None)


async def test_a_foreign_operation_is_waited_for(
    bot: Bot, approved: Operation, world: World, argocd: Interrupted
) -> None:
    world.application("prod").faults.run_ticks = LONG
    world.operate("prod", resources=[BACKEND])
    asked = await bot.step(approved)
    world.tick()
    begun = await bot.step(asked)
    world.application("prod").faults.run_ticks = 1
    await world.settle()
    done = await bot.followed(await bot.step(begun))

    for waiting in (asked, begun):
        assert (waiting.state, waiting.reason) == (OperationState.APPROVED, Reason.OPERATION_IN_PROGRESS)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    assert len(argocd.received("POST")) == 1


async def test_a_foreign_operation_is_not_waited_for_for_ever(
    bot: Bot, approved: Operation, world: World, argocd: Interrupted
) -> None:
    world.application("prod").faults.accept_ticks = LONG
    world.operate("prod", resources=[BACKEND])
    waiting = await bot.step(approved)
    bot.clock.advance(PATIENCE - timedelta(minutes=1))
    still = await bot.step(waiting)
    bot.clock.advance(timedelta(minutes=1))
    refused = await bot.step(still)

    assert (still.state, still.deadline) == (OperationState.APPROVED, waiting.deadline)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.OPERATION_IN_PROGRESS)
    assert argocd.received("POST") == []


async def test_whatever_hinders_it_is_borne_for_one_while(
    bot: Bot, approved: Operation, world: World, argocd: Interrupted
) -> None:
    world.application("prod").faults.accept_ticks = LONG
    world.operate("prod", resources=[BACKEND])
    operation, deadlines = approved, set()
    for expires, reason in ((True, Reason.REFRESH_TIMED_OUT), (False, Reason.OPERATION_IN_PROGRESS)) * 4:
        argocd.faults.refresh_expires = expires
        operation = await bot.step(operation)
        assert (operation.state, operation.reason) == (OperationState.APPROVED, reason)
        deadlines.add(operation.deadline)
    bot.clock.advance(PATIENCE)
    refused = await bot.step(operation)

    assert len(deadlines) == 1
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.OPERATION_IN_PROGRESS)


async def test_somebody_is_faster_between_the_look_and_the_order(
    bot: Bot, approved: Operation, world: World, argocd: Interrupted
) -> None:
    async def be_faster() -> None:
        world.operate("prod", resources=[BACKEND])

    argocd.before = [be_faster, be_faster]
    first = await bot.step(approved)
    await world.settle()
    second = await bot.step(first)
    await world.settle()
    done = await bot.followed(await bot.step(second))

    for waiting in (first, second):
        assert (waiting.state, waiting.reason) == (OperationState.APPROVED, Reason.OPERATION_IN_PROGRESS)
        assert (waiting.dispatched_at, waiting.deadline) == (None, first.deadline)
    assert done.state is OperationState.SUCCEEDED
    assert (len(argocd.received("POST")), len(world.syncs)) == (3, 3)


async def test_a_gateway_sends_the_order_twice(
    bot: Bot, approved: Operation, world: World, argocd: Interrupted
) -> None:
    async def accept_it_once() -> None:
        app = world.application("prod")
        sync = {
            "revision": app.revision,
            "source": dict(app.spec["source"]),
            "resources": [{**BACKEND, "name": TICKETS}],
        }
        info = [{"name": "chatops.request-id", "value": approved.id}]
        world.operations.begin(app, {"sync": sync, "initiatedBy": {"username": "x"}, "info": info, "retry": {}})

    argocd.before = [accept_it_once]
    told = await bot.step(approved)  # "another operation is already in progress", and it is ours
    running = await bot.step(told)
    done = await bot.followed(running)

    assert [one.state for one in (told, running, done)] == [
        OperationState.APPROVED,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    assert len(world.syncs) == 1


@pytest.mark.storage
async def test_two_workers_look_again_at_once(bot: Bot, approved: Operation, outside: Outside, world: World) -> None:
    await asyncio.gather(*(bot.deployer.step(approved) for _ in range(5)))
    done = await bot.followed(await bot.operation(approved.id))

    assert done.state is OperationState.SUCCEEDED
    assert (len(outside.argocd.received("POST")), len(world.syncs)) == (1, 1)
