"""The Argo CD application controller: compares, starts what syncs by itself, and tells, one step per tick.

After an operation has ended the next tick compares again (t4): only then is health that of the new objects. An
automated Application starts an operation when it differs from Git and that revision was not attempted yet; with
selfHeal, what still differs after a successful attempt is healed by partial operations.
"""

import copy
from collections.abc import Callable, Mapping

from sandbox.applications import Application, worst
from sandbox.comparison import Comparer, Difference
from sandbox.git import Git
from sandbox.manifests import BuildFailed, Json
from sandbox.operations import LOADING, Operations
from sandbox.rollouts import Namespace
from sandbox.timeline import Timeline, rfc3339

ENDED = ("Succeeded", "Failed", "Error")


class Controller:
    """Moves Applications; `notify` is given each one worth a notification, and the name of the trigger."""

    def __init__(
        self,
        *,
        git: Git,
        comparer: Comparer,
        operations: Operations,
        namespaces: Mapping[str, Namespace],
        timeline: Timeline,
        notify: Callable[[Application, str], None],
    ) -> None:
        self._git = git
        self._comparer = comparer
        self._operations = operations
        self._namespaces = namespaces
        self._timeline = timeline
        self._notify = notify

    def tick(self, app: Application) -> None:
        """Take one step with the Application."""
        if app.operation is not None:
            self._operations.step(app)
            if app.compared:
                self._look(app)
        elif not app.compared:
            if not app.faults.stale:
                self.refresh(app)
        else:
            self._look(app)
            self._start_by_itself(app)
        if app.compared and app.operation_state and app.phase in ENDED:
            self._tell(app, "on-operation", app.operation_state["startedAt"] + app.operation_state["phase"])
        if app.health["status"] in ("Degraded", "Healthy", "Missing"):
            self._tell(app, "on-health", app.health["lastTransitionTime"])

    def refresh(self, app: Application) -> None:
        """Compare with the tip of the branch now."""
        if app.faults.stale and not app.compared:
            return
        head = self._git.branches.get(app.branch)
        if head is None:
            self._fail_comparison(app, f"unable to resolve '{app.branch}' to a commit SHA")
            return
        app.revision = head
        if (found := self._compare(app)) is not None:
            self._settle(app, found)

    def _look(self, app: Application) -> None:
        """Notice a new commit, another source or a change in the cluster; nothing is written when nothing moved."""
        moved = self._git.branches.get(app.branch) != app.revision and not app.faults.deaf
        if moved or app.compared_to["source"] != app.spec["source"]:
            self.refresh(app)
        elif app.sync_status != "Unknown":
            found = self._compare(app)
            if found and ([item.status() for item in found] != app.resources or self._images(app) != app.images):
                self._settle(app, found)

    def _compare(self, app: Application) -> list[Difference] | None:
        """The differences at the Application's revision; None if it cannot be built, which is written down."""
        try:
            return self._comparer.differences(app, app.revision)
        except BuildFailed as error:
            self._fail_comparison(app, str(error))
            return None

    def _settle(self, app: Application, found: list[Difference]) -> None:
        app.resources = [item.status() for item in found]
        app.sync_status = "OutOfSync" if any(item.changed for item in found) else "Synced"
        app.conditions = [item for item in app.conditions if item["type"] != "ComparisonError"]
        health = worst([item.health["status"] for item in found if item.health])
        if app.health["status"] != health:
            app.health = {"status": health, "lastTransitionTime": rfc3339(self._timeline.after())}
        app.images = self._images(app)
        self._stamp(app)

    def _fail_comparison(self, app: Application, text: str) -> None:
        app.sync_status = "Unknown"
        self._condition(app, "ComparisonError", f"{LOADING}rpc error: code = Unknown desc = {text}")
        self._stamp(app)

    def _condition(self, app: Application, kind: str, message: str) -> None:
        if not any(item["type"] == kind and item["message"] == message for item in app.conditions):
            now = rfc3339(self._timeline.now())
            app.conditions = [{"type": kind, "message": message, "lastTransitionTime": now}]

    def _stamp(self, app: Application) -> None:
        app.compared_to = {"source": dict(app.spec["source"]), "destination": dict(app.spec["destination"])}
        app.reconciled_at = rfc3339(self._timeline.now())
        app.compared = True
        app.version += 1

    def _images(self, app: Application) -> list[str]:
        deployments = self._namespaces[app.environment].deployments.values()
        return sorted({pod.image for deployment in deployments for pod in deployment.pods})

    def _start_by_itself(self, app: Application) -> None:
        if not app.automated or app.sync_status != "OutOfSync" or app.faults.window_closed:
            return
        policy = app.spec["syncPolicy"]
        sync: Json = {"revision": app.revision, "prune": bool(policy["automated"].get("prune"))}
        state = app.operation_state
        if state and state["operation"]["sync"].get("revision") == app.revision:
            if state["phase"] != "Succeeded":
                text = f"Failed last sync attempt to [{app.revision}]: {state['message']}"
                self._condition(app, "SyncError", text)
                return
            if not policy["automated"].get("selfHeal"):
                return
            sync["resources"] = [
                {part: item[part] for part in ("group", "kind", "name", "namespace") if part in item}
                for item in app.resources
                if item["status"] == "OutOfSync"
            ]
        retry = policy.get("retry", {})
        self._operations.begin(app, {"sync": sync, "initiatedBy": {"automated": True}, "retry": copy.deepcopy(retry)})

    def _tell(self, app: Application, trigger: str, key: str) -> None:
        """Notify once per key, as `oncePer` does."""
        if app.notified.get(trigger) != key:
            app.notified[trigger] = key
            self._notify(app, trigger)
