"""Workflow runs as PyGithub reads them from the world, and what becomes of an order to run one again."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from github.Repository import Repository

from sandbox import github as stand_in
from sandbox.world import World
from tests.sandbox.test_github import REPOSITORY, ask


@pytest.fixture
async def server(world: World) -> AsyncIterator[stand_in.Github]:
    """GitHub over the world."""
    async with stand_in.Github(world) as running:
        yield running


async def test_runs_and_jobs(server: stand_in.Github, world: World) -> None:
    commit = world.commit_source("backend", branch="main", login="sora", subject="build: node 24")
    at = world.timeline.after()
    run = world.actions.request("backend", branch="main", commit=commit, event="push", at=at)
    world.actions.request("auth-service", branch="develop", commit=commit, event="push", at=at)
    run.job.start(world.timeline.after())
    run.job.begin("Build image", world.timeline.after())
    run.job.finish("Build image", "failure", world.timeline.after())
    run.job.complete("failure", world.timeline.after())
    run.status, run.conclusion = "completed", "failure"
    world.actions.rerun(run, by="minji", at=world.timeline.after())

    def question(repository: Repository) -> Any:
        [found] = [run for run in repository.get_workflow_runs(event="push") if run.head_branch == "main"]
        jobs = [(job.run_attempt, job.status, job.conclusion) for job in found.jobs("all")]
        [latest] = repository.get_workflow_run(found.id).jobs()
        steps = [(step.name, step.conclusion) for step in next(iter(found.jobs("all"))).steps]
        return (
            (found.id, found.run_attempt, found.status, found.head_sha, found.path, found.display_title),
            (found.actor.login, found.triggering_actor.login, found.html_url),
            jobs,
            latest.status,
            steps,
            repository.get_workflow_runs(status="failure").totalCount,
        )

    asked, people, jobs, latest, steps, failed = await ask(question, server)
    assert asked == (run.id, 2, "queued", commit.sha, ".github/workflows/backend-ci-cd.yml", "build: node 24")
    assert people == ("sora", "minji", f"https://github.com/{REPOSITORY}/actions/runs/{run.id}")
    assert (jobs, latest, failed) == ([(1, "completed", "failure"), (2, "queued", None)], "queued", 0)
    assert steps == [
        ("Set up job", "success"),
        ("Build image", "failure"),
        ("Scan image", "skipped"),
        ("Push image", "skipped"),
        ("Update manifest", "skipped"),
        ("Complete job", "success"),
    ]


async def test_a_run_is_run_again_or_not(server: stand_in.Github, world: World) -> None:
    commit = world.git.head("main")
    run = world.actions.request("backend", branch="main", commit=commit, event="push", at=world.timeline.after())
    told: list[int] = []
    world.actions.listeners.append(lambda run: told.append(run.attempt))
    path = f"/repos/{REPOSITORY}/actions/runs/{run.id}"
    headers = {"Authorization": f"token {server.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers) as api:

        async def post(verb: str) -> tuple[int, str]:
            answer = await api.post(f"{path}/{verb}")
            return answer.status_code, answer.json().get("message", "")

        assert await post("rerun") == (403, "This workflow is already running")
        run.status, run.conclusion = "completed", "success"
        assert await post("rerun-failed-jobs") == (403, "This workflow run cannot be retried")
        assert await post("rerun") == (201, "")
        run.status, run.conclusion = "completed", "failure"
        assert await post("rerun-failed-jobs") == (201, "")
        run.status, run.conclusion = "completed", "failure"
        server.faults.rerun_lost = True
        assert await post("rerun") == (502, "Server Error")
        server.faults.rerun_lost, server.faults.rerun_cut = False, True
        assert await post("rerun") == (502, "Server Error")
        run.status, run.conclusion = "completed", "failure"
        server.faults.forbidden = frozenset({"actions"})
        assert await post("rerun") == (403, "Resource not accessible by personal access token")
        server.faults.forbidden = frozenset()
        run.created_at -= timedelta(days=31)
        assert await post("rerun") == (
            403,
            "Unable to retry this workflow run because it was created over a month ago",
        )
    assert (run.attempt, run.triggering_actor, told) == (4, "tiketi-ops", [2, 3, 4])
