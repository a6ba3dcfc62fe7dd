"""What an operation does to an Application and its namespace, one step per tick.

    t0 requested: `.operation` set, no operationState     t1 accepted: Running, no message, no syncResult
    t2 applied:   message and syncResult                  t3 ended:    `.operation` gone, phase, finishedAt, history

An operation with `resources` moves only those and leaves no history entry; resources that match nothing make it succeed
with an empty result. Its end is not the end of the rollout: it succeeds as soon as the objects were applied.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sandbox.applications import Application
from sandbox.comparison import Comparer, Difference
from sandbox.git import UnknownRevision
from sandbox.manifests import BuildFailed, Json
from sandbox.rollouts import Namespace
from sandbox.timeline import Timeline, rfc3339

LOADING = "Failed to load target state: failed to generate manifest for source 1 of 1: "


class OperationInProgress(Exception):
    """The Application's one slot for an operation is taken."""


class NothingToTerminate(Exception):
    """No operation is in progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """One operation that reached the cluster: the effect, whatever was answered to whoever asked for it."""

    application: str
    revision: str
    resources: tuple[str, ...]
    partial: bool
    dry_run: bool
    initiated_by: str
    info: Mapping[str, str]
    at: datetime


class Operations:
    """Begins, runs and ends operations; `syncs` keeps what they applied, whatever was answered to who asked."""

    def __init__(self, *, comparer: Comparer, namespaces: Mapping[str, Namespace], timeline: Timeline) -> None:
        self.syncs: list[Sync] = []
        self._comparer = comparer
        self._namespaces = namespaces
        self._timeline = timeline

    def begin(self, app: Application, operation: Json, *, event: str | None = None) -> None:
        """Put an operation into the Application's slot (t0), as the API server and `kubectl` do.

        `event` says what was initiated; by default that is a sync.
        """
        if app.operation is not None:
            raise OperationInProgress(app.name)
        app.operation, app.operation_state, app.waited = copy.deepcopy(operation), None, 0
        sync, who = operation["sync"], operation["initiatedBy"].get("username", "automated sync policy")
        what = "initiated partial sync to" if sync.get("resources") else "initiated sync to"
        event = event or f"{what} {sync.get('revision', '')}"
        app.record("OperationStarted", f"{who} {event}", at=rfc3339(self._timeline.now()))
        app.version += 1

    def terminate(self, app: Application) -> None:
        """Ask for the end of the operation; it ends a tick later."""
        if app.operation is None or app.operation_state is None:
            raise NothingToTerminate(app.name)
        app.operation_state["phase"] = "Terminating"
        app.operation_state["message"] = "operation is terminating."
        app.version += 1

    def step(self, app: Application) -> None:
        """Take the operation in the slot one step on."""
        state = app.operation_state
        app.waited += 1
        if state is None:
            if app.waited >= app.faults.accept_ticks:
                started = rfc3339(self._timeline.after())
                app.operation_state = {
                    "operation": copy.deepcopy(app.operation),
                    "phase": "Running",
                    "startedAt": started,
                }
                app.waited = 0
        elif app.faults.window_closed:  # Looked at first: what is to be terminated stays so until the window opens.
            if state["phase"] == "Running":
                state["message"] = "Sync operation blocked by sync window"
        elif state["phase"] == "Terminating":
            self._end(app, "Failed", "Operation terminated")
        elif "syncResult" not in state and not state.get("message", "").startswith("successfully"):
            self._run(app, state)
            app.waited = 0
        elif app.waited >= app.faults.run_ticks:
            self._try_to_end(app, state)
        app.version += 1

    def _run(self, app: Application, state: Json) -> None:
        sync = state["operation"]["sync"]
        source = sync.get("source") or app.spec["source"]
        revision = sync.get("revision") or app.revision
        try:
            found = self._comparer.differences(app, revision, source=source)
        except UnknownRevision:
            failure = (
                f"rpc error: code = Internal desc = Failed to checkout revision {revision}: `git checkout --force "
            )
            self._end(app, "Error", f"ComparisonError: {LOADING}{failure}{revision}` failed exit status 128")
            return
        except BuildFailed as error:
            self._end(app, "Error", f"ComparisonError: {LOADING}rpc error: code = Unknown desc = {error}")
            return
        resources = sync.get("resources") or []
        chosen = [item for item in found if not resources or item.selected(resources)]
        state["syncResult"] = {
            "resources": [self._apply(app, item, sync) for item in chosen],
            "revision": revision,
            "source": dict(source),
        }
        state["message"] = "one or more tasks are running" if chosen else "successfully synced (no more tasks)"
        if not app.faults.sync_error:
            self._record(app, state, chosen)

    def _apply(self, app: Application, item: Difference, sync: Json) -> Json:
        namespace = self._namespaces[app.environment]
        result = {**item.reference, "syncPhase": "Sync"}
        full = f"{result['kind'].lower()}{'.' if result['group'] else ''}{result['group']}/{result['name']}"
        dry_run = bool(sync.get("dryRun"))
        if app.faults.sync_error:
            return result | {"status": "SyncFailed", "message": app.faults.sync_error, "hookPhase": "Failed"}
        if item.target is None:
            if not sync.get("prune"):
                return result | {"status": "PruneSkipped", "message": "ignored (requires pruning)"}
            if not dry_run:
                namespace.delete(result["kind"], result["name"])
            return result | {"status": "Pruned", "message": "pruned", "hookPhase": "Succeeded"}
        word = "unchanged (dry run)" if dry_run else namespace.apply(item.target)
        result |= {"status": "Synced", "message": f"{full} {word}", "hookPhase": "Running"}
        if result["kind"] == "Deployment":
            result["images"] = [item.target["spec"]["template"]["spec"]["containers"][0]["image"]]
        return result

    def _record(self, app: Application, state: Json, chosen: list[Difference]) -> None:
        operation = state["operation"]
        self.syncs.append(
            Sync(
                application=app.name,
                revision=state["syncResult"]["revision"],
                resources=tuple(f"{item.reference['kind']}/{item.reference['name']}" for item in chosen),
                partial=bool(operation["sync"].get("resources")),
                dry_run=bool(operation["sync"].get("dryRun")),
                initiated_by=operation["initiatedBy"].get("username", "automated"),
                info={item["name"]: item["value"] for item in operation.get("info", [])},
                at=self._timeline.now(),
            )
        )

    def _try_to_end(self, app: Application, state: Json) -> None:
        attempt = state.get("retryCount", 0)
        if "finishedAt" in state:  # The pause before a retry is over.
            del state["finishedAt"]
            state["message"] = "one or more tasks are running"
        elif attempt < app.faults.retries:
            failure = app.faults.sync_error or "one or more synchronization tasks completed unsuccessfully"
            now = self._timeline.after()
            state |= {"retryCount": attempt + 1, "finishedAt": rfc3339(now)}
            state["message"] = f"{failure}. Retrying attempt #{attempt + 1} at {now:%I:%M%p}.".replace(" at 0", " at ")
        elif app.faults.stuck:
            state |= {"phase": "Succeeded", "message": "successfully synced (all tasks run)"}
            state.pop("syncResult", None)
        elif app.faults.sync_error:
            self._end(app, "Failed", app.faults.sync_error)
        else:
            empty = not state.get("syncResult", {}).get("resources")
            self._end(app, "Succeeded", f"successfully synced ({'no more tasks' if empty else 'all tasks run'})")

    def _end(self, app: Application, phase: str, message: str) -> None:
        state: Json = app.operation_state or {}
        sync = state["operation"]["sync"]
        finished = rfc3339(self._timeline.after())
        if phase == "Succeeded" and not sync.get("resources") and not sync.get("dryRun"):
            app.history.append(
                {
                    "revision": state.get("syncResult", {}).get("revision", sync.get("revision")),
                    "deployedAt": finished,
                    "id": app.history[-1]["id"] + 1 if app.history else 0,
                    "source": dict(sync.get("source") or app.spec["source"]),
                    "deployStartedAt": state["startedAt"],
                    "initiatedBy": state["operation"]["initiatedBy"],
                }
            )
            del app.history[: max(0, len(app.history) - app.spec.get("revisionHistoryLimit", 10))]
        if phase == "Succeeded":
            app.conditions = [item for item in app.conditions if item["type"] != "SyncError"]
        state |= {"phase": phase, "message": message, "finishedAt": finished}
        part = "Partial sync operation to" if sync.get("resources") else "Sync operation to"
        words = "succeeded" if phase == "Succeeded" else f"failed: {message}"
        kind = "Normal" if phase == "Succeeded" else "Warning"
        app.record("OperationCompleted", f"{part} {sync.get('revision', '')} {words}", at=finished, kind=kind)
        app.operation, app.compared = None, False
        app.version += 1
