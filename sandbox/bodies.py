"""The bodies that GitHub, Argo CD's notifications and the pipeline send to the bot.

GitHub's have the fields of the published webhook examples that a reader of deliveries can want; the notification is
what the template in the Argo CD set-up renders; the report is the pipeline's own, schema 1.
"""

from datetime import datetime
from typing import Any

from bot.topology import Topology
from sandbox import github_run_shapes as run_shapes
from sandbox.actions import Job, Run
from sandbox.git import Commit
from sandbox.github_shapes import Shapes
from sandbox.manifests import Json
from sandbox.timeline import rfc3339

NOTHING = "0" * 40


class Bodies:
    """Makes bodies for the repository of a topology."""

    def __init__(self, topology: Topology) -> None:
        self._shapes = Shapes(topology)

    def ping(self, *, hook_id: int) -> Json:
        """What GitHub sends when the hook is made."""
        hook = {"type": "Repository", "id": hook_id, "name": "web", "active": True, "events": ["push", "workflow_run"]}
        return {"zen": "Keep it logically awesome.", "hook_id": hook_id, "hook": hook, **self._tail("minji")}

    def push(self, branch: str, commits: list[Commit], *, before: str = NOTHING, forced: bool = False) -> Json:
        """A push of the commits, oldest first, to a branch that was at `before`."""
        shapes, head = self._shapes, commits[-1]
        items = [shapes.pushed_commit(commit) for commit in commits]
        return {
            "ref": f"refs/heads/{branch}",
            "before": before,
            "after": head.sha,
            "created": before == NOTHING,
            "deleted": False,
            "forced": forced,
            "base_ref": None,
            "compare": f"{shapes.html_url}/compare/{before[:12]}...{head.sha[:12]}",
            "commits": items,
            "head_commit": items[-1],
            "pusher": {"name": head.login or head.name, "email": head.email},
            **self._tail(head.login or head.name),
        }

    def workflow_run(self, action: str, run: Run) -> Json:
        """A run was `requested`, is `in_progress` or has `completed`."""
        shapes = self._shapes
        body = {
            "action": action,
            "workflow_run": run_shapes.run(shapes, run),
            "workflow": run_shapes.workflow(shapes, run),
        }
        return body | self._tail(run.triggering_actor)

    def workflow_job(self, action: str, run: Run, job: Job) -> Json:
        """A job is `queued` or `in_progress`, or has `completed`."""
        body = {"action": action, "workflow_job": run_shapes.job(self._shapes, run, job)}
        return body | self._tail(run.triggering_actor)

    def _tail(self, sender: str) -> Json:
        owner = self._shapes.user(self._shapes.owner, kind="Organization")
        organization = {name: owner[name] for name in ("login", "id", "node_id", "avatar_url")}
        return {
            "repository": self._shapes.repository(),
            "organization": organization | {"description": ""},
            "sender": self._shapes.user(sender),
        }


def argocd(document: Json) -> Json:
    """The notification about an Application as it is stored; what the object lacks is null."""
    metadata, status = document["metadata"], document["status"]
    return {
        "schema": 1,
        "app": metadata["name"],
        "uid": metadata["uid"],
        "project": document["spec"]["project"],
        "sync": status["sync"]["status"],
        "compared_revision": status["sync"]["revision"],
        "health": status["health"],
        "operation": status.get("operationState"),
        "conditions": status.get("conditions"),
        "images": status["summary"]["images"],
    }


def ci(run: Run, environment: str, *, stage: str, status: str, at: datetime, **more: Any) -> Json:
    """What a run reports of a stage: build, scan, push or manifest, which started, succeeded, failed or was skipped.

    `more` are the optional fields: tag, image, digest, critical, high, manifest_revision, message, url.
    """
    return {
        "schema": 1,
        "service": run.service,
        "environment": environment,
        "stage": stage,
        "status": status,
        "run_id": run.id,
        "run_attempt": run.attempt,
        "source_revision": run.commit.sha,
        "at": rfc3339(at),
        **{name: value for name, value in more.items() if value is not None},
    }
