"""Workflows, runs and jobs as GitHub writes them, for the API's answers and for webhook bodies alike.

Each is written for the repository and through the address of the API that its `shapes` are for.
"""

from typing import Any

from sandbox.actions import Job, Run, Step
from sandbox.github_shapes import Shapes
from sandbox.manifests import Json
from sandbox.timeline import rfc3339


def workflow(shapes: Shapes, run: Run) -> Json:
    """The workflow of a run."""
    url = f"{shapes.url}/actions/workflows/{run.workflow_id}"
    return {
        "id": run.workflow_id,
        "node_id": f"W_{run.workflow_id}",
        "name": f"{run.service} CI/CD",
        "path": f".github/workflows/{run.workflow}",
        "state": "active",
        "created_at": "2025-11-03T08:00:00.000Z",
        "updated_at": "2025-11-03T08:00:00.000Z",
        "url": url,
        "html_url": f"{shapes.html_url}/blob/{shapes.default_branch}/.github/workflows/{run.workflow}",
        "badge_url": f"{shapes.html_url}/workflows/{run.service}/badge.svg",
    }


def run(shapes: Shapes, run: Run) -> Json:
    """A workflow run, as of its newest attempt."""
    url = f"{shapes.url}/actions/runs/{run.id}"
    commit = run.commit
    person = {"name": commit.name, "email": commit.email}
    previous = f"{url}/attempts/{run.attempt - 1}" if run.attempt > 1 else None
    repository = shapes.repository()
    return {
        "id": run.id,
        "name": f"{run.service} CI/CD",
        "node_id": f"WFR_{run.id}",
        "head_branch": run.branch,
        "head_sha": commit.sha,
        "path": f".github/workflows/{run.workflow}",
        "display_title": run.title,
        "run_number": run.number,
        "event": run.event,
        "status": run.status,
        "conclusion": run.conclusion,
        "workflow_id": run.workflow_id,
        "check_suite_id": run.id + 1_000,
        "check_suite_node_id": f"CS_{run.id}",
        "url": url,
        "html_url": f"{shapes.html_url}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": rfc3339(run.created_at),
        "updated_at": rfc3339(run.updated_at),
        "actor": shapes.user(run.actor),
        "run_attempt": run.attempt,
        "referenced_workflows": [],
        "run_started_at": rfc3339(run.started_at),
        "triggering_actor": shapes.user(run.triggering_actor),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{shapes.url}/check-suites/{run.id + 1_000}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": previous,
        "workflow_url": f"{shapes.url}/actions/workflows/{run.workflow_id}",
        "head_commit": {
            "id": commit.sha,
            "tree_id": commit.tree_sha,
            "message": commit.message,
            "timestamp": rfc3339(commit.at),
            "author": person,
            "committer": person,
        },
        "repository": repository,
        "head_repository": repository,
    }


def job(shapes: Shapes, run: Run, job: Job) -> Json:
    """A job of one attempt of a run."""
    taken = job.started_at is not None
    return {
        "id": job.id,
        "run_id": run.id,
        "workflow_name": f"{run.service} CI/CD",
        "head_branch": run.branch,
        "run_url": f"{shapes.url}/actions/runs/{run.id}",
        "run_attempt": job.attempt,
        "node_id": f"CR_{job.id}",
        "head_sha": run.commit.sha,
        "url": f"{shapes.url}/actions/jobs/{job.id}",
        "html_url": f"{shapes.html_url}/actions/runs/{run.id}/job/{job.id}",
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": rfc3339(job.created_at),
        "started_at": rfc3339(job.started_at or job.created_at),
        "completed_at": rfc3339(job.completed_at) if job.completed_at else None,
        "name": job.name,
        "steps": [_step(step) for step in job.steps],
        "check_run_url": f"{shapes.url}/check-runs/{job.id}",
        "labels": ["ubuntu-24.04"],
        "runner_id": 5 if taken else None,
        "runner_name": "GitHub Actions 5" if taken else None,
        "runner_group_id": 2 if taken else None,
        "runner_group_name": "GitHub Actions" if taken else None,
    }


def _step(step: Step) -> Json:
    times: dict[str, Any] = {
        "started_at": rfc3339(step.started_at) if step.started_at else None,
        "completed_at": rfc3339(step.completed_at) if step.completed_at else None,
    }
    return {
        "name": step.name,
        "status": step.status,
        "conclusion": step.conclusion,
        "number": step.number,
        **times,
    }
