"""After the order: how a deploy ends, told only from what was seen of it and of its pods."""

import asyncio
from typing import Any

import pytest

from bot.domain.events import Health
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services.deployments import FOLLOW_FOR
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.services.house import TICKETS, Bot
from tests.services.outside import Interrupted, Outside

LONG = 10**6


@pytest.fixture
async def running(bot: Bot, world: World) -> Operation:
    """A deploy that Argo CD has just been asked for."""
    world.release("prod", TICKETS)
    return await bot.running()


def ended(operation: Operation) -> tuple[OperationState, Reason | None]:
    return operation.state, operation.reason


async def test_it_succeeds_when_every_pod_runs_and_not_before(bot: Bot, running: Operation, world: World) -> None:
    operation, ticks, phases = running, 0, set()
    while operation.state is OperationState.RUNNING:
        world.tick()
        ticks += 1
        operation = await bot.step(operation)
        phases.add(world.application("prod").phase)
        assert (operation.state is OperationState.SUCCEEDED) == (
            world.deployment("prod", TICKETS).complete
            and world.application("prod").phase == "Succeeded"
            and world.application("prod").health["status"] == "Healthy"
        )

    assert ended(operation) == (OperationState.SUCCEEDED, None)
    assert ticks > world.deployment("prod", TICKETS).replicas
    assert phases == {"Running", "Succeeded"}


async def test_the_sync_fails(bot: Bot, running: Operation, world: World) -> None:
    world.application("prod").faults.sync_error = "one or more objects failed to apply, reason: quota exceeded"

    assert ended(await bot.followed(running)) == (OperationState.FAILED, Reason.SYNC_FAILED)
    assert (await bot.audit())[-1] == ("chatops", "deploy", "failed", "sync_failed")


async def test_the_new_pods_crash(bot: Bot, world: World) -> None:
    released = world.release("prod", TICKETS)
    world.breakages[released.tag] = Breakage()

    assert ended(await bot.followed(await bot.running())) == (OperationState.FAILED, Reason.ROLLOUT_FAILED)


async def test_the_image_cannot_be_pulled(bot: Bot, world: World) -> None:
    released = world.release("prod", TICKETS)
    running = await bot.running()
    world.images.delete(released.image.repository, released.tag)  # after the last look, before a node pulls it

    failed = await bot.followed(running)

    assert ended(failed) == (OperationState.FAILED, Reason.ROLLOUT_FAILED)
    assert {pod.breakage and pod.breakage.reason for pod in world.deployment("prod", TICKETS).updated} == {
        "ImagePullBackOff"
    }


async def test_a_degraded_service_is_repaired(bot: Bot, world: World) -> None:
    broken = world.release("prod", TICKETS)
    world.breakages[broken.tag] = Breakage()
    await bot.followed(await bot.running())
    assert world.application("prod").health["status"] == Health.DEGRADED
    world.release("prod", TICKETS)

    operation = await bot.running()
    while operation.state is OperationState.RUNNING:
        world.tick()
        operation = await bot.step(operation)

    assert ended(operation) == (OperationState.SUCCEEDED, None)


@pytest.mark.parametrize("health", [Health.HEALTHY, Health.DEGRADED])
async def test_health_from_before_the_sync_is_not_believed(
    bot: Bot, running: Operation, world: World, health: Health
) -> None:
    app = world.application("prod")
    app.faults.stale = True
    await world.settle()
    assert world.deployment("prod", TICKETS).complete
    deployment = next(item for item in app.resources if (item["kind"], item["name"]) == ("Deployment", TICKETS))
    app.health["status"] = deployment["health"]["status"] = health.value
    stale = await bot.step(running)
    app.faults.stale = False
    done = await bot.followed(stale)

    assert (ended(stale), ended(done)) == ((OperationState.RUNNING, None), (OperationState.SUCCEEDED, None))


async def test_argocd_applies_another_revision(bot: Bot, world: World, argocd: Interrupted) -> None:
    other = world.release("prod", TICKETS).source
    approved = await bot.approved()

    async def accept_another() -> None:
        app = world.application("prod")
        sync = {"revision": other.sha, "source": dict(app.spec["source"])}
        info = [{"name": "chatops.request-id", "value": approved.id}]
        operation: dict[str, Any] = {"sync": sync, "initiatedBy": {"username": "x"}, "info": info, "retry": {}}
        world.operations.begin(app, operation)

    argocd.before = [accept_another]
    running = await bot.step(await bot.step(approved))
    failed = await bot.followed(running)

    assert running.state is OperationState.RUNNING
    assert ended(failed) == (OperationState.FAILED, Reason.WRONG_REVISION)


async def test_the_cluster_is_away_for_a_while(bot: Bot, running: Operation, world: World, outside: Outside) -> None:
    outside.cluster.faults.status = 503
    blind = await bot.followed(running)
    outside.cluster.faults.status = None
    done = await bot.step(blind)

    assert ended(blind) == (OperationState.RUNNING, Reason.CLUSTER_UNREACHABLE)
    assert ended(done) == (OperationState.SUCCEEDED, None)


async def test_the_cluster_stays_away(bot: Bot, running: Operation, outside: Outside) -> None:
    outside.cluster.faults.status = 503
    bot.clock.advance(FOLLOW_FOR)

    assert ended(await bot.followed(running)) == (OperationState.FAILED, Reason.CLUSTER_UNREACHABLE)


async def test_argocd_is_away_for_a_while(bot: Bot, running: Operation, argocd: Interrupted) -> None:
    argocd.faults.status = 503
    blind = await bot.followed(running)
    argocd.faults.status = None
    done = await bot.step(blind)

    assert ended(blind) == (OperationState.RUNNING, Reason.ARGOCD_UNREACHABLE)
    assert ended(done) == (OperationState.SUCCEEDED, None)


async def test_argocd_stays_away(bot: Bot, running: Operation, argocd: Interrupted) -> None:
    argocd.faults.status = 503
    bot.clock.advance(FOLLOW_FOR)

    assert ended(await bot.followed(running)) == (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("accept_ticks", Reason.OUTCOME_UNKNOWN), ("run_ticks", Reason.SYNC_TIMED_OUT)],
    ids=["never begun", "never ended"],
)
async def test_the_operation_does_not_end(
    bot: Bot, running: Operation, world: World, fault: str, reason: Reason
) -> None:
    setattr(world.application("prod").faults, fault, LONG)
    for _ in range(5):
        world.tick()
    still = await bot.step(running)
    bot.clock.advance(FOLLOW_FOR)
    failed = await bot.step(still)

    assert (ended(still), ended(failed)) == ((OperationState.RUNNING, None), (OperationState.FAILED, reason))


async def test_the_pods_are_not_ready_in_time(bot: Bot, running: Operation, world: World) -> None:
    await world.until(lambda: world.application("prod").phase == "Succeeded")
    still = await bot.step(running)
    bot.clock.advance(FOLLOW_FOR)
    failed = await bot.step(still)

    assert ended(still) == (OperationState.RUNNING, None)
    assert ended(failed) == (OperationState.FAILED, Reason.ROLLOUT_TIMED_OUT)


async def test_a_foreign_sync_takes_the_place_of_ours(bot: Bot, running: Operation, world: World) -> None:
    await world.until(lambda: world.application("prod").phase == "Succeeded")
    world.operate("prod")
    replaced = await bot.step(running)
    done = await bot.followed(replaced)

    assert (ended(replaced), ended(done)) == ((OperationState.RUNNING, None), (OperationState.SUCCEEDED, None))


async def test_a_foreign_sync_deploys_something_else(bot: Bot, running: Operation, world: World) -> None:
    await world.until(lambda: world.application("prod").phase == "Succeeded")
    world.release("prod", TICKETS)
    world.controller.refresh(world.application("prod"))
    world.operate("prod")
    still = await bot.followed(running)
    bot.clock.advance(FOLLOW_FOR)
    failed = await bot.step(still)

    assert ended(still) == (OperationState.RUNNING, None)
    assert ended(failed) == (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)


async def test_five_services_are_deployed_at_once(bot: Bot, world: World) -> None:
    services = list(bot.catalog.services)
    released = {service: world.release("prod", service).tag for service in services}
    operations = [await bot.approved(service=service) for service in services]

    async def drive(operation: Operation) -> Operation:
        while not operation.state.ended:
            operation = await bot.step(operation)
            world.tick()
        return operation

    async with asyncio.timeout(20):
        done = await asyncio.gather(*(drive(operation) for operation in operations))

    assert [ended(operation) for operation in done] == [(OperationState.SUCCEEDED, None)] * len(services)
    assert sorted(sync.resources for sync in world.syncs) == sorted((f"Deployment/{service}",) for service in services)
    assert {name: world.deployment("prod", name).image.rpartition(":")[2] for name in services} == released
