"""What Argo CD's answers look like: lists with selected fields, differences, the tree of resources, errors."""

import json
from collections.abc import Iterable
from typing import Any

from sandbox import objects
from sandbox.comparison import Difference
from sandbox.deployments import Deployment, Pod
from sandbox.git import Commit
from sandbox.manifests import Json
from sandbox.rollouts import Namespace
from sandbox.timeline import rfc3339

STATUS = {2: 500, 3: 400, 4: 504, 5: 404, 7: 403, 9: 400, 13: 500, 14: 503, 16: 401}
SELECTABLE = frozenset(
    (
        *(f"metadata.{name}" for name in ("name", "namespace", "annotations", "labels")),
        *(f"metadata.{name}" for name in ("creationTimestamp", "deletionTimestamp")),
        "spec",
        *(f"spec.{name}" for name in ("destination", "project", "source", "sources", "sourceHydrator", "syncPolicy")),
        *(f"status.{name}" for name in ("sourceHydrator", "summary", "health", "resources")),
        *(f"status.sync.{name}" for name in ("status", "revision")),
        *(f"status.operationState.{name}" for name in ("startedAt", "finishedAt", "phase")),
        "operation.sync",
    )
)


def error(code: int, message: str) -> Json:
    """The body of an error answer."""
    return {"error": message, "code": code, "message": message}


def select(document: Json, fields: Iterable[str]) -> Json:
    """The parts of a listed Application that `fields` name and that can be selected in a list."""
    result: Json = {}
    for path in fields:
        if path in SELECTABLE:
            copy_path(document, result, path.split("."))
    return result


def difference(item: Difference) -> Json:
    """One entry of managed-resources: four states, each a JSON text."""
    reference = item.reference
    if not reference["group"]:
        del reference["group"]
    del reference["version"]
    version = {"resourceVersion": item.live["metadata"]["resourceVersion"]} if item.live else {}
    return {
        **reference,
        "targetState": _text(item.target),
        "liveState": _text(item.live),
        "normalizedLiveState": _text(item.live),
        "predictedLiveState": _text(item.predicted),
        **version,
        **({"modified": True} if item.changed else {}),
    }


def tree(found: Iterable[Difference], namespace: Namespace) -> Json:
    """The resource tree: what exists of the managed objects, and the ReplicaSets and Pods below the Deployments."""
    nodes = [_node(item) for item in found if item.live]
    for deployment in namespace.deployments.values():
        for template in dict.fromkeys(pod.template for pod in deployment.pods):
            nodes.append(_replica_set(deployment, template, namespace))
        nodes += [_pod(pod, deployment, namespace) for pod in deployment.pods]
    return {"nodes": nodes, "orphanedNodes": [], "hosts": []}


def revision(commit: Commit) -> Json:
    """Who wrote a commit, when and why."""
    author = f"{commit.name} <{commit.email}>"
    return {"author": author, "date": rfc3339(commit.at), "message": f"{commit.message}\n"}


def copy_path(source: Json, result: Json, path: list[str]) -> None:
    """Copy what the path names into the result; nothing when there is nothing."""
    name, *rest = path
    if name not in source:
        return
    if not rest:
        result[name] = source[name]
    elif isinstance(source[name], dict):
        copy_path(source[name], result.setdefault(name, {}), rest)


def _text(manifest: Json | None) -> str:
    return json.dumps(manifest, separators=(",", ":"))


def _node(item: Difference) -> Json:
    live: Json = item.live or {}
    metadata = live["metadata"]
    revision = metadata.get("annotations", {}).get("deployment.kubernetes.io/revision")
    return {
        **{name: value for name, value in item.reference.items() if value},
        "uid": metadata["uid"],
        **({"info": [{"name": "Revision", "value": f"Rev:{revision}"}]} if revision else {}),
        "resourceVersion": metadata["resourceVersion"],
        **({"health": item.health} if item.health else {}),
        "createdAt": metadata["creationTimestamp"],
    }


def _replica_set(deployment: Deployment, template: str, namespace: Namespace) -> Json:
    pods = [pod for pod in deployment.pods if pod.template == template]
    parent = {"group": "apps", "kind": "Deployment", "namespace": namespace.name, "name": deployment.name}
    revision = deployment.revision if template == deployment.template else deployment.revision - 1
    return {
        "group": "apps",
        "version": "v1",
        "kind": "ReplicaSet",
        "namespace": namespace.name,
        "name": f"{deployment.name}-{template}",
        "uid": f"{deployment.uid}-{template}",
        "parentRefs": [{**parent, "uid": deployment.uid}],
        "info": [{"name": "Revision", "value": f"Rev:{revision}"}],
        "resourceVersion": objects.version_of(len(pods)),
        "health": {"status": "Healthy" if all(pod.ready for pod in pods) else "Progressing"},
        "createdAt": rfc3339(min(pod.created for pod in pods)),
    }


def _pod(pod: Pod, deployment: Deployment, namespace: Namespace) -> Json:
    parent = {"group": "apps", "kind": "ReplicaSet", "namespace": namespace.name}
    info: list[Json] = [{"name": "Node", "value": "node-1"}, {"name": "Containers", "value": f"{int(pod.ready)}/1"}]
    health: dict[str, Any] = {"status": "Healthy"} if pod.ready else {"status": "Progressing"}
    if pod.breakage:
        info.insert(0, {"name": "Status Reason", "value": pod.breakage.reason})
        health = {"status": "Degraded", "message": pod.breakage.message}
    if pod.restarts:
        info.append({"name": "Restart Count", "value": str(pod.restarts)})
    name = f"{deployment.name}-{pod.template}"
    return {
        "version": "v1",
        "kind": "Pod",
        "namespace": namespace.name,
        "name": pod.name,
        "uid": pod.uid,
        "parentRefs": [{**parent, "name": name, "uid": f"{deployment.uid}-{pod.template}"}],
        "info": info,
        "resourceVersion": objects.version_of(pod.age, pod.restarts),
        "images": [pod.image],
        "health": health,
        "createdAt": rfc3339(pod.created),
    }
