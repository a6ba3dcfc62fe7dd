"""Clusters that refuse, hang or answer nonsense: said for each, and never waited for longer than allowed."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from bot.adapters.cluster import Clusters
from bot.adapters.cluster_errors import ClusterError, ClusterUnreachable
from bot.domain.catalog import Catalog, Environment
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.adapters.clustered import Scripted
from tests.adapters.conftest import Calls

SERVICE = "ticket-service"


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


async def test_a_list_without_end_is_given_up(clusters: Clusters, api: Scripted, prod: Environment) -> None:
    api.answers = [web.json_response({"metadata": {"continue": "on"}, "items": []}) for _ in range(4)]
    with pytest.raises(ClusterUnreachable) as caught:
        await clusters.workloads(prod)
    assert caught.value.log.endswith("deployments has more than 2000 items")


async def test_a_cluster_that_hangs_holds_up_only_itself(
    clusters: Clusters, api: Scripted, world: World, catalog: Catalog, kubeconfig: Path, prod: Environment
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
    clusters: Clusters, api: Scripted, prod: Environment, calls: Calls, status: int, reason: Reason
) -> None:
    api.faults.status = status
    with pytest.raises(ClusterError) as caught:
        await clusters.workloads(prod)
    assert caught.value.reason is reason
    assert caught.value.log.startswith(f"{status}: ")
    assert calls.seen == [("cluster", "workloads", reason.value)]

    api.faults.status = None
    assert SERVICE in await clusters.workloads(prod)


async def test_rotated_credentials_are_read_again(
    clusters: Clusters, api: Scripted, kubeconfig: Path, prod: Environment
) -> None:
    assert SERVICE in await clusters.workloads(prod)
    api.token = "another"
    with pytest.raises(ClusterUnreachable):
        await clusters.workloads(prod)
    api.write_kubeconfig(kubeconfig)
    assert SERVICE in await clusters.workloads(prod)


@pytest.mark.parametrize("text", ["<html>", "[]", "[" * 50_000])
async def test_what_is_no_list_is_no_answer(clusters: Clusters, api: Scripted, prod: Environment, text: str) -> None:
    api.answers = [web.Response(text=text)]
    with pytest.raises(ClusterUnreachable):
        await clusters.workloads(prod)
    assert SERVICE in await clusters.workloads(prod)


async def test_nobody_listening_is_unreachable(clusters: Clusters, api: Scripted, prod: Environment) -> None:
    await api.stop()
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
