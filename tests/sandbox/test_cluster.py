"""The official Kubernetes client reads Deployments, pods, logs and events of every cluster."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from sandbox.cluster import Cluster
from sandbox.deployments import CRASH_LOGS, Breakage
from sandbox.world import World


@pytest.fixture
async def cluster(world: World) -> AsyncIterator[Cluster]:
    """The clusters of the world."""
    async with Cluster(world) as running:
        yield running


@pytest.fixture
def ask(cluster: Cluster, tmp_path: Path) -> Callable[..., Any]:
    """Ask a cluster by its context, in a thread."""
    path = cluster.write_kubeconfig(tmp_path / "kubeconfig")

    def work(question: Callable[[client.ApiClient], Any], context: str | None) -> Any:
        # The client's configuration module has no types.
        with config.new_client_from_config(str(path), context=context) as api:  # type: ignore[no-untyped-call]
            return question(api)

    async def asked(question: Callable[[client.ApiClient], Any], *, context: str | None = "cluster-prod") -> Any:
        return await asyncio.to_thread(work, question, context)

    return asked


async def test_a_deployment_and_its_pods(world: World, ask: Callable[..., Any]) -> None:
    def question(api: client.ApiClient) -> Any:
        item = client.AppsV1Api(api).read_namespaced_deployment("backend", "tiketi")
        pods = (
            client.CoreV1Api(api).list_namespaced_pod("tiketi", label_selector="app.kubernetes.io/name=backend").items
        )
        return item, pods

    item, pods = await ask(question)
    status = item.status
    assert (item.metadata.generation, status.observed_generation, status.replicas) == (1, 1, 3)
    assert (status.updated_replicas, status.available_replicas, status.unavailable_replicas) == (3, 3, None)
    assert [(one.type, one.status, one.reason) for one in status.conditions] == [
        ("Available", "True", "MinimumReplicasAvailable"),
        ("Progressing", "True", "NewReplicaSetAvailable"),
    ]
    [container] = item.spec.template.spec.containers
    assert [(pod.status.phase, pod.spec.containers[0].image) for pod in pods] == [("Running", container.image)] * 3
    [one] = pods[0].status.container_statuses
    tag = container.image.rpartition(":")[2]
    digest = world.images.repositories["tiketi-backend"].tags[tag]
    assert (one.name, one.ready, one.image_id) == ("backend", True, f"{container.image.rpartition(':')[0]}@{digest}")
    assert one.state.running is not None


async def test_a_list_comes_in_pages_when_it_is_asked_for_so(ask: Callable[..., Any]) -> None:
    def pages(api: client.ApiClient) -> Any:
        core = client.CoreV1Api(api)
        first: Any = core.list_namespaced_pod("tiketi", limit=10)
        return first, core.list_namespaced_pod("tiketi", limit=10, _continue=first.metadata._continue)

    first, last = await ask(pages)
    assert (len(first.items), first.metadata.remaining_item_count) == (10, 5)
    assert (len(last.items), last.metadata._continue) == (5, None)
    assert len({pod.metadata.name for pod in first.items + last.items}) == 15


async def test_each_context_is_a_cluster_of_its_own(world: World, ask: Callable[..., Any]) -> None:
    def replicas(api: client.ApiClient) -> Any:
        return [item.spec.replicas for item in client.AppsV1Api(api).list_namespaced_deployment("tiketi").items]

    assert await ask(replicas, context="cluster-dev") == [1] * 5
    assert await ask(replicas, context="cluster-prod") == [3] * 5
    assert await ask(replicas, context=None) == [1] * 5  # the first context is the current one
    assert (await ask(lambda api: client.VersionApi(api).get_code())).git_version.startswith("v1.36")


async def test_a_pod_that_crashes_says_why(world: World, ask: Callable[..., Any]) -> None:
    released = world.release("prod", "backend")
    world.breakages[released.tag] = Breakage()
    world.tick()
    world.operate("prod")
    await world.settle()

    def question(api: client.ApiClient) -> Any:
        core = client.CoreV1Api(api)
        pods: Any = core.list_namespaced_pod("tiketi", label_selector="app.kubernetes.io/name in (backend)").items
        [pod] = [pod for pod in pods if not pod.status.container_statuses[0].ready]
        log = core.read_namespaced_pod_log(
            pod.metadata.name, "tiketi", previous=True, tail_lines=2, container="backend"
        )
        selector = f"involvedObject.name={pod.metadata.name}"
        events = core.list_namespaced_event("tiketi", field_selector=selector).items
        return pod, log, events, client.AppsV1Api(api).read_namespaced_deployment("backend", "tiketi")

    pod, log, events, item = await ask(question)
    [container] = pod.status.container_statuses
    assert container.state.waiting.reason == "CrashLoopBackOff"
    assert container.last_state.terminated.exit_code == 1
    assert container.restart_count > 0
    assert log == "".join(f"{line}\n" for line in CRASH_LOGS[-2:])
    assert {event.reason for event in events} == {"BackOff"}
    assert item.status.conditions[1].reason == "ProgressDeadlineExceeded"


@pytest.mark.parametrize(("previous", "reason"), [(True, "previous terminated container"), (False, "waiting to start")])
async def test_a_log_that_is_not_there(world: World, ask: Callable[..., Any], previous: bool, reason: str) -> None:
    if not previous:
        world.commit_tag("backend", "prod", tag="0000000-20260105-143022")
        world.tick()
        world.operate("prod")
        await world.settle()
    pod = world.deployment("prod", "backend").updated[0].name

    def question(api: client.ApiClient) -> Any:
        client.CoreV1Api(api).read_namespaced_pod_log(pod, "tiketi", previous=previous)

    with pytest.raises(client.ApiException, match=reason) as refused:
        await ask(question)
    assert refused.value.status == 400


async def test_what_is_missing_and_what_is_forbidden(cluster: Cluster, ask: Callable[..., Any]) -> None:
    cases: list[tuple[Callable[[client.ApiClient], Any], int, str]] = [
        (
            lambda api: client.AppsV1Api(api).read_namespaced_deployment("nope", "tiketi"),
            404,
            'deployments.apps "nope" not found',
        ),
        (lambda api: client.CoreV1Api(api).list_namespaced_pod("kube-system"), 403, "pods is forbidden: User"),
        (lambda api: client.CoreV1Api(api).list_node(), 404, "the server could not find the requested resource"),
    ]
    for question, status, message in cases:
        with pytest.raises(client.ApiException) as refused:
            await ask(question)
        body = json.loads(refused.value.body or "")
        assert (refused.value.status, body["kind"], body["code"]) == (status, "Status", status)
        assert body["message"].startswith(message)
    cluster.token = "another"
    with pytest.raises(client.ApiException) as refused:
        await ask(cases[0][0])
    assert refused.value.status == 401


@pytest.mark.parametrize(
    ("verb", "group", "resource", "subresource", "allowed"),
    [
        ("list", "apps", "deployments", None, True),
        ("get", "", "pods", "log", True),
        ("get", "", "pods", None, False),
        ("get", "", "secrets", None, False),
        ("patch", "apps", "deployments", None, False),
    ],
)
async def test_a_token_can_ask_what_it_may(
    ask: Callable[..., Any], verb: str, group: str, resource: str, subresource: str | None, *, allowed: bool
) -> None:
    attributes = client.V1ResourceAttributes(
        namespace="tiketi", verb=verb, group=group, resource=resource, subresource=subresource
    )
    review = client.V1SelfSubjectAccessReview(spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes))
    answer = await ask(lambda api: client.AuthorizationV1Api(api).create_self_subject_access_review(review))
    assert answer.status.allowed is allowed


async def test_the_log_can_be_withheld(cluster: Cluster, world: World, ask: Callable[..., Any]) -> None:
    cluster.rights.discard(("get", "", "pods/log"))
    pod = world.deployment("prod", "backend").pods[0].name
    with pytest.raises(client.ApiException, match="pods/log") as refused:
        await ask(lambda api: client.CoreV1Api(api).read_namespaced_pod_log(pod, "tiketi"))
    assert refused.value.status == 403
