"""What an Argo CD Application says, as values.

The API's answers are read field by field: everything optional, unknown words mapped to Argo CD's own `Unknown`, nothing
trusted to be there but the name. What Argo CD says in sentences loses its secrets and accounts here, before anything is
kept or shown. Two fingerprints are made here.

Source: where the manifests come from. `source_digest` hashes the list of sources (`spec.sources`, or else the one
`spec.source`), the destination and `syncPolicy.syncOptions`. An operation carries only its sources, so its digest is
made of those with the Application's destination and options: it equals the Application's exactly when the operation
reads its manifests from where the Application does.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.adapters import argocd_resources
from bot.adapters.argocd_resources import ManagedResource
from bot.adapters.fields import Json, entries, moment, section
from bot.adapters.masking import masked_answer
from bot.domain.contents import Resource
from bot.domain.events import Health, Phase, ResourceResult, SyncOperation, SyncStatus

REQUEST_ID = "chatops.request-id"
"""The name of the `infos` entry by which the bot finds its own operations again."""

CONDITION_LENGTH = 500
RESULTS, RESULT_LENGTH = 50, 200
_HEALTH = {health.value: health for health in Health}
_SYNC_STATUS = {status.value: status for status in SyncStatus}
_PHASE = {phase.value: phase for phase in Phase}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationRead:
    """One consistent read of an Application: its state and the comparison that this state speaks of.

    `pending` says that an operation occupies the slot: asked for and perhaps not picked up, or stuck. Conditions are
    `Type: message`, cut. `resource_health` maps the name of each Deployment to its health and the sentence with it.
    """

    application: str
    uid: str
    revision: str
    sync: SyncStatus
    health: Health
    health_since: datetime | None
    reconciled_at: datetime | None
    automated: bool
    deleting: bool
    source_digest: str
    operation: SyncOperation | None
    pending: bool
    pending_request_id: str | None
    conditions: tuple[str, ...]
    resource_health: Mapping[str, tuple[Health, str]]
    resources: tuple[ManagedResource, ...]


def comparison(application: Json) -> tuple[str, str, str]:
    """Which comparison this answer shows: uid, compared revision, and when. Equal triples: the same comparison."""
    status = section(application, "status")
    uid = section(application, "metadata").get("uid")
    return str(uid or ""), str(section(status, "sync").get("revision") or ""), str(status.get("reconciledAt") or "")


def application_read(application: Json, *, items: Iterable[Any] | None, services: Collection[str]) -> ApplicationRead:
    """The value of a GET of the Application with the `items` of its managed-resources (None when there are none)."""
    metadata, spec, status = (section(application, name) for name in ("metadata", "spec", "status"))
    resources = argocd_resources.managed_resources(items or (), services=services)
    health, pending = section(status, "health"), section(application, "operation")
    return ApplicationRead(
        application=str(metadata.get("name") or ""),
        uid=str(metadata.get("uid") or ""),
        revision=str(section(status, "sync").get("revision") or ""),
        sync=_sync_status(section(status, "sync").get("status")),
        health=_health(health.get("status")),
        health_since=moment(health.get("lastTransitionTime")),
        reconciled_at=moment(status.get("reconciledAt")),
        automated=is_automated(application),
        deleting=bool(metadata.get("deletionTimestamp")),
        source_digest=source_digest(spec, of=spec),
        operation=_operation(section(status, "operationState"), spec=spec, resources=resources, services=services),
        pending=bool(pending),
        pending_request_id=_request_id(pending),
        conditions=tuple(_condition(entry) for entry in entries(status, "conditions")),
        resource_health={
            str(entry.get("name")): (
                _health(section(entry, "health").get("status")),
                masked_answer(str(section(entry, "health").get("message") or "")),
            )
            for entry in entries(status, "resources")
            if entry.get("kind") == "Deployment"
        },
        resources=resources,
    )


def is_compared(application: Json) -> bool:
    """Whether Argo CD could compare the Application with Git."""
    return _sync_status(section(section(application, "status"), "sync").get("status")) is not SyncStatus.UNKNOWN


def is_automated(application: Json) -> bool:
    """Whether Argo CD syncs this Application by itself. `automated: {}` does; since 3.1 `enabled: false` does not."""
    automated = section(section(application, "spec"), "syncPolicy").get("automated")
    return isinstance(automated, dict) and automated.get("enabled") is not False


def source_digest(spec: Json, *, of: Json) -> str:
    """The fingerprint described above, for the sources of the spec, an operation or an entry of the history.

    Empty when it names none.
    """
    sources = of.get("sources") or ([of["source"]] if of.get("source") else [])
    if not sources:
        return ""
    content = [sources, spec.get("destination"), section(spec, "syncPolicy").get("syncOptions") or []]
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _operation(
    state: Json,
    *,
    spec: Json,
    resources: tuple[ManagedResource, ...],
    services: Collection[str],
) -> SyncOperation | None:
    """The newest operation. A retrying one is `Running` and has a finishedAt, which is the last try's, not its own."""
    started_at = moment(state.get("startedAt"))
    if started_at is None:
        return None
    operation, result = section(state, "operation"), section(state, "syncResult")
    sync, initiator = section(operation, "sync"), section(operation, "initiatedBy")
    phase = _phase(state.get("phase"))
    named = tuple(_resource(entry) for entry in entries(sync, "resources"))
    return SyncOperation(
        phase=phase,
        message=masked_answer(str(state.get("message") or "")),
        revision=str(result.get("revision") or sync.get("revision") or ""),
        started_at=started_at,
        finished_at=moment(state.get("finishedAt")) if phase.ended else None,
        request_id=_request_id(operation),
        services=argocd_resources.services_of(named, resources=resources, services=services) if named else None,
        source_digest=source_digest(spec, of=sync),
        initiated_by=str(initiator.get("username") or ("automated" if initiator.get("automated") else "")),
        results=_results(entries(result, "resources")),
    )


def _results(found: list[Json]) -> tuple[ResourceResult, ...]:
    """What was done to the objects, what failed first, so that it is among those kept."""
    results = [
        ResourceResult(
            kind=str(entry.get("kind") or ""),
            name=str(entry.get("name") or ""),
            status=str(entry.get("status") or ""),
            message=masked_answer(str(entry.get("message") or ""))[:RESULT_LENGTH],
        )
        for entry in found
    ]
    return tuple(sorted(results, key=lambda result: result.status != "SyncFailed")[:RESULTS])


def _request_id(operation: Json) -> str | None:
    for entry in entries(operation, "info"):
        if entry.get("name") == REQUEST_ID:
            return str(entry.get("value") or "") or None
    return None


def _resource(entry: Json) -> Resource:
    return Resource(**{name: str(entry.get(name) or "") for name in ("group", "kind", "namespace", "name")})


def _condition(entry: Json) -> str:
    return f"{entry.get('type') or 'Unknown'}: {masked_answer(str(entry.get('message') or ''))}"[:CONDITION_LENGTH]


def _health(value: Any) -> Health:
    return _HEALTH.get(str(value), Health.UNKNOWN)


def _sync_status(value: Any) -> SyncStatus:
    return _SYNC_STATUS.get(str(value), SyncStatus.UNKNOWN)


def _phase(value: Any) -> Phase:
    """A phase this bot has no word for is one that has not ended."""
    return _PHASE.get(str(value), Phase.RUNNING)
