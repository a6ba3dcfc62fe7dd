"""Workflow runs over GitHub's API: listed, looked at with their jobs, and run again."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox import github_answers as answers
from sandbox import github_run_shapes as run_shapes
from sandbox.actions import Run, Unwilling
from sandbox.faults import GithubFaults
from sandbox.git import UnknownRevision
from sandbox.github_shapes import Shapes
from sandbox.timeline import rfc3339
from sandbox.world import World


class Runs:
    """The part of the API that is about runs. `shapes` gives those of the server, whose address is known late."""

    def __init__(self, world: World, *, faults: GithubFaults, shapes: Callable[[], Shapes]) -> None:
        self._world = world
        self._faults = faults
        self._shapes = shapes

    def routes(self, repository: str) -> list[web.RouteDef]:
        """What is below a repository's address."""
        runs = f"{repository}/actions/runs"
        return [
            web.get(runs, self._list),
            web.get(f"{repository}/actions/workflows/{{workflow}}/runs", self._list),
            web.get(f"{runs}/{{id:\\d+}}", self._run),
            web.post(f"{runs}/{{id:\\d+}}/{{verb:rerun|rerun-failed-jobs}}", self._rerun),
            web.get(f"{runs}/{{id:\\d+}}/jobs", self._jobs),
            web.get(f"{runs}/{{id:\\d+}}/attempts/{{attempt:\\d+}}/jobs", self._jobs),
        ]

    async def _list(self, request: web.Request) -> web.Response:
        if "runs" in self._faults.forbidden:
            return answers.problem(403, answers.FORBIDDEN)
        query, workflow = request.query, request.match_info.get("workflow")
        found = [run for run in reversed(self._world.actions.runs.values()) if _matches(run, query, workflow)]
        return answers.page(request, found, lambda run: run_shapes.run(self._shapes(), run), name="workflow_runs")

    async def _run(self, request: web.Request) -> web.Response:
        return web.json_response(run_shapes.run(self._shapes(), self._find_run(request)))

    async def _jobs(self, request: web.Request) -> web.Response:
        run = self._find_run(request)
        attempt = int(request.match_info.get("attempt", run.attempt))
        every = request.query.get("filter") == "all" and "attempt" not in request.match_info
        found = [job for job in run.jobs if every or job.attempt == attempt]
        return answers.page(request, found, lambda job: run_shapes.job(self._shapes(), run, job), name="jobs")

    async def _rerun(self, request: web.Request) -> web.Response:
        run, faults, actions = self._find_run(request), self._faults, self._world.actions
        if "actions" in faults.forbidden:
            return answers.problem(403, answers.FORBIDDEN)
        if faults.rerun_lost:
            return answers.problem(502, "Server Error")
        everything = request.match_info["verb"] == "rerun"
        try:
            actions.order(run, everything=everything, by="tiketi-ops", at=self._world.timeline.after())
        except Unwilling as error:
            return answers.problem(403, str(error))
        return answers.problem(502, "Server Error") if faults.rerun_cut else web.json_response({}, status=201)

    def _find_run(self, request: web.Request) -> Run:
        run = self._world.actions.runs.get(int(request.match_info["id"]))
        if run is None:
            raise UnknownRevision(request.match_info["id"])
        return run


def _matches(run: Run, query: Any, workflow: str | None) -> bool:
    """Whether a run is among those that the query asks for; `status` means a status or a conclusion."""
    wanted = {"branch": run.branch, "event": run.event, "head_sha": run.commit.sha, "actor": run.actor}
    created = query.get("created", "").removeprefix(">=")
    return (
        all(query.get(name) in (None, value) for name, value in wanted.items())
        and query.get("status") in (None, run.status, run.conclusion)
        and workflow in (None, run.workflow, str(run.workflow_id))
        and rfc3339(run.created_at) >= created
    )
