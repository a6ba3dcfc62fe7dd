"""What the pods run: read over a real socket, page by page."""

import asyncio

from aiohttp import web

from bot.adapters.cluster import Clusters
from bot.adapters.cluster_values import WorkloadRead
from bot.domain import images
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import Pod
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.adapters.clustered import Scripted
from tests.adapters.conftest import Calls

SERVICE = "ticket-service"


async def test_reads_what_runs(
    clusters: Clusters, world: World, catalog: Catalog, prod: Environment, calls: Calls
) -> None:
    found = await clusters.workloads(prod)

    image = images.parse(world.deployment("prod", SERVICE).image)
    pods = sorted(world.deployment("prod", SERVICE).pods, key=lambda pod: pod.name)
    stored = world.images.find(f"tiketi-{SERVICE}", image.tag or "")
    assert stored is not None
    assert set(found) == set(catalog.services)
    assert found[SERVICE] == WorkloadRead(
        service=SERVICE,
        live=image,
        settled=True,
        replicas=3,
        updated=3,
        available=3,
        total=3,
        message=None,
        pods=tuple(
            Pod(
                name=pod.name,
                image=image,
                ready=True,
                restarts=0,
                node="node-1",
                created_at=pod.created,
                containers=(SERVICE,),
                digest=stored.digest,
            )
            for pod in pods
        ),
        restarted_at=None,
    )
    assert calls.seen == [("cluster", "workloads", "ok")]


async def test_asks_with_the_token_of_the_context_and_a_limit(
    clusters: Clusters, api: Scripted, prod: Environment
) -> None:
    await clusters.workloads(prod)

    assert [(request.path, dict(request.query)) for request in api.requests] == [
        ("/clusters/cluster-prod/apis/apps/v1/namespaces/tiketi/deployments", {"limit": "500"}),
        ("/clusters/cluster-prod/api/v1/namespaces/tiketi/pods", {"limit": "500"}),
    ]


async def test_environments_with_one_namespace_name_are_two_clusters(
    clusters: Clusters, world: World, catalog: Catalog, prod: Environment
) -> None:
    dev = catalog.environments["dev"]
    assert dev.namespace == prod.namespace
    world.deployment("dev", SERVICE).pods.clear()
    assert ((await clusters.workloads(dev))[SERVICE].pods, len((await clusters.workloads(prod))[SERVICE].pods)) == (
        (),
        3,
    )


async def test_a_rollout_is_seen_step_by_step(clusters: Clusters, world: World, prod: Environment) -> None:
    tag = world.release("prod", SERVICE).tag
    world.application("prod").spec["syncPolicy"]["automated"] = {}
    deployment = world.deployment("prod", SERVICE)
    await world.until(lambda: deployment.generation > deployment.observed)

    applied = (await clusters.workloads(prod))[SERVICE]
    assert (applied.settled, applied.live and applied.live.tag) == (False, tag)

    await world.until(lambda: len(deployment.updated) == 1 and not deployment.updated[0].ready)
    begun = (await clusters.workloads(prod))[SERVICE]
    assert (begun.settled, begun.replicas, begun.updated, begun.available, begun.total) == (True, 3, 1, 3, 4)
    assert [(pod.image.tag == tag, pod.ready, pod.reason) for pod in begun.pods if not pod.ready] == [
        (True, False, "ContainerCreating")
    ]


async def test_a_pod_that_crashes_says_why(clusters: Clusters, world: World, prod: Environment) -> None:
    tag = world.release("prod", SERVICE).tag
    world.breakages[tag] = Breakage()
    world.application("prod").spec["syncPolicy"]["automated"] = {}
    await world.settle()

    found = (await clusters.workloads(prod))[SERVICE]

    (broken,) = [pod for pod in found.pods if pod.image.tag == tag]
    assert (broken.ready, broken.reason, broken.restarts > 0) == (False, "CrashLoopBackOff", True)
    assert found.message is not None
    assert found.message.endswith("has timed out progressing.")


async def test_a_list_in_pages_is_read_to_its_end(
    clusters: Clusters, api: Scripted, world: World, prod: Environment
) -> None:
    whole = (await clusters.workloads(prod))[SERVICE]
    async with asyncio.timeout(5):
        items = {"metadata": {"continue": "0"}, "items": None}
        api.answers = [web.json_response(items), web.json_response(items)]
        api.requests.clear()
        assert (await clusters.workloads(prod))[SERVICE] == whole
    assert [request.query.get("continue") for request in api.requests] == [None, "0", "0", None]


async def test_of_events_without_end_a_part_is_read_and_said_to_be_one(
    clusters: Clusters, api: Scripted, world: World, prod: Environment
) -> None:
    whole = await clusters.events(prod)
    assert whole.found
    assert not whole.cut
    event = {"lastTimestamp": "2026-01-05T14:30:00Z", "involvedObject": {"kind": "Pod", "name": "backend-1"}}
    page = {"metadata": {"continue": "on"}, "items": [event]}
    api.answers = [web.json_response(page) for _ in range(4)]
    part = await clusters.events(prod)
    assert [found.name for found in part.found] == ["backend-1"] * 4
    assert part.cut


async def test_check_names_what_is_missing(clusters: Clusters, api: Scripted, world: World, catalog: Catalog) -> None:
    world.namespaces["staging"].delete("Deployment", "backend")

    found = await clusters.check(catalog.environments.values())

    rights = (True, "what the bot needs and no more")
    assert {name: (good, text) for name, good, text in found} == {
        "Cluster of dev": (True, "namespace tiketi has all 5 Deployments"),
        "Cluster rights of dev": rights,
        "Cluster of staging": (False, "namespace tiketi-staging has no Deployment named backend"),
        "Cluster rights of staging": rights,
        "Cluster of prod": (True, "namespace tiketi has all 5 Deployments"),
        "Cluster rights of prod": rights,
    }
    api.faults.status = 403
    ((_, good, text),) = await clusters.check([catalog.environments["prod"]])
    assert not good
    assert text.startswith("403: ")
