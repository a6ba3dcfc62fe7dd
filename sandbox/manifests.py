"""What kustomize makes of an overlay: the kustomization file, and the objects of each service rendered from it.

Only `images` and `configMapGenerator` vary, because only those vary in the pipeline. As with the real kustomize, the
name of a generated ConfigMap carries a hash of its content and the Deployment refers to it by that name, so a change of
configuration makes a new object and leaves the old one to be pruned.
"""

import copy
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Json = dict[str, Any]

SERVICE_LABEL = "app.kubernetes.io/name"


class BuildFailed(Exception):
    """The overlay is not something kustomize can build; the text is what it would say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """What an environment asks for: image repository, tag and configuration per service."""

    namespace: str
    replicas: int
    images: Mapping[str, str]
    tags: Mapping[str, str]
    config: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def image(self, service: str) -> str:
        """The image of the service with its tag."""
        return f"{self.images[service]}:{self.tags[service]}"


def write(overlay: Overlay) -> str:
    """The text of a fresh `kustomization.yaml`."""
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": overlay.namespace,
        "resources": ["../../base"],
        "images": [
            {"name": service, "newName": image, "newTag": overlay.tags[service]}
            for service, image in overlay.images.items()
        ],
        "replicas": [{"name": service, "count": overlay.replicas} for service in overlay.images],
        "configMapGenerator": [
            {
                "name": f"{service}-config",
                "literals": [f"{name}={value}" for name, value in overlay.config.get(service, {}).items()],
            }
            for service in overlay.images
        ],
    }
    return yaml.safe_dump(document, sort_keys=False)


@functools.lru_cache(maxsize=256)
def read(text: str) -> Overlay:
    """The overlay that a `kustomization.yaml` describes; raises BuildFailed if it describes none."""
    try:
        document = yaml.safe_load(text)
        return Overlay(
            namespace=document["namespace"],
            replicas=max((entry["count"] for entry in document["replicas"]), default=1),
            images={entry["name"]: entry["newName"] for entry in document["images"]},
            tags={entry["name"]: str(entry["newTag"]) for entry in document["images"]},
            config={
                entry["name"].removesuffix("-config"): dict(literal.split("=", 1) for literal in entry["literals"])
                for entry in document["configMapGenerator"]
            },
        )
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BuildFailed(f"`kustomize build` failed exit status 1: Error: invalid Kustomization: {error}") from error


def render(overlay: Overlay) -> list[Json]:
    """The objects of every service, as `kustomize build` prints them."""
    return [manifest for service in overlay.images for manifest in _service(overlay, service)]


def base(services: Iterable[str]) -> dict[str, str]:
    """The files of the base that every overlay builds on, by their names: what `render` takes for granted."""
    files = {}
    for service in services:
        metadata = {"name": service, "labels": _labels(service)}
        objects = _workload(service, metadata=metadata, image=service, config=f"{service}-config", replicas=1)
        files[f"{service}.yaml"] = yaml.safe_dump_all(objects, sort_keys=False)
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    return {**files, "kustomization.yaml": yaml.safe_dump(document, sort_keys=False)}


def _service(overlay: Overlay, service: str) -> list[Json]:
    config = dict(overlay.config.get(service, {}))
    name = f"{service}-config-{hashlib.sha256(json.dumps(config).encode()).hexdigest()[:10]}"
    metadata = {"name": service, "namespace": overlay.namespace, "labels": _labels(service)}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**copy.deepcopy(metadata), "name": name},
            "data": config,
        },
        *_workload(service, metadata=metadata, image=overlay.image(service), config=name, replicas=overlay.replicas),
    ]


def _workload(service: str, *, metadata: Json, image: str, config: str, replicas: int) -> list[Json]:
    container = {
        "name": service,
        "image": image,
        "ports": [{"containerPort": 3000, "protocol": "TCP"}],
        "envFrom": [{"configMapRef": {"name": config}}],
    }
    deployment = {
        "replicas": replicas,
        "selector": {"matchLabels": {SERVICE_LABEL: service}},
        "template": {"metadata": {"labels": _labels(service)}, "spec": {"containers": [container]}},
    }
    ports = {"selector": {SERVICE_LABEL: service}, "ports": [{"port": 80, "targetPort": 3000, "protocol": "TCP"}]}
    return [
        {"apiVersion": "v1", "kind": "Service", "metadata": copy.deepcopy(metadata), "spec": ports},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": copy.deepcopy(metadata), "spec": deployment},
    ]


def _labels(service: str) -> dict[str, str]:
    return {SERVICE_LABEL: service, "app.kubernetes.io/part-of": "tiketi"}


def predict(live: Json, target: Json) -> Json:
    """The live object after the target has been applied to it: what Argo CD calls the predicted live state."""
    result = copy.deepcopy(live)
    for name, value in target.items():
        old = result.get(name)
        result[name] = (
            predict(old, value) if isinstance(old, dict) and isinstance(value, dict) else copy.deepcopy(value)
        )
    return result


def covers(live: Json, target: Json) -> bool:
    """Whether the live object already has everything that the target asks for."""
    return all(
        covers(live[name], value)
        if isinstance(value, dict) and isinstance(live.get(name), dict)
        else live.get(name) == value
        for name, value in target.items()
    )


def group_of(manifest: Json) -> str:
    """The API group of an object: `apps`, or the empty string for the core group."""
    group, _, _ = str(manifest["apiVersion"]).rpartition("/")
    return group
