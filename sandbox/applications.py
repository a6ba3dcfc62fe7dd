"""An Argo CD Application as the cluster stores it: what was asked for, what was compared, what was done.

The Application is state only; `sandbox.controller` moves it. `document` is its JSON as the API server answers it, and
`stored` as a notification's template sees it: the same, without the health of each resource, which Argo CD keeps in a
cache and not in the object.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.faults import SyncFaults
from sandbox.manifests import Json, copied

HEALTH = ("Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown")


@dataclass(slots=True, kw_only=True)
class Application:
    """One Application; times are RFC 3339 texts, `operation` and `operation_state` the API's own objects.

    `spec` may be changed at any time, as the app-of-apps does; `faults` says what goes wrong with it.
    """

    name: str
    environment: str
    uid: str
    created: str
    spec: Json
    health: Json
    faults: SyncFaults = field(default_factory=SyncFaults)
    operation: Json | None = None
    operation_state: Json | None = None
    history: list[Json] = field(default_factory=list)
    conditions: list[Json] = field(default_factory=list)
    sync_status: str = "Unknown"
    revision: str = ""
    compared_to: Json = field(default_factory=dict)
    resources: list[Json] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    reconciled_at: str | None = None
    deleted_at: str | None = None
    version: int = 1000
    waited: int = 0
    compared: bool = True
    notified: dict[str, str] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)

    @property
    def project(self) -> str:
        """The AppProject it belongs to."""
        return str(self.spec["project"])

    @property
    def branch(self) -> str:
        """The branch it follows."""
        return str(self.spec["source"]["targetRevision"])

    @property
    def automated(self) -> bool:
        """Whether it syncs by itself."""
        return "automated" in self.spec["syncPolicy"]

    @property
    def phase(self) -> str | None:
        """The phase of the present or the last operation, if there is one."""
        return self.operation_state["phase"] if self.operation_state else None

    def windows(self, *, at: datetime) -> Json:
        """What …/syncwindows answers then: a window of a weekend's length, in force exactly when the fault says so."""
        closed = self.faults.window_closed
        begins = (at + timedelta(days=-1 if closed else 3)).isoweekday() % 7
        denying = {"kind": "deny", "schedule": f"0 18 * * {begins}", "duration": "60h", "manualSync": False}
        return {**({"activeWindows": [denying]} if closed else {}), "assignedWindows": [denying], "canSync": not closed}

    def record(self, reason: str, message: str, *, at: str, kind: str = "Normal") -> None:
        """Write an event about the Application, as Argo CD does; here the newest 50 are kept instead of an hour."""
        about = {"kind": "Application", "namespace": "argocd", "name": self.name, "uid": self.uid}
        self.events.append(
            {
                "metadata": {"name": f"{self.name}.{len(self.events):x}", "namespace": "argocd"},
                "involvedObject": {**about, "apiVersion": "argoproj.io/v1alpha1"},
                "reason": reason,
                "message": message,
                "source": {"component": "argocd-server"},
                "firstTimestamp": at,
                "lastTimestamp": at,
                "count": 1,
                "type": kind,
                "eventTime": None,
            }
        )
        del self.events[:-50]

    def document(self) -> Json:
        """The Application as GET answers it."""
        document: Json = copied(self._document())
        return document

    def stored(self) -> Json:
        """The Application as LIST answers it and as notification templates see it: resources without their health."""
        document = self.document()
        for resource in document["status"]["resources"]:
            resource.pop("health", None)
        return document

    def _document(self) -> Json:
        metadata: dict[str, Any] = {
            "name": self.name,
            "namespace": "argocd",
            "uid": self.uid,
            "resourceVersion": str(self.version),
            "generation": self.version,
            "creationTimestamp": self.created,
            "labels": {"app.kubernetes.io/part-of": "tiketi"},
        }
        if self.deleted_at:
            metadata["deletionTimestamp"] = self.deleted_at
        status: dict[str, Any] = {
            "resources": self.resources,
            "sync": {"status": self.sync_status, "comparedTo": self.compared_to, "revision": self.revision},
            "health": self.health,
            "history": self.history,
            "reconciledAt": self.reconciled_at,
            "observedAt": self.reconciled_at,
            "sourceType": "Kustomize",
            "summary": {"images": self.images},
            "resourceHealthSource": "appTree",
            "controllerNamespace": "argocd",
        }
        if self.conditions:
            status["conditions"] = self.conditions
        if self.operation_state:
            status["operationState"] = self.operation_state
        operation = {"operation": self.operation} if self.operation else {}
        return {"metadata": metadata, "spec": self.spec, "status": status, **operation}


def worst(health: list[str]) -> str:
    """The Application's health: the worst of its resources', Healthy when there are none."""
    return max(health, key=HEALTH.index, default="Healthy")
