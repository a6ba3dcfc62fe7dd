"""Workflow runs as GitHub Actions keeps them: a run, its attempts, the job of each attempt, the steps of the job.

A re-run keeps the run's id and raises `attempt`; the jobs of earlier attempts stay to be read.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.git import Commit

OLDEST = timedelta(days=30)
MOST_ATTEMPTS = 51
STEPS = ("Set up job", "Build image", "Scan image", "Push image", "Update manifest", "Complete job")


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of a job."""

    name: str
    number: int
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class Job:
    """The one job of an attempt; it builds, scans, pushes and commits in steps."""

    id: int
    attempt: int
    name: str
    created_at: datetime
    status: str = "queued"
    conclusion: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    steps: list[Step] = field(default_factory=list)

    def start(self, at: datetime) -> None:
        """A runner took the job and set it up."""
        self.status, self.started_at = "in_progress", at
        self.steps = [Step(name=name, number=number) for number, name in enumerate(STEPS, start=1)]
        self.begin(STEPS[0], at)
        self.finish(STEPS[0], "success", at)

    def begin(self, step: str, at: datetime) -> None:
        """The step runs."""
        found = self._step(step)
        found.status, found.started_at = "in_progress", at

    def finish(self, step: str, conclusion: str, at: datetime) -> None:
        """The step ended."""
        found = self._step(step)
        found.status, found.conclusion, found.completed_at = "completed", conclusion, at
        found.started_at = found.started_at or at

    def complete(self, conclusion: str, at: datetime) -> None:
        """The job ended: the steps that did not run are skipped, the last one always runs."""
        for step in self.steps:
            if step.status != "completed":
                self.finish(step.name, "success" if step is self.steps[-1] else "skipped", at)
        self.status, self.conclusion, self.completed_at = "completed", conclusion, at

    def _step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)


@dataclass(slots=True, kw_only=True)
class Run:
    """One workflow run; `attempt`, `status` and the times are those of its newest attempt."""

    id: int
    number: int
    service: str
    workflow: str
    workflow_id: int
    branch: str
    commit: Commit
    event: str
    actor: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime
    attempt: int = 1
    triggering_actor: str = ""
    status: str = "queued"
    conclusion: str | None = None
    jobs: list[Job] = field(default_factory=list)

    @property
    def job(self) -> Job:
        """The job of the newest attempt."""
        return self.jobs[-1]

    @property
    def title(self) -> str:
        """What GitHub shows as the run's title: the subject of the commit."""
        return self.commit.message.partition("\n")[0]


class Unwilling(Exception):
    """A run is not run again; the text is GitHub's."""


class Actions:
    """Every run of the repository, oldest first. `listeners` are told of a run that somebody had run again."""

    def __init__(self, workflows: dict[str, str]) -> None:
        self.listeners: list[Callable[[Run], None]] = []
        self.runs: dict[int, Run] = {}
        self._workflow_ids = {service: 70_000_001 + index for index, service in enumerate(workflows)}
        self._workflows = workflows

    def request(self, service: str, *, branch: str, commit: Commit, event: str, at: datetime) -> Run:
        """A new run of the service's workflow for the commit, queued."""
        run = Run(
            id=9_000_000_001 + len(self.runs),
            number=1 + sum(other.service == service for other in self.runs.values()),
            service=service,
            workflow=self._workflows[service],
            workflow_id=self._workflow_ids[service],
            branch=branch,
            commit=commit,
            event=event,
            actor=commit.login,
            triggering_actor=commit.login,
            created_at=at,
            updated_at=at,
            started_at=at,
        )
        self.runs[run.id] = run
        self._queue(run, at)
        return run

    def rerun(self, run: Run, *, by: str, at: datetime) -> None:
        """The next attempt of the same run, queued."""
        run.attempt += 1
        run.status, run.conclusion = "queued", None
        run.triggering_actor = by
        run.started_at = run.updated_at = at
        self._queue(run, at)

    def order(self, run: Run, *, everything: bool, by: str, at: datetime) -> None:
        """The next attempt, as somebody asks for it; raises Unwilling with GitHub's words when there will be none."""
        if run.status != "completed":
            raise Unwilling("This workflow is already running")
        if at - run.created_at > OLDEST:
            raise Unwilling("Unable to retry this workflow run because it was created over a month ago")
        if run.attempt >= MOST_ATTEMPTS or (run.conclusion == "success" and not everything):
            raise Unwilling("This workflow run cannot be retried")
        self.rerun(run, by=by, at=at)
        for tell in self.listeners:
            tell(run)

    def _queue(self, run: Run, at: datetime) -> None:
        number = 20_000_000_001 + sum(len(other.jobs) for other in self.runs.values())
        run.jobs.append(Job(id=number, attempt=run.attempt, name=f"{run.service} / deliver", created_at=at))
