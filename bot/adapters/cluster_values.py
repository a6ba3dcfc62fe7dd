"""What a namespace runs, as values: each service's Deployment, and the pods that are its.

Objects are read field by field from the API's JSON. A pod counts for a service when the Deployment's selector matches
it and nothing but a ReplicaSet owns it: a migration Job may well carry the same labels. A pod that has ended (evicted,
preempted) is history and does not count; its replacement does.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.adapters.fields import Json, entries, moment, section
from bot.adapters.masking import masked_answer
from bot.domain import images
from bot.domain.events import Pod
from bot.domain.images import Image

MESSAGE_LENGTH = 300
_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadRead:
    """A service's Deployment and pods. The counts are the Deployment's own; `live` is the image it asks for.

    `settled` means its controller has seen the newest spec; before that the counts speak of an older one. `message`
    is the controller's complaint, cut, or None when it has none. `restarted_at` is when a restart was last asked for.
    """

    service: str
    live: Image | None
    settled: bool
    replicas: int
    updated: int
    available: int
    total: int
    message: str | None
    pods: tuple[Pod, ...]
    restarted_at: datetime | None


def workloads(deployments: list[Json], pods: list[Json], *, services: Collection[str]) -> dict[str, WorkloadRead]:
    """The workloads of those services that have a Deployment of their name, from the items of the two lists."""
    found = {name: item for item in deployments if (name := _name(item)) in services}
    return {service: _workload(item, pods, service=service) for service, item in found.items()}


def _workload(deployment: Json, pods: list[Json], *, service: str) -> WorkloadRead:
    spec, status = section(deployment, "spec"), section(deployment, "status")
    selector = section(section(spec, "selector"), "matchLabels")
    template = section(spec, "template")
    reference = str(_container(section(template, "spec"), service=service).get("image") or "")
    replicas = spec.get("replicas")
    mine = [_pod(item, service=service) for item in pods if _belongs(item, selector=selector)]
    return WorkloadRead(
        service=service,
        live=images.parse(reference) if reference else None,
        settled=int(status.get("observedGeneration") or 0)
        >= int(section(deployment, "metadata").get("generation") or 0),
        replicas=1 if replicas is None else int(replicas),
        updated=int(status.get("updatedReplicas") or 0),
        available=int(status.get("availableReplicas") or 0),
        total=int(status.get("replicas") or 0),
        message=_complaint(status),
        restarted_at=moment(section(section(template, "metadata"), "annotations").get(_RESTARTED_AT)),
        pods=tuple(sorted(mine, key=lambda pod: pod.name)),
    )


def _complaint(status: Json) -> str | None:
    for condition in entries(status, "conditions"):
        if (condition.get("type"), condition.get("status")) in (("ReplicaFailure", "True"), ("Progressing", "False")):
            said = str(condition.get("message") or condition.get("reason") or condition["type"])
            return masked_answer(said)[:MESSAGE_LENGTH]
    return None


def _belongs(pod: Json, *, selector: Json) -> bool:
    metadata = section(pod, "metadata")
    labels = section(metadata, "labels")
    owners = {owner.get("kind") for owner in entries(metadata, "ownerReferences")}
    return (
        bool(selector)
        and all(labels.get(name) == value for name, value in selector.items())
        and owners <= {"ReplicaSet"}
        and section(pod, "status").get("phase") not in _ENDED
    )


def _pod(pod: Json, *, service: str) -> Pod:
    metadata, spec, status = (section(pod, name) for name in ("metadata", "spec", "status"))
    conditions = {str(entry.get("type")): entry for entry in entries(status, "conditions")}
    ready = section(conditions, "Ready").get("status") == "True"
    container = _container(spec, service=service)
    image = images.parse(str(container.get("image") or ""))
    return Pod(
        name=_name(pod),
        image=image,
        ready=ready,
        restarts=sum(int(entry.get("restartCount") or 0) for entry in entries(status, "containerStatuses")),
        reason=None if ready else _reason(status, conditions=conditions),
        terminating=bool(metadata.get("deletionTimestamp")),
        node=str(spec.get("nodeName") or ""),
        created_at=moment(metadata.get("creationTimestamp")),
        containers=tuple(_name_of(entry) for kind in ("containers", "initContainers") for entry in entries(spec, kind)),
        last_exit=_last_exit(status),
        digest=_digest(status, container=_name_of(container), repository=image.repository),
    )


def _digest(status: Json, *, container: str, repository: str) -> str | None:
    """The digest that the container runs, of this repository.

    containerd, CRI-O and Docker (after `docker-pullable://`) write `repository@digest`. Where they write an id of their
    own, or a name under which the image was loaded by hand, it says nothing about what the registry has.
    """
    found = next((entry for entry in entries(status, "containerStatuses") if entry.get("name") == container), {})
    runs = images.parse(str(found.get("imageID") or "").removeprefix("docker-pullable://"))
    return runs.digest if runs.repository == repository else None


def _last_exit(status: Json) -> str:
    """How a container ended before it was started again: the reason and, unless that says it all, the exit code."""
    for container in entries(status, "containerStatuses"):
        ended = section(section(container, "lastState"), "terminated")
        if ended:
            reason, code = str(ended.get("reason") or "Ended"), ended.get("exitCode")
            return reason if reason in ("OOMKilled", "Completed") else f"{reason}, exit code {code}"
    return ""


def _reason(status: Json, *, conditions: Json) -> str | None:
    """Why a pod is not ready, the most telling first: a container that cannot run, one that died, the pod's own
    reason (`Evicted`), why it has no node (`Unschedulable`), and only then that it is being started."""
    reasons = list(_container_reasons(status))
    scheduled = section(conditions, "PodScheduled")
    telling = [
        *(reason for reason in reasons if reason not in _STARTING),
        status.get("reason"),
        scheduled.get("reason") if scheduled.get("status") == "False" else None,
        *reasons,
    ]
    return next((str(reason) for reason in telling if reason), None)


def _container_reasons(status: Json) -> Iterator[str]:
    containers = [*entries(status, "initContainerStatuses"), *entries(status, "containerStatuses")]
    states = [section(container, "state") for container in containers]
    yield from (reason for state in states if (reason := section(state, "waiting").get("reason")))
    ends = [*states, *(section(container, "lastState") for container in containers)]
    for end in (section(state, "terminated") for state in ends):
        if end.get("reason") and end["reason"] != "Completed":
            yield end["reason"]


def _container(pod_spec: Json, *, service: str) -> Json:
    """The container named like the service, else the first one."""
    containers = entries(pod_spec, "containers")
    chosen = next((container for container in containers if container.get("name") == service), None)
    return chosen or next(iter(containers), {})


def _name_of(container: Json) -> str:
    return str(container.get("name") or "")


def _name(item: Json) -> str:
    return str(section(item, "metadata").get("name") or "")
