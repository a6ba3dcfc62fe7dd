"""Deployments, pods and events as the Kubernetes API writes them.

The cluster's server answers with these, and Argo CD's live states hold them.
"""

from datetime import datetime

from sandbox.deployments import Deployment, Event, Pod
from sandbox.git import digest
from sandbox.manifests import Json
from sandbox.timeline import rfc3339

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def version_of(*parts: object) -> str:
    """A resourceVersion that changes when any of the parts does."""
    return str(100_000 + sum((index + 1) * int(str(part)) for index, part in enumerate(parts)))


def live(manifest: Json, *, uid: str, created: datetime) -> Json:
    """An object without status as the cluster holds it: what was applied, and what the API server adds."""
    added = {"uid": uid, "resourceVersion": "100000", "creationTimestamp": rfc3339(created)}
    return {**manifest, "metadata": {**manifest["metadata"], **added}}


def deployment(item: Deployment) -> Json:
    """A Deployment with its status."""
    document = live(item.manifest, uid=item.uid, created=item.created)
    document["metadata"] |= {
        "generation": item.generation,
        "resourceVersion": version_of(item.generation, item.observed, len(item.pods), item.available, item.stalled),
        "annotations": {"deployment.kubernetes.io/revision": str(item.revision)},
    }
    if item.restarted_at:
        template = document["spec"]["template"]
        metadata = {**template["metadata"], "annotations": {RESTARTED_AT: item.restarted_at}}
        document["spec"] = {**document["spec"], "template": {**template, "metadata": metadata}}
    status = {
        "observedGeneration": item.observed,
        "replicas": len(item.pods),
        "updatedReplicas": len(item.updated),
        "readyReplicas": item.available,
        "availableReplicas": item.available,
        "unavailableReplicas": max(len(item.pods) - item.available, 0),
    }
    # Kubernetes leaves a count of zero out.
    document["status"] = {name: count for name, count in status.items() if count} | {"conditions": _conditions(item)}
    return document


def pod(item: Pod, *, of: Deployment) -> Json:
    """A pod with its status."""
    manifest = of.manifest
    labels = {**manifest["spec"]["template"]["metadata"]["labels"], "pod-template-hash": item.template}
    ready = "True" if item.ready else "False"
    started = item.breakage is None or item.breakage.crashes
    condition = {"status": ready, "lastTransitionTime": rfc3339(item.created)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": item.name,
            "namespace": manifest["metadata"]["namespace"],
            "uid": item.uid,
            "resourceVersion": version_of(item.age, item.restarts, int(item.ready)),
            "creationTimestamp": rfc3339(item.created),
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": f"{of.name}-{item.template}",
                    "uid": f"{of.uid}-{item.template}",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {"nodeName": "node-1", "containers": [{"name": of.name, "image": item.image}]},
        "status": {
            "phase": "Running" if started and item.age else "Pending",
            "startTime": rfc3339(item.created),
            "conditions": [{"type": "Ready", **condition}, {"type": "ContainersReady", **condition}],
            "containerStatuses": [_container(item, name=of.name)],
        },
    }


def event(item: Event, *, namespace: str) -> Json:
    """A core/v1 Event."""
    at = rfc3339(item.at)
    version = "apps/v1" if item.kind == "Deployment" else "v1"
    about = {"apiVersion": version, "kind": item.kind, "name": item.name, "namespace": namespace, "uid": item.uid}
    return {
        "metadata": {"name": f"{item.name}.{digest(repr(item))[:16]}", "namespace": namespace, "creationTimestamp": at},
        "involvedObject": about,
        "type": item.type,
        "reason": item.reason,
        "message": item.message,
        "source": {"component": "deployment-controller" if item.kind == "Deployment" else "kubelet"},
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }


def _conditions(item: Deployment) -> list[Json]:
    enough = item.available >= item.replicas
    since = rfc3339(item.progressing.since if item.progressing else item.created)
    available = {
        "type": "Available",
        "status": "True" if enough else "False",
        "reason": "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "message": f"Deployment {'has' if enough else 'does not have'} minimum availability.",
        "lastTransitionTime": since,
        "lastUpdateTime": since,
    }
    if item.progressing is None:
        return [available]
    progressing = {
        "type": "Progressing",
        "status": "True" if item.progressing.status else "False",
        "reason": item.progressing.reason,
        "message": item.progressing.message,
        "lastTransitionTime": since,
        "lastUpdateTime": since,
    }
    return [available, progressing]


def _container(item: Pod, *, name: str) -> Json:
    state: Json
    last: Json = {}
    if item.ready:
        state = {"running": {"startedAt": rfc3339(item.created)}}
    elif item.breakage is None:
        state = {"waiting": {"reason": "ContainerCreating"}}
    else:
        state = {"waiting": {"reason": item.breakage.reason, "message": item.breakage.message}}
        if item.breakage.crashes:
            at = rfc3339(item.created)
            last = {"terminated": {"exitCode": 1, "reason": "Error", "startedAt": at, "finishedAt": at}}
    return {
        "name": name,
        "image": item.image,
        "imageID": item.image_id if item.ready or last else "",
        "ready": item.ready,
        "started": item.ready,
        "restartCount": item.restarts,
        "state": state,
        "lastState": last,
    }
