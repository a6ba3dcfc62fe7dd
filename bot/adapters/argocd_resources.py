"""What a sync would change, object by object: Argo CD's `managed-resources`, and which service each object belongs to.

Syncing one service of five means naming every object that moves with it. A Deployment alone is rarely enough: kustomize
puts a hash into the names of generated ConfigMaps and Secrets, and a Deployment that refers to one that was not synced
never starts. So an object belongs to the service its label names (`app.kubernetes.io/name`, else `app`) and to each
service whose Deployment is about to refer to it; one that has neither belongs to the service it is named after.

The fingerprint of an object's change is made of what differs between its live and its predicted state, and of nothing
else. Both states carry the resource version, the status, and the replica count an autoscaler chose; if those counted,
a consent would lapse whenever a pod came or went.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.fields import Json, entries, section
from bot.domain.catalog import named_after
from bot.domain.contents import Resource

_LABELS = ("app.kubernetes.io/name", "app")
BOOKKEEPING = frozenset({"resourceVersion", "generation", "managedFields", "creationTimestamp", "uid"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedResource:
    """One object of the Application, as last compared.

    An object that several services use appears once for each of them. `changed` says that a sync without pruning
    would change it; what only pruning would remove is not a change. The images are a Deployment's; `state_digest`
    fingerprints the difference a sync would make, the same for the same difference.
    """

    resource: Resource
    service: str | None
    changed: bool
    desired_image: str | None
    live_image: str | None
    state_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """An object with its states: `target` from Git, `live` in the cluster, and the two that the comparison made."""

    resource: Resource
    target: Json
    live: Json
    normalized: Json
    predicted: Json


def managed_resources(items: Iterable[Any], *, services: Collection[str]) -> tuple[ManagedResource, ...]:
    """The `items` of a managed-resources answer as values, sorted by object and service."""
    objects = compared(items)
    users = _users(objects, services=services)
    found = [
        _managed(entry, service=service)
        for entry in objects
        for service in _owners(entry, users=users, services=services) or (None,)
    ]
    return tuple(sorted(found, key=lambda entry: (_key(entry.resource), entry.service or "")))


def compared(items: Iterable[Any]) -> list[Compared]:
    """The objects of a managed-resources answer with their states, without hooks."""
    return [_object(item) for item in items if isinstance(item, dict) and not item.get("hook")]


def services_of(
    named: Iterable[Resource], *, resources: Iterable[ManagedResource], services: Collection[str]
) -> frozenset[str]:
    """The services that an operation on these objects covers.

    An object that several services share says nothing about which of them was meant, so it covers none. An object that
    is no longer part of the Application is known by its name alone.
    """
    owners: dict[tuple[str, ...], set[str | None]] = {}
    for entry in resources:
        owners.setdefault(_key(entry.resource), set()).add(entry.service)
    covered = (owners.get(_key(resource)) or {named_after(resource.name, services=services)} for resource in named)
    return frozenset(service for found in covered if len(found) == 1 for service in found if service)


def _object(item: Json) -> Compared:
    target, live, normalized, predicted = (
        _state(item.get(name)) for name in ("targetState", "liveState", "normalizedLiveState", "predictedLiveState")
    )
    resource = Resource(**{name: str(item.get(name) or "") for name in ("group", "kind", "namespace", "name")})
    return Compared(resource=resource, target=target, live=live, normalized=normalized, predicted=predicted)


def _state(text: Any) -> Json:
    """A state: JSON in a string, where absent is written `null`."""
    state = json.loads(text) if isinstance(text, str) and text else None
    return state if isinstance(state, dict) else {}


def _managed(entry: Compared, *, service: str | None) -> ManagedResource:
    difference = list(_differences(entry.normalized, entry.predicted)) if entry.target else []
    digest = hashlib.sha256(json.dumps(difference, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    is_deployment = entry.resource.kind == "Deployment"
    return ManagedResource(
        resource=entry.resource,
        service=service,
        changed=bool(difference),
        desired_image=_image(entry.target, service=service) if is_deployment else None,
        live_image=_image(entry.live, service=service) if is_deployment else None,
        state_digest=digest,
    )


def _differences(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Every place where two states differ, with both values; a list is one value. Bookkeeping is left out."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if not (path == () and name == "status") and not (path == ("metadata",) and name in BOOKKEEPING):
                yield from _differences(old.get(name), new.get(name), (*path, name))
    elif old != new:
        yield path, old, new


def _owners(entry: Compared, *, users: Mapping[tuple[str, str], set[str]], services: Collection[str]) -> list[str]:
    """The services this object belongs to: the one its label names and those that refer to it, else by its name."""
    labels = section(section(entry.target or entry.live, "metadata"), "labels")
    labelled = next(({labels[label]} for label in _LABELS if labels.get(label) in services), set())
    owners = labelled | users.get((entry.resource.kind, entry.resource.name), set())
    named = named_after(entry.resource.name, services=services)
    return sorted(owners or ({named} if named else ()))


def _users(objects: Iterable[Compared], *, services: Collection[str]) -> dict[tuple[str, str], set[str]]:
    """Which services' Deployments will refer to a ConfigMap or Secret, by kind and name."""
    users: dict[tuple[str, str], set[str]] = {}
    for entry in objects:
        if entry.resource.kind == "Deployment":
            for service in _owners(entry, users={}, services=services):
                for reference in _references(_pod_spec(entry.target)):
                    users.setdefault(reference, set()).add(service)
    return users


def _references(pod: Json) -> Iterator[tuple[str, str]]:
    """Kind and name of each ConfigMap and Secret that a pod spec refers to."""
    for container in (*entries(pod, "initContainers"), *entries(pod, "containers")):
        for source in entries(container, "envFrom"):
            yield "ConfigMap", section(source, "configMapRef").get("name", "")
            yield "Secret", section(source, "secretRef").get("name", "")
        for variable in entries(container, "env"):
            source = section(variable, "valueFrom")
            yield "ConfigMap", section(source, "configMapKeyRef").get("name", "")
            yield "Secret", section(source, "secretKeyRef").get("name", "")
    for volume in entries(pod, "volumes"):
        for source in (volume, *entries(section(volume, "projected"), "sources")):
            yield "ConfigMap", section(source, "configMap").get("name", "")
            secret = section(source, "secret")
            # A volume says `secretName` where a projected source says `name`.
            yield "Secret", secret.get("secretName") or secret.get("name", "")


def _image(deployment: Json, *, service: str | None) -> str | None:
    """The image of the container named like the service, else of the first one."""
    containers = entries(_pod_spec(deployment), "containers")
    chosen = next((container for container in containers if container.get("name") == service), None)
    chosen = chosen or next(iter(containers), {})
    return str(chosen["image"]) if chosen.get("image") else None


def _key(resource: Resource) -> tuple[str, ...]:
    return resource.group, resource.kind, resource.namespace, resource.name


def _pod_spec(deployment: Json) -> Json:
    return section(section(section(deployment, "spec"), "template"), "spec")
