"""Looking at what is true: after a hint, while others hang, when somebody does not answer, and by many at once."""

import asyncio
import dataclasses

import pytest

from bot.adapters.argocd_errors import RefreshTimedOut
from bot.domain import releases
from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.domain.releases import ReleaseState
from bot.services import approvals
from bot.services.observations import BUSY, IDLE
from sandbox.world import World
from tests.services.failing import Flaky
from tests.services.house import MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.looks import look, noticed
from tests.services.outside import Interrupted, Outside
from tests.services.waiting import eventually, working


async def test_a_hint_is_followed_by_a_look(bot: Bot, world: World, argocd: Interrupted) -> None:
    first = world.application("prod").revision
    async with working(bot.observer.run()):
        await noticed(bot, first)
        released = world.release("prod", TICKETS)
        world.tick()
        looks = len(argocd.requests)
        await bot.hint()
        await noticed(bot, released.manifest.sha)

    assert len(argocd.requests) - looks == 3
    assert (await bot.known()).hinted_at is None


@pytest.mark.parametrize(
    ("active", "pause"), [("", IDLE), ("release", BUSY), ("somebody else's", BUSY)], ids=["idle", "busy", "taken"]
)
async def test_without_a_hint_it_looks_now_and_then(bot: Bot, world: World, active: str, pause: object) -> None:
    released = world.release("prod", TICKETS)
    if active == "release":
        await bot.committed(released)
    elif active:
        world.application("prod").faults.run_ticks = 10**6
        world.operate("prod", username="admin")
    async with working(bot.observer.run()):
        await noticed(bot, world.application("prod").revision)
        world.tick()
        known = await bot.known()
        bot.clock.advance(IDLE if pause is IDLE else BUSY)
        await noticed(bot, released.manifest.sha)

    assert known.observation is not None
    assert known.observation.revision != released.manifest.sha


async def test_a_failure_is_kept_beside_the_last_good_look(bot: Bot, argocd: Interrupted) -> None:
    good = await look(bot)
    for status, reason in (
        (503, Reason.ARGOCD_UNREACHABLE),
        (401, Reason.ARGOCD_TOKEN),
        (403, Reason.ARGOCD_FORBIDDEN),
    ):
        await bot.hint()
        argocd.faults.status = status
        assert await look(bot) is None
        known = await bot.known()
        assert (known.failure, known.observation, known.hinted_at) == (reason, good, None)

    argocd.faults.status = None
    again = await look(bot)

    known = await bot.known()
    assert (known.failure, known.observation) == (None, again)
    assert good is not None
    assert again is not None
    assert good == dataclasses.replace(again, observed_at=good.observed_at)


async def test_a_refresh_that_fails_is_told_to_who_asked(bot: Bot, argocd: Interrupted) -> None:
    argocd.faults.refresh_expires = True

    with pytest.raises(RefreshTimedOut):
        await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")

    assert (await bot.known()).failure is Reason.REFRESH_TIMED_OUT


async def test_nothing_is_called_deployed_while_the_cluster_is_away(bot: Bot, world: World, outside: Outside) -> None:
    released = world.release("staging", TICKETS)
    await bot.committed(released, environment="staging")
    await world.settle()
    outside.cluster.faults.status = 503

    event = await look(bot, "staging")

    assert event is not None
    assert event.cluster_error == "cluster_unreachable"
    workload = event.workload(TICKETS)
    assert workload is not None
    assert workload.live == workload.desired
    assert (workload.settled, workload.replicas, workload.pods) == (False, 0, ())
    (release,) = await bot.releases()
    assert releases.state(release) is ReleaseState.ROLLING

    outside.cluster.faults.status = None
    await look(bot, "staging")
    (release,) = await bot.releases()
    assert releases.state(release) is ReleaseState.DEPLOYED


async def test_a_hint_during_a_look_is_not_lost(bot: Bot, argocd: Interrupted) -> None:
    async def hint_once(_path: str) -> None:
        argocd.on_get = None
        await bot.hint()

    argocd.on_get = hint_once
    await look(bot)
    during = (await bot.known()).hinted_at
    await look(bot)
    after = (await bot.known()).hinted_at

    assert during is not None
    assert after is None


async def test_the_pods_are_looked_at_after_argocd(bot: Bot, outside: Outside) -> None:
    asked = []

    async def count(_path: str) -> None:
        asked.append(len(outside.cluster.requests))

    outside.argocd.on_get = count
    await look(bot)

    assert (asked, len(outside.cluster.requests)) == ([0, 0, 0], 2)


async def test_an_environment_that_hangs_delays_no_other(bot: Bot, world: World, argocd: Interrupted) -> None:
    async def hang(path: str) -> None:
        if "tiketi-prod" in path:
            await asyncio.Event().wait()

    argocd.on_get = hang
    async with working(bot.observer.run()):
        await noticed(bot, world.application("staging").revision, environment="staging")
        released = world.release("staging", TICKETS)
        world.tick()
        await bot.hint("staging")
        await noticed(bot, released.manifest.sha, environment="staging")
        assert (await bot.known("prod")).observed_at is None


async def test_a_look_that_fails_unforeseen_does_not_end_the_watch(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    async with bot_in(outside, database_url, catalog=catalog, make=Flaky) as bot:
        assert isinstance(bot.database, Flaky)
        bot.database.failures = 2
        async with working(bot.observer.run()):
            await noticed(bot, world.application("prod").revision)

        assert bot.database.failures == 0


@pytest.mark.journey
async def test_a_release_of_staging_asks_nobody(bot: Bot, world: World, argocd: Interrupted) -> None:
    async with world, working(bot.observer.run()):
        await bot.committed(world.release("staging", TICKETS), environment="staging")

        async def deployed() -> bool:
            bot.clock.advance(BUSY)
            return releases.state((await bot.releases())[0]) is ReleaseState.DEPLOYED

        await eventually(deployed)

    assert await bot.table("operations") == await bot.table("approvals") == []
    assert argocd.received("POST") == []


@pytest.mark.storage
async def test_a_release_of_prod_asks_once_however_often_it_is_seen(
    outside: Outside, world: World, bot: Bot, database_url: str, catalog: Catalog
) -> None:
    released = world.release("prod", TICKETS)
    world.tick()
    await bot.committed(released)
    async with (
        bot_in(outside, database_url, catalog=catalog) as second,
        bot_in(outside, database_url, catalog=catalog) as third,
    ):
        await asyncio.gather(*(look(one) for one in (bot, second, third) * 17))

    (operation,) = await bot.operations()
    assert operation == Operation(
        id=operation.id,
        kind=OperationKind.DEPLOY,
        environment="prod",
        service=TICKETS,
        state=OperationState.REQUESTED,
        requested_by=None,
        requested_name="pipeline",
        requested_at=operation.requested_at,
        updated_at=operation.requested_at,
        by_pipeline=True,
        release_id=1,
    )
    assert [row["once"] for row in await bot.table("operations")] == [f"release:1:{released.tag}"]
    assert await bot.audit() == [("chatops", "deploy", "requested", None)]


async def test_a_rejected_release_is_not_asked_about_again(bot: Bot, world: World) -> None:
    await bot.committed(world.release("prod", TICKETS))
    world.tick()
    await look(bot)
    (asked,) = await bot.operations()
    await approvals.reject(bot.database, (await bot.step(asked)).id, actor=MINJI, why="not now", now=bot.clock())
    await look(bot)

    assert [operation.state for operation in await bot.operations()] == [OperationState.REJECTED]


async def test_what_a_person_asked_for_first_is_not_asked_about_again(bot: Bot, world: World) -> None:
    await bot.committed(world.release("prod", TICKETS))
    world.tick()
    waiting = await bot.propose(SORA)
    await look(bot)
    await approvals.reject(bot.database, waiting.id, actor=MINJI, why="not now", now=bot.clock())
    await look(bot)

    assert [operation.id for operation in await bot.operations()] == [waiting.id]
    assert (await bot.approval(waiting.id)).state is ApprovalState.REJECTED


async def test_nobody_is_asked_where_argocd_syncs_by_itself(bot: Bot, world: World) -> None:
    world.application("prod").spec["syncPolicy"]["automated"] = {}
    world.application("prod").faults.window_closed = True
    await bot.committed(world.release("prod", TICKETS))
    world.tick()
    await look(bot)

    assert [releases.state(release) for release in await bot.releases()] == [ReleaseState.PENDING]
    assert await bot.operations() == []


async def test_a_newer_release_is_asked_about_in_the_same_look(bot: Bot, world: World) -> None:
    await bot.committed(world.release("prod", TICKETS))
    world.tick()
    await look(bot)
    (first,) = await bot.operations()
    await bot.step(first)
    await bot.committed(world.release("prod", TICKETS))
    world.tick()
    await look(bot)

    assert [(operation.state, operation.release_id) for operation in await bot.operations()] == [
        (OperationState.SUPERSEDED, 1),
        (OperationState.REQUESTED, 2),
    ]
