"""What a request to sync or to roll back may say, and the operation it becomes."""

import copy

from sandbox.applications import Application
from sandbox.gojson import Struct
from sandbox.manifests import Json

_RESOURCE = Struct("SyncOperationResource", {"group": str, "kind": str, "name": str, "namespace": str})
_FORCE = Struct("SyncStrategyApply", {"force": bool})
_BACKOFF = Struct("Backoff", {"duration": str, "factor": int, "maxDuration": str})

SYNC = Struct(
    "ApplicationSyncRequest",
    {
        "name": str,
        "revision": str,
        "dryRun": bool,
        "prune": bool,
        "strategy": Struct("SyncStrategy", {"apply": _FORCE, "hook": Struct("SyncStrategyHook", {"force": bool})}),
        "resources": [_RESOURCE],
        "manifests": [str],
        "infos": [Struct("Info", {"name": str, "value": str})],
        "retryStrategy": Struct("RetryStrategy", {"limit": int, "refresh": bool, "backoff": _BACKOFF}),
        "syncOptions": Struct("SyncOptions", {"items": [str]}),
        "appNamespace": str,
        "project": str,
        "sourcePositions": [int],
        "revisions": [str],
    },
)

ROLLBACK = Struct(
    "ApplicationRollbackRequest",
    {"name": str, "id": int, "dryRun": bool, "prune": bool, "appNamespace": str, "project": str},
)


def operation(app: Application, revision: str, body: Json, *, username: str) -> Json:
    """The operation that a request becomes, with what it takes over from the Application."""
    sync: Json = {"revision": revision, "source": copy.deepcopy(app.spec["source"])}
    sync |= {name: True for name in ("prune", "dryRun") if body.get(name)}
    if body.get("resources"):
        sync["resources"] = body["resources"]
    if "strategy" in body:
        chosen = {kind: {"force": True} if how.get("force") else {} for kind, how in body["strategy"].items()}
        sync["syncStrategy"] = chosen
    inherited = app.spec["syncPolicy"].get("syncOptions", [])
    if options := body["syncOptions"].get("items", []) if "syncOptions" in body else inherited:
        sync["syncOptions"] = list(options)
    retry = copy.deepcopy(body.get("retryStrategy", app.spec["syncPolicy"].get("retry", {})))
    operation: Json = {"sync": sync, "initiatedBy": {"username": username}}
    if body.get("infos"):
        operation["info"] = body["infos"]
    return operation | {"retry": {name: value for name, value in retry.items() if value}}


def rollback(app: Application, entry: Json, body: Json, *, username: str) -> Json:
    """The operation that goes back to an entry of history: its source and revision, no hooks, no infos, no retry."""
    sync: Json = {"revision": entry["revision"], "source": copy.deepcopy(entry["source"])}
    sync |= {name: True for name in ("prune", "dryRun") if body.get(name)}
    sync["syncStrategy"] = {"apply": {}}
    if options := app.spec["syncPolicy"].get("syncOptions"):
        sync["syncOptions"] = list(options)
    return {"sync": sync, "initiatedBy": {"username": username}, "retry": {}}
