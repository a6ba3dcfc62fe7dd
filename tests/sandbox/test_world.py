"""The world moves a step at a time, and a release goes through it as through the real systems."""

import asyncio

import pytest

from bot.topology import Topology
from sandbox.deployments import Breakage
from sandbox.git import UnknownRevision
from sandbox.world import Notice, World, with_clusters
from tests.sandbox.conftest import NOON

PROD_REPLICAS = 3


def test_it_begins_deployed_synced_and_healthy(world: World) -> None:
    for app in world.applications.values():
        assert (app.sync_status, app.health["status"], app.phase) == ("Synced", "Healthy", "Succeeded")
        assert app.health["lastTransitionTime"] < "2026-08-22T11:05:00Z"
        assert [entry["id"] for entry in app.history] == [0]
    assert (world.notices, world.syncs, world.idle) == ([], [], True)
    tag = world.overlay("prod").tags["backend"]
    assert world.git.find(tag.partition("-")[0]).message == "feat: tiketi"


def test_the_same_script_gives_the_same_world(topology: Topology) -> None:
    one, other = (World(topology, clock=lambda: NOON) for _ in range(2))
    assert one.release("prod", "backend").tag == other.release("prod", "backend").tag
    assert one.git.branches == other.git.branches
    assert one.applications["tiketi-prod"].document() == other.applications["tiketi-prod"].document()


def test_one_namespace_cannot_hold_two_environments(topology: Topology) -> None:
    places = {name: place.model_copy(update={"context": None}) for name, place in topology.environments.items()}
    with pytest.raises(ValueError, match="prod and dev are one namespace"):
        World(topology.model_copy(update={"environments": places}))


async def test_a_release_to_production_waits_and_one_to_staging_does_not(world: World) -> None:
    for environment in ("staging", "prod"):
        world.release(environment, "ticket-service")
    await world.settle()
    staging, prod = world.application("staging"), world.application("prod")
    assert (staging.sync_status, staging.phase, staging.revision) == (
        "Synced",
        "Succeeded",
        world.git.head("develop").sha,
    )
    assert (prod.sync_status, prod.operation, prod.revision) == ("OutOfSync", None, world.git.head("main").sha)
    assert [(sync.application, sync.initiated_by) for sync in world.syncs] == [("tiketi-staging", "automated")]
    assert [entry["name"] for entry in prod.resources if entry["status"] == "OutOfSync"] == ["ticket-service"]


async def test_a_rollout_replaces_one_pod_at_a_time(world: World) -> None:
    released = world.release("prod", "backend")
    world.tick()
    world.operate("prod")
    seen = []
    for _ in range(8):
        world.tick()
        item = world.deployment("prod", "backend")
        seen.append((len(item.pods), len(item.updated), item.available, item.health()["status"]))
    assert seen == [
        (3, 3, 3, "Healthy"),  # accepted
        (3, 3, 3, "Progressing"),  # applied, not yet observed
        (3, 0, 3, "Progressing"),
        (4, 1, 3, "Progressing"),
        (4, 2, 3, "Progressing"),
        (4, 3, 3, "Progressing"),
        (3, 3, 3, "Healthy"),
        (3, 3, 3, "Healthy"),
    ]
    assert world.application("prod").images[1] == f"{world.topology.registry}/tiketi-backend:{released.tag}"
    pod = world.deployment("prod", "backend").pods[0]
    assert pod.image_id == f"{world.topology.registry}/tiketi-backend@{released.image.digest}"


async def test_an_image_that_crashes_degrades_and_recovers(world: World) -> None:
    released = world.release("staging", "backend")
    world.breakages[released.tag] = Breakage()
    await world.settle()
    app, item = world.application("staging"), world.deployment("staging", "backend")
    assert (app.phase, app.sync_status, app.health["status"]) == ("Succeeded", "Synced", "Degraded")
    assert item.health()["message"] == 'Deployment "backend" exceeded its progress deadline'
    assert item.available == len([pod for pod in item.pods if pod.template != item.template]) == 2  # the old ones serve
    del world.breakages[released.tag]
    await world.settle()
    assert (app.health["status"], item.complete) == ("Healthy", True)
    assert [(notice.trigger, notice.document["status"]["health"]["status"]) for notice in world.notices] == [
        ("on-operation", "Progressing"),
        ("on-health", "Degraded"),
        ("on-health", "Healthy"),
    ]


async def test_an_image_that_is_not_in_the_registry_cannot_be_pulled(world: World) -> None:
    world.commit_tag("backend", "staging", tag="0000000-20260105-143022")
    await world.settle()
    waiting = [pod.breakage.reason for pod in world.deployment("staging", "backend").updated if pod.breakage]
    assert waiting == ["ImagePullBackOff"]


async def test_pods_that_crash_after_the_rollout_leave_the_application_progressing(world: World) -> None:
    world.breakages[world.overlay("prod").tags["backend"]] = Breakage()
    await world.settle()
    health = world.application("prod").health["status"]
    messages = {item.health().get("message") for item in world.namespaces["prod"].deployments.values()}
    assert health == "Progressing"
    assert messages == {f"Waiting for rollout to finish: 0 of {PROD_REPLICAS} updated replicas are available..."}


async def test_an_overlay_that_cannot_be_built_is_a_comparison_error(world: World) -> None:
    world.commit_overlay("prod", "images: [", message="chore: oops", login="minji")
    await world.settle()
    app = world.application("prod")
    assert (app.sync_status, app.health["status"]) == ("Unknown", "Healthy")
    assert [entry["type"] for entry in app.conditions] == ["ComparisonError"]
    world.git.force("main", world.git.head("main").parents[0])
    await world.settle()
    assert (app.sync_status, app.conditions) == ("Synced", [])


async def test_an_automated_application_does_not_try_a_failed_revision_again(world: World) -> None:
    app = world.application("staging")
    app.faults.sync_error = "one or more objects failed to apply, reason: denied"
    world.release("staging", "backend")
    await world.settle()
    assert (app.phase, app.sync_status, world.syncs) == ("Failed", "OutOfSync", [])
    assert app.conditions[0]["message"] == (
        f"Failed last sync attempt to [{app.revision}]: one or more objects failed to apply, reason: denied"
    )
    app.faults.sync_error = None
    await world.settle()
    assert app.phase == "Failed"
    world.release("staging", "backend")
    await world.settle()
    assert (app.phase, app.conditions, len(world.syncs)) == ("Succeeded", [], 1)


async def test_a_change_of_configuration_makes_a_new_config_map_and_prunes_the_old(world: World) -> None:
    before = {name for kind, name in world.namespaces["staging"].objects if kind == "ConfigMap"}
    overlay = world.overlay("staging")
    config = {**overlay.config, "backend": {"LOG_LEVEL": "debug"}}
    fields = {"namespace": overlay.namespace, "replicas": 2, "images": overlay.images, "tags": overlay.tags}
    changed = type(overlay)(**fields, config=config)  # type: ignore[arg-type] # the values keep the overlay's types
    world.commit_overlay("staging", changed, message="chore: talk more", login="minji")
    await world.settle()
    after = {name for kind, name in world.namespaces["staging"].objects if kind == "ConfigMap"}
    assert len(before - after) == len(after - before) == 1
    assert world.deployment("staging", "backend").complete


async def test_it_ticks_by_itself_inside_async_with(topology: Topology) -> None:
    world = World(topology, pace=0.001)
    async with world:
        world.release("staging", "backend")
        await world.until(lambda: world.deployment("staging", "backend").revision == 2)
        await world.settle()
    assert world.application("staging").health["status"] == "Healthy"


async def test_waiting_for_what_never_comes_ends(world: World) -> None:
    with pytest.raises(TimeoutError):
        await world.until(lambda: False, within=0.01)
    with pytest.raises(TimeoutError):
        async with world:
            await world.until(asyncio.Event().is_set, within=0.01)


def test_branches_part_move_and_are_compared(world: World) -> None:
    fork = world.git.head("main").sha
    one = world.commit_source("backend", branch="main", login="minji", subject="fix: one")
    two = world.commit_source("backend", branch="main", login="minji", subject="fix: two")
    other = world.commit_source("backend", branch="develop", login="sora", subject="feat: other")
    compared = world.git.compare("develop", "main")
    assert (compared.status, compared.ahead_by, compared.behind_by) == ("diverged", 2, 1)
    assert (compared.merge_base.sha, compared.commits) == (fork, (one, two))
    assert compared.changed == {"backend/src/server.js": "modified"}
    assert world.git.compare(two.sha, one.sha).status == "behind"
    assert world.git.compare(one.sha[:7], "refs/heads/main").status == "ahead"
    assert world.git.is_ancestor(fork, of=other.sha)
    assert not world.git.is_ancestor(one.sha, of="develop")
    world.git.force("main", one.sha)
    assert not world.git.is_ancestor(two.sha, of="main")
    with pytest.raises(UnknownRevision):
        world.git.find("f" * 40)


def test_every_environment_gets_a_cluster_unless_it_names_one(topology: Topology) -> None:
    named = topology.environments["prod"].model_copy(update={"context": "eks"})
    given = topology.model_copy(update={"environments": {**topology.environments, "prod": named}})
    contexts = [place.context for place in with_clusters(given).environments.values()]
    assert contexts == ["cluster-dev", "cluster-staging", "eks"]


async def test_another_source_is_compared_at_once_and_a_wrong_one_is_an_error(world: World) -> None:
    app = world.application("prod")
    app.spec["source"]["path"] = "k8s/overlays/nowhere"
    await world.settle()
    assert (app.sync_status, app.compared_to["source"]["path"]) == ("Unknown", "k8s/overlays/nowhere")
    assert "k8s/overlays/nowhere/kustomization.yaml: app path does not exist" in app.conditions[0]["message"]
    app.spec["source"]["path"] = "k8s/overlays/prod"
    await world.settle()
    assert (app.sync_status, app.conditions) == ("Synced", [])


async def test_a_world_that_cannot_tick_says_so(world: World) -> None:
    def listener(_: Notice) -> None:
        raise ZeroDivisionError

    world.listeners.append(listener)
    world.release("staging", "backend")
    with pytest.raises(ZeroDivisionError):
        async with world:
            await world.settle()
