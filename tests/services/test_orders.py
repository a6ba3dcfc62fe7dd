"""The one call that changes a cluster: sent once, looked for when its answer is lost, and never repeated blindly."""

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services.deployments import FOLLOW_FOR
from sandbox.world import World
from tests.services.failing import Crash, Mortal
from tests.services.house import GRACE, TICKETS, Bot, bot_in
from tests.services.outside import Interrupted, Outside
from tests.services.waiting import working

BACKEND = {"group": "apps", "kind": "Deployment", "name": "backend", "namespace": "tiketi"}


@pytest.fixture
async def approved(bot: Bot, world: World) -> Operation:
    """A deploy that a second person has just approved."""
    world.release("prod", TICKETS)
    return await bot.approved()


@pytest.fixture
async def lost(bot: Bot, approved: Operation, argocd: Interrupted) -> Operation:
    """The same, whose order was answered 500 and not accepted."""
    argocd.faults.sync_lost = True
    lost = await bot.step(approved)
    assert lost.state is OperationState.DISPATCHING
    argocd.faults.sync_lost = False
    return lost


def orders(world: World) -> list[str]:
    """The request ids of everything that reached the cluster."""
    return [sync.info.get("chatops.request-id", "") for sync in world.syncs]


def order_arrives(world: World, argocd: Interrupted) -> None:
    """What was ordered first gets into the slot, late."""
    body, app = argocd.received("POST")[0], world.application("prod")
    sync = {name: body[name] for name in ("revision", "resources")} | {"source": dict(app.spec["source"])}
    operation: dict[str, Any] = {"sync": sync, "initiatedBy": {"username": "x"}, "info": body["infos"]}
    world.operations.begin(app, operation | {"retry": {}})


async def test_the_answer_is_cut_off(bot: Bot, approved: Operation, argocd: Interrupted, world: World) -> None:
    argocd.faults.sync_cut = True

    uncertain = await bot.step(approved)
    running = await bot.step(uncertain)
    done = await bot.followed(running)

    assert [one.state for one in (uncertain, running, done)] == [
        OperationState.DISPATCHING,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    assert (len(argocd.received("POST")), orders(world)) == (1, [approved.id])


async def test_the_answer_is_cut_off_and_everything_is_over_by_the_next_look(
    bot: Bot, approved: Operation, argocd: Interrupted, world: World
) -> None:
    argocd.faults.sync_cut = True

    uncertain = await bot.step(approved)
    await world.settle()
    bot.clock.advance(GRACE)
    done = await bot.step(await bot.step(uncertain))

    assert done.state is OperationState.SUCCEEDED
    assert (len(argocd.received("POST")), orders(world)) == (1, [approved.id])


async def test_an_order_without_a_trace_is_sent_again_once(
    bot: Bot, lost: Operation, argocd: Interrupted, world: World
) -> None:
    early = await bot.step(lost)
    assert (early, len(argocd.received("POST"))) == (lost, 1)

    bot.clock.advance(GRACE)
    running = await bot.step(early)
    done = await bot.followed(running)

    assert (running.state, done.state) == (OperationState.RUNNING, OperationState.SUCCEEDED)
    first, second = argocd.received("POST")
    assert first == second
    assert orders(world) == [lost.id]


async def test_an_order_is_not_sent_a_third_time(bot: Bot, lost: Operation, argocd: Interrupted, world: World) -> None:
    argocd.faults.sync_lost = True
    bot.clock.advance(GRACE)
    again = await bot.step(lost)
    bot.clock.advance(GRACE)
    failed = await bot.step(again)

    assert (again.state, again.attempts) == (OperationState.DISPATCHING, 2)
    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
    assert (len(argocd.received("POST")), world.syncs) == (2, [])


@pytest.mark.parametrize("over", [True, False], ids=["over", "asked for"])
async def test_others_have_moved_on(bot: Bot, lost: Operation, argocd: Interrupted, world: World, over: bool) -> None:
    world.operate("prod", resources=[BACKEND])
    if over:
        await world.settle()
    bot.clock.advance(GRACE)

    failed = await bot.step(lost)

    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
    assert len(argocd.received("POST")) == 1


async def test_somebody_is_faster_than_the_second_order(
    bot: Bot, lost: Operation, argocd: Interrupted, world: World
) -> None:
    async def be_faster() -> None:
        world.operate("prod", resources=[BACKEND])

    bot.clock.advance(GRACE)
    argocd.before = [be_faster]
    again = await bot.step(lost)
    failed = await bot.step(again)

    assert (again.state, failed.state, failed.reason) == (
        OperationState.DISPATCHING,
        OperationState.FAILED,
        Reason.OUTCOME_UNKNOWN,
    )
    assert len(argocd.received("POST")) == 2


async def test_the_first_order_arrives_after_all(bot: Bot, lost: Operation, argocd: Interrupted, world: World) -> None:
    async def arrive() -> None:
        order_arrives(world, argocd)

    bot.clock.advance(GRACE)
    argocd.before = [arrive]
    told = await bot.step(lost)  # "another operation is already in progress"
    running = await bot.step(told)
    done = await bot.followed(running)

    assert [one.state for one in (told, running, done)] == [
        OperationState.DISPATCHING,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    assert orders(world) == [lost.id]


async def test_the_first_order_arrives_between_two_looks(
    bot: Bot, lost: Operation, argocd: Interrupted, world: World
) -> None:
    looks: list[str] = []

    async def arrive_at_the_second_look(path: str) -> None:
        looks.append(path)
        if len(looks) == 4:
            order_arrives(world, argocd)

    bot.clock.advance(GRACE)
    argocd.on_get = arrive_at_the_second_look
    nothing = await bot.step(lost)
    running = await bot.step(nothing)

    assert (nothing, running.state) == (lost, OperationState.RUNNING)
    assert len(argocd.received("POST")) == 1


async def test_the_content_is_looked_at_again_before_the_second_order(
    bot: Bot, lost: Operation, argocd: Interrupted, world: World
) -> None:
    world.release("prod", TICKETS)
    bot.clock.advance(GRACE)

    failed = await bot.step(lost)

    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.CONTENT_CHANGED)
    assert len(argocd.received("POST")) == 1


async def test_nobody_can_look_for_the_effect(bot: Bot, lost: Operation, argocd: Interrupted) -> None:
    argocd.faults.status = 503
    bot.clock.advance(FOLLOW_FOR - timedelta(minutes=1))
    still = [await bot.step(lost) for _ in range(10)]
    bot.clock.advance(timedelta(minutes=1))
    failed = await bot.step(lost)

    assert still == [lost] * 10
    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
    assert len(argocd.received("POST")) == 1


async def test_argocd_refuses_the_order(bot: Bot, approved: Operation, argocd: Interrupted, world: World) -> None:
    async def close_the_window() -> None:
        world.application("prod").faults.window_closed = True

    argocd.before = [close_the_window]
    refused = await bot.step(approved)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.WINDOW_CLOSED)
    assert (len(argocd.received("POST")), world.syncs) == (1, [])


@pytest.mark.journey
@pytest.mark.usefixtures("restless")
async def test_the_process_dies_between_the_mark_and_the_order(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    world.release("prod", TICKETS)
    async with bot_in(outside, database_url, catalog=catalog, make=Mortal) as bot:
        approved = await bot.approved()
        assert isinstance(bot.database, Mortal)
        bot.database.lives = 1
        with pytest.raises(Crash):
            await bot.step(approved)
    assert outside.argocd.received("POST") == []

    done = await finished(outside, database_url, catalog=catalog, operation=approved)

    assert done.state is OperationState.SUCCEEDED
    assert (len(outside.argocd.received("POST")), orders(world)) == (1, [approved.id])


@pytest.mark.journey
@pytest.mark.usefixtures("restless")
async def test_the_process_dies_right_after_the_order(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    ordered = asyncio.Event()

    async def keep_the_answer() -> None:
        ordered.set()
        await asyncio.Event().wait()

    world.release("prod", TICKETS)
    outside.argocd.after = [keep_the_answer]
    async with bot_in(outside, database_url, catalog=catalog) as bot:
        approved = await bot.approved()
        async with asyncio.timeout(10):
            work = asyncio.create_task(bot.worker(name="first").run())
            await ordered.wait()
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work

    done = await finished(outside, database_url, catalog=catalog, operation=approved)

    assert done.state is OperationState.SUCCEEDED
    assert (len(outside.argocd.received("POST")), orders(world)) == (1, [approved.id])


async def finished(outside: Outside, url: str, *, catalog: Catalog, operation: Operation) -> Operation:
    """The operation at its end, after another process has taken it up once the claim of the first was over."""
    outside.clock.advance(GRACE)
    async with (
        bot_in(outside, url, catalog=catalog) as bot,
        outside.world,
        working(bot.worker(name="second").run(), bot.observer.run()),
    ):
        return await bot.ended(operation.id)
