"""What kustomize makes of an overlay: the kustomization file, and the objects of each service rendered from it.

Only `images` and `configMapGenerator` vary, because only those vary in the pipeline. As with the real kustomize, the
name of a generated ConfigMap carries a hash of its content and the Deployment refers to it by that name, so a change of
configuration makes a new object and leaves the old one to be pruned.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Json = dict[str, Any]

_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Both in C where PyYAML has it: a world begins with ten files."""

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
    return _text(document)


@functools.lru_cache(maxsize=256)
def read(text: str) -> Overlay:
    """The overlay that a `kustomization.yaml` describes; raises BuildFailed if it describes none."""
    try:
        document = yaml.load(text, _LOADER)  # noqa: S506 - it is the safe one
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
    return dict(_base(tuple(services)))


@functools.lru_cache(maxsize=16)
def _base(services: tuple[str, ...]) -> Mapping[str, str]:
    files = {}
    for service in services:
        metadata = {"name": service, "labels": _labels(service)}
        objects = _workload(service, metadata=metadata, image=service, config=f"{service}-config", replicas=1)
        files[f"{service}.yaml"] = _text(*objects)
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(files),
    }
    return {**files, "kustomization.yaml": _text(document)}


def _text(*documents: object) -> str:
    text: str = yaml.dump_all(documents, Dumper=_DUMPER, sort_keys=False)
    return text


def _service(overlay: Overlay, service: str) -> list[Json]:
    config = dict(overlay.config.get(service, {}))
    name = f"{service}-config-{hashlib.sha256(json.dumps(config).encode()).hexdigest()[:10]}"
    metadata = {"name": service, "namespace": overlay.namespace, "labels": _labels(service)}
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {**copied(metadata), "name": name},
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
        {"apiVersion": "v1", "kind": "Service", "metadata": copied(metadata), "spec": ports},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": copied(metadata), "spec": deployment},
    ]


def _labels(service: str) -> dict[str, str]:
    return {SERVICE_LABEL: service, "app.kubernetes.io/part-of": "tiketi"}


def predict(live: Json, target: Json) -> Json:
    """The live object after the target has been applied to it: what Argo CD calls the predicted live state."""
    result = {name: None if name in target else copied(value) for name, value in live.items()}
    for name, value in target.items():
        old = live.get(name)
        result[name] = predict(old, value) if isinstance(old, dict) and isinstance(value, dict) else copied(value)
    return result


def covers(live: Json, target: Json) -> bool:
    """Whether the live object already has everything that the target asks for."""
    for name, value in target.items():
        there = live.get(name)
        if there != value and not (isinstance(value, dict) and isinstance(there, dict) and covers(there, value)):
            return False
    return True


def copied(value: Any) -> Any:
    """A copy of a document, a fraction as expensive as `copy.deepcopy`, which asks more than JSON has an answer to."""
    if isinstance(value, dict):
        return {name: copied(item) for name, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def group_of(manifest: Json) -> str:
    """The API group of an object: `apps`, or the empty string for the core group."""
    group, _, _ = str(manifest["apiVersion"]).rpartition("/")
    return group
