"""Which pods are a service's, and why one is not ready."""

from typing import Any

import pytest

from bot.adapters.cluster_values import WorkloadRead, workloads
from bot.domain import images

Json = dict[str, Any]
LABELS = {"app.kubernetes.io/name": "backend"}


def deployment(*, selector: Json | None = None, status: Json | None = None, **spec: Any) -> Json:
    containers = [{"name": "proxy", "image": "envoy:1"}, {"name": "backend", "image": "registry:5000/backend:2"}]
    return {
        "metadata": {"name": "backend", "generation": 4},
        "spec": {
            "selector": {"matchLabels": LABELS if selector is None else selector},
            "template": {"spec": {"containers": containers}},
            **spec,
        },
        "status": status or {},
    }


def pod(name: str, *, labels: Json | None = None, owner: str = "ReplicaSet", **parts: Any) -> Json:
    return {
        "metadata": {
            "name": name,
            "labels": {**LABELS, "pod-template-hash": "1"} if labels is None else labels,
            "ownerReferences": [{"kind": owner, "name": "x"}],
            **parts.pop("metadata", {}),
        },
        "spec": {"containers": [{"name": "backend", "image": "registry:5000/backend:2"}]},
        "status": {"phase": "Running", **parts},
    }


def backend(*pods: Json, of: Json | None = None) -> WorkloadRead:
    return workloads([of or deployment()], list(pods), services={"backend", "auth-service"})["backend"]


def test_counts_that_are_zero_are_left_out_by_the_api() -> None:
    found = backend()
    assert (found.replicas, found.updated, found.available, found.total, found.settled) == (1, 0, 0, 0, False)
    assert backend(of=deployment(replicas=0)).replicas == 0
    assert found.live == images.Image(repository="registry:5000/backend", tag="2")


@pytest.mark.parametrize(("observed", "settled"), [(3, False), (4, True), (5, True)])
def test_settled_when_the_newest_spec_was_seen(observed: int, settled: bool) -> None:
    assert backend(of=deployment(status={"observedGeneration": observed})).settled is settled


def test_deployments_of_no_service_are_left_out() -> None:
    other = {"metadata": {"name": "postgres"}, "spec": {}}
    assert set(workloads([other, deployment()], [], services={"backend"})) == {"backend"}


@pytest.mark.parametrize(
    "foreign",
    [
        pod("job", owner="Job"),
        pod("other", labels={"app.kubernetes.io/name": "auth-service"}),
        pod("bare", labels={}),
        pod("evicted", phase="Failed", reason="Evicted"),
        pod("done", phase="Succeeded"),
    ],
    ids=lambda entry: entry["metadata"]["name"],
)
def test_only_running_pods_of_the_deployment_count(foreign: Json) -> None:
    assert [entry.name for entry in backend(foreign, pod("mine")).pods] == ["mine"]


def test_a_deployment_without_a_selector_has_no_pods() -> None:
    assert backend(pod("mine"), of=deployment(selector={})).pods == ()


def waiting(reason: str, **more: Any) -> Json:
    return {"name": "backend", "state": {"waiting": {"reason": reason}}, **more}


READY = {"conditions": [{"type": "Ready", "status": "True"}]}
UNSCHEDULABLE = {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({}, None),
        (READY, None),
        ({**READY, "containerStatuses": [waiting("CrashLoopBackOff")]}, None),
        ({"containerStatuses": [waiting("ContainerCreating")]}, "ContainerCreating"),
        ({"containerStatuses": [waiting("ContainerCreating"), waiting("ImagePullBackOff")]}, "ImagePullBackOff"),
        (
            {
                "initContainerStatuses": [waiting("CrashLoopBackOff")],
                "containerStatuses": [waiting("PodInitializing")],
            },
            "CrashLoopBackOff",
        ),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled"}}}]}, "OOMKilled"),
        ({"containerStatuses": [{"state": {"terminated": {"reason": "Completed"}}}]}, None),
        (
            {"containerStatuses": [{"state": {"running": {}}, "lastState": {"terminated": {"reason": "OOMKilled"}}}]},
            "OOMKilled",
        ),
        ({"reason": "NodeLost", "containerStatuses": [waiting("ContainerCreating")]}, "NodeLost"),
        (UNSCHEDULABLE, "Unschedulable"),
    ],
)
def test_the_most_telling_reason_wins(status: Json, reason: str | None) -> None:
    assert backend(pod("mine", **status)).pods[0].reason == reason


DIGEST = "sha256:" + "d" * 64


@pytest.mark.parametrize(
    ("said", "digest"),
    [
        (f"registry:5000/backend@{DIGEST}", DIGEST),
        (f"docker-pullable://registry:5000/backend@{DIGEST}", DIGEST),
        (f"docker://{DIGEST}", None),
        (DIGEST, None),
        ("d" * 64, None),
        (f"docker.io/library/import-2026-01-05@{DIGEST}", None),
        ("registry:5000/backend@sha256:short", None),
        ("", None),
        (None, None),
    ],
)
def test_the_digest_that_a_node_says_it_runs(said: str | None, digest: str | None) -> None:
    statuses = [
        {"name": "proxy", "imageID": f"registry:5000/backend@sha256:{'0' * 64}"},
        {"name": "backend", "imageID": said},
    ]
    [found] = backend(pod("mine", containerStatuses=statuses)).pods
    assert (found.digest, found.image.repository) == (digest, "registry:5000/backend")


def test_restarts_and_leaving() -> None:
    statuses = [{"restartCount": 2}, {"restartCount": 3}]
    leaving = pod("a", metadata={"deletionTimestamp": "2026-08-22T10:00:00Z"}, containerStatuses=statuses)
    assert [(entry.restarts, entry.terminating) for entry in backend(leaving, pod("b")).pods] == [(5, True), (0, False)]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ({"type": "Progressing", "status": "True", "message": "on its way"}, None),
        ({"type": "Progressing", "status": "False", "message": "timed out"}, "timed out"),
        ({"type": "ReplicaFailure", "status": "True", "message": "quota " * 100}, ("quota " * 100)[:300]),
        ({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}, "FailedCreate"),
        (
            {"type": "ReplicaFailure", "status": "True", "message": 'User "system:node:a" cannot, token=abc123'},
            "User [hidden] cannot, token=[hidden]",
        ),
    ],
)
def test_the_controllers_complaint(condition: Json, message: str | None) -> None:
    assert backend(of=deployment(status={"conditions": [condition]})).message == message
