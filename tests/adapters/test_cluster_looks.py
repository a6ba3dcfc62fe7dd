"""Logs, events and rights of a cluster: what is there, why something is not, and never more than was asked for."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from bot.adapters.cluster import LARGEST_LOG, Clusters
from bot.adapters.cluster_errors import ClusterError
from bot.domain.catalog import Catalog, Environment
from bot.domain.inspections import LogRead
from bot.domain.reasons import Reason
from sandbox.deployments import CRASH_LOGS, Breakage
from sandbox.faults import ClusterFaults
from sandbox.world import World
from tests.adapters.clustered import Scripted

SERVICE = "backend"


async def crash(world: World, logs: tuple[str, ...] = CRASH_LOGS, reason: str = "CrashLoopBackOff") -> str:
    """A release that does not run; the name of its pod."""
    released = world.release("prod", SERVICE)
    world.breakages[released.tag] = Breakage(reason=reason, logs=logs)
    world.tick()
    world.operate("prod")
    await world.settle()
    [pod] = [pod for pod in world.deployment("prod", SERVICE).updated if not pod.ready]
    return pod.name


async def test_the_log_is_the_worst_pods(clusters: Clusters, api: Scripted, world: World, prod: Environment) -> None:
    name = await crash(world)
    api.requests.clear()
    assert await clusters.logs(prod, service=SERVICE, previous=True, lines=2) == LogRead(
        pod=name, container=SERVICE, previous=True, lines=CRASH_LOGS[-2:], cut=False
    )
    asked = api.requests[-1]
    assert asked.path.endswith(f"/pods/{name}/log")
    assert dict(asked.query) == {
        "container": SERVICE,
        "tailLines": "2",
        "limitBytes": str(LARGEST_LOG),
        "previous": "true",
    }


async def test_a_pod_by_name_and_secrets_hidden(clusters: Clusters, world: World, prod: Environment) -> None:
    name = world.deployment("prod", SERVICE).pods[-1].name
    read = await clusters.logs(prod, service=SERVICE, pod=name)
    assert (read.pod, read.cut) == (name, False)
    assert "connected to postgres://tiketi:[hidden]@postgres:5432/tiketi" in read.lines


@pytest.mark.parametrize("lines", [100, 4])
async def test_a_key_over_many_lines_is_hidden_wherever_the_log_begins(
    clusters: Clusters, world: World, prod: Environment, lines: int
) -> None:
    key = ["-----BEGIN PRIVATE KEY-----", *(letter * 64 for letter in "abc"), "c2hvcnQ=", "-----END PRIVATE KEY-----"]
    await crash(world, logs=("starting", *key, "could not use the key"))
    read = await clusters.logs(prod, service=SERVICE, previous=True, lines=lines)
    assert list(read.lines) == ["starting", *["[hidden]"] * 6, "could not use the key"][-lines:]


async def test_a_huge_log_is_cut(clusters: Clusters, world: World, prod: Environment) -> None:
    await crash(world, logs=("x" * 5000,) * 100)
    read = await clusters.logs(prod, service=SERVICE, lines=1000)
    assert read.cut
    assert sum(map(len, read.lines)) < LARGEST_LOG
    assert {len(line) for line in read.lines[:-1]} == {2000}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"pod": "backend-gone"}, Reason.NO_SUCH_POD),
        ({"container": "sidecar"}, Reason.CONTAINER_UNKNOWN),
        ({"previous": True}, Reason.NO_PREVIOUS_LOG),
        ({"service": "nobody"}, Reason.NO_PODS),
    ],
)
async def test_a_log_that_is_not_there(
    clusters: Clusters, prod: Environment, options: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(ClusterError) as caught:
        await clusters.logs(prod, **{"service": SERVICE, **options})
    assert caught.value.reason is reason


async def test_a_container_that_waits_and_a_right_that_lacks(
    clusters: Clusters, api: Scripted, world: World, prod: Environment
) -> None:
    await crash(world, reason="ImagePullBackOff")
    with pytest.raises(ClusterError) as caught:
        await clusters.logs(prod, service=SERVICE)
    assert caught.value.reason is Reason.CONTAINER_WAITING
    api.rights.discard(("get", "", "pods/log"))
    with pytest.raises(ClusterError) as caught:
        await clusters.logs(prod, service=SERVICE)
    assert caught.value.reason is Reason.CLUSTER_FORBIDDEN


async def test_events_are_the_namespaces_or_one_services(clusters: Clusters, world: World, prod: Environment) -> None:
    name = await crash(world)
    everything = (await clusters.events(prod)).found
    mine = (await clusters.events(prod, service=SERVICE)).found
    assert [event.at for event in everything] == sorted(event.at for event in everything)
    assert {event.name for event in mine if event.warning} == {name}
    assert {event.name.startswith("backend") for event in mine} == {True}
    assert len(mine) < len(everything)


async def test_events_of_a_service_are_not_crowded_out_by_newer_ones(
    clusters: Clusters, world: World, prod: Environment
) -> None:
    name = await crash(world)
    namespace = world.namespaces["prod"]
    [old, *_] = [event for event in namespace.events if event.name == name]
    crowd = [replace(old, name=f"ticket-service-{number}", at=world.timeline.now()) for number in range(300)]
    namespace.events.extend(crowd)
    assert {event.name for event in (await clusters.events(prod)).found} == {event.name for event in crowd[-200:]}
    mine = await clusters.events(prod, service=SERVICE)
    assert (name in {event.name for event in mine.found}, mine.cut) == (True, False)


async def test_an_earlier_log_is_that_of_the_pod_that_restarted_most(
    clusters: Clusters, world: World, prod: Environment
) -> None:
    starting, crashed, quiet = world.deployment("prod", SERVICE).pods
    starting.ready, crashed.restarts, quiet.restarts = False, 4, 1
    assert (await clusters.logs(prod, service=SERVICE, previous=True)).pod == crashed.name
    assert (await clusters.logs(prod, service=SERVICE)).pod == starting.name


async def test_check_tells_rights_that_lack_and_rights_that_are_too_many(
    clusters: Clusters, api: Scripted, prod: Environment
) -> None:
    api.rights.discard(("list", "", "events"))
    api.rights |= {("get", "", "secrets"), ("create", "", "pods/exec")}
    found = await clusters.check([prod])
    assert found[1] == (
        "Cluster rights of prod",
        False,
        "lacks: list events; more than the bot needs: get secrets, create pods/exec",
    )


async def test_one_dead_cluster_delays_no_other(
    clusters: Clusters, api: Scripted, catalog: Catalog, prod: Environment
) -> None:
    api.faults_of["cluster-prod"] = ClusterFaults(slow=30)
    dead = asyncio.create_task(clusters.workloads(prod))
    async with asyncio.timeout(5):
        for name in ("dev", "staging", "dev", "staging"):
            assert SERVICE in await clusters.workloads(catalog.environments[name])
    assert not dead.done()
    dead.cancel()
