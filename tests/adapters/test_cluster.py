"""What the pods run: read over a real socket, and never waited for longer than allowed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from bot.adapters.cluster import Clusters
from bot.adapters.cluster_errors import ClusterError, ClusterUnreachable
from bot.adapters.cluster_values import WorkloadRead
from bot.domain import images
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import Pod
from bot.domain.reasons import Reason
from sandbox.cluster import Cluster
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.adapters.conftest import Calls

SERVICE = "ticket-service"


class Scripted(Cluster):
    """The clusters' stand-in; while `answers` last, they are given in place of its own."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.answers: list[web.Response] = []

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        return self.answers.pop(0) if self.answers else await super().intercept(request)


@pytest.fixture
async def server(world: World) -> AsyncIterator[Scripted]:
    """The API servers of all clusters."""
    async with Scripted(world) as server:
        yield server


@pytest.fixture
def kubeconfig(server: Scripted, tmp_path: Path) -> Path:
    """How to reach them."""
    return server.write_kubeconfig(tmp_path / "kubeconfig")


@pytest.fixture
async def clusters(kubeconfig: Path, catalog: Catalog, calls: Calls) -> AsyncIterator[Clusters]:
    """The adapter."""
    adapter = Clusters(kubeconfig=kubeconfig, services=catalog.services, observe=calls)
    yield adapter
    await adapter.aclose()


@pytest.fixture
def prod(catalog: Catalog) -> Environment:
    """Production."""
    return catalog.environments["prod"]


def move(kubeconfig: Path, *, to: str, cluster: str = "", context: str = "") -> None:
    """Give a cluster another address, or a context another name."""
    document = yaml.safe_load(kubeconfig.read_text())
    for entry in document["clusters"]:
        if entry["name"] == cluster:
            entry["cluster"]["server"] = to
    for entry in document["contexts"]:
        if entry["name"] == context:
            entry["name"] = to
    kubeconfig.write_text(yaml.safe_dump(document))


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
    clusters: Clusters, server: Scripted, prod: Environment
) -> None:
    await clusters.workloads(prod)

    assert [(request.path, dict(request.query)) for request in server.requests] == [
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
    clusters: Clusters, server: Scripted, world: World, prod: Environment
) -> None:
    whole = (await clusters.workloads(prod))[SERVICE]
    async with asyncio.timeout(5):
        items = {"metadata": {"continue": "0"}, "items": None}
        server.answers = [web.json_response(items), web.json_response(items)]
        server.requests.clear()
        assert (await clusters.workloads(prod))[SERVICE] == whole
    assert [request.query.get("continue") for request in server.requests] == [None, "0", "0", None]


async def test_a_list_without_end_is_given_up(clusters: Clusters, server: Scripted, prod: Environment) -> None:
    server.answers = [web.json_response({"metadata": {"continue": "on"}, "items": []}) for _ in range(4)]
    with pytest.raises(ClusterUnreachable) as caught:
        await clusters.workloads(prod)
    assert caught.value.log.endswith("deployments has more than 2000 items")


async def test_of_events_without_end_a_part_is_read_and_said_to_be_one(
    clusters: Clusters, server: Scripted, world: World, prod: Environment
) -> None:
    whole = await clusters.events(prod)
    assert whole.found
    assert not whole.cut
    event = {"lastTimestamp": "2026-01-05T14:30:00Z", "involvedObject": {"kind": "Pod", "name": "backend-1"}}
    page = {"metadata": {"continue": "on"}, "items": [event]}
    server.answers = [web.json_response(page) for _ in range(4)]
    part = await clusters.events(prod)
    assert [found.name for found in part.found] == ["backend-1"] * 4
    assert part.cut


async def test_a_cluster_that_hangs_holds_up_only_itself(
    clusters: Clusters, server: Scripted, world: World, catalog: Catalog, kubeconfig: Path, prod: Environment
) -> None:
    hanging = Scripted(world)
    hanging.faults.slow = 60
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(hanging)
        move(kubeconfig, cluster="cluster-prod", to=f"{hanging.url}/clusters/cluster-prod")
        adapter = Clusters(kubeconfig=kubeconfig, services=catalog.services, timeout=0.5)
        stack.push_async_callback(adapter.aclose)

        answers = await asyncio.gather(*(adapter.workloads(prod) for _ in range(20)), return_exceptions=True)
        staging = await adapter.workloads(catalog.environments["staging"])

        assert {type(answer) for answer in answers} == {ClusterUnreachable}
        assert len(hanging.requests) == 1
        assert set(staging) == set(catalog.services)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.CLUSTER_UNREACHABLE),
        (403, Reason.CLUSTER_FORBIDDEN),
        (500, Reason.CLUSTER_UNREACHABLE),
        (503, Reason.CLUSTER_UNREACHABLE),
    ],
)
async def test_a_cluster_that_refuses_says_why_until_it_answers(
    clusters: Clusters, server: Scripted, prod: Environment, calls: Calls, status: int, reason: Reason
) -> None:
    server.faults.status = status
    with pytest.raises(ClusterError) as caught:
        await clusters.workloads(prod)
    assert caught.value.reason is reason
    assert caught.value.log.startswith(f"{status}: ")
    assert calls.seen == [("cluster", "workloads", reason.value)]

    server.faults.status = None
    assert SERVICE in await clusters.workloads(prod)


async def test_rotated_credentials_are_read_again(
    clusters: Clusters, server: Scripted, kubeconfig: Path, prod: Environment
) -> None:
    assert SERVICE in await clusters.workloads(prod)
    server.token = "another"
    with pytest.raises(ClusterUnreachable):
        await clusters.workloads(prod)
    server.write_kubeconfig(kubeconfig)
    assert SERVICE in await clusters.workloads(prod)


@pytest.mark.parametrize("text", ["<html>", "[]", "[" * 50_000])
async def test_what_is_no_list_is_no_answer(clusters: Clusters, server: Scripted, prod: Environment, text: str) -> None:
    server.answers = [web.Response(text=text)]
    with pytest.raises(ClusterUnreachable):
        await clusters.workloads(prod)
    assert SERVICE in await clusters.workloads(prod)


async def test_nobody_listening_is_unreachable(clusters: Clusters, server: Scripted, prod: Environment) -> None:
    await server.stop()
    with pytest.raises(ClusterUnreachable):
        await clusters.workloads(prod)


async def test_a_kubeconfig_without_the_context_is_unreachable(
    clusters: Clusters, kubeconfig: Path, prod: Environment
) -> None:
    move(kubeconfig, context="cluster-prod", to="elsewhere")
    with pytest.raises(ClusterUnreachable) as caught:
        await clusters.workloads(prod)
    assert "cluster-prod" in caught.value.log


async def test_without_a_kubeconfig_a_named_context_is_never_guessed(catalog: Catalog, prod: Environment) -> None:
    adapter = Clusters(kubeconfig=None, services=catalog.services)
    assert await adapter.check([prod]) == [
        ("Cluster of prod", False, "context cluster-prod needs CHATOPS_KUBECONFIG, which is not set")
    ]
    await adapter.aclose()


async def test_check_names_what_is_missing(
    clusters: Clusters, server: Scripted, world: World, catalog: Catalog
) -> None:
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
    server.faults.status = 403
    ((_, good, text),) = await clusters.check([catalog.environments["prod"]])
    assert not good
    assert text.startswith("403: ")
