"""What happened to a release, stage by stage, with times: the lines of its card.

Pure derivation from the facts of a release. The pipeline's own reports are the first source for its four stages; where
it reported nothing, the steps of the GitHub jobs stand in when their names start with the stage's word.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain import releases, rollouts
from bot.domain.events import (
    Health,
    JobReported,
    Phase,
    RunReported,
    RunStatus,
    Stage,
    StageReported,
    StageStatus,
    SyncOperation,
)
from bot.domain.releases import Release, ReleaseState

_STEP_WORDS = {
    Stage.BUILD: ("build",),
    Stage.SCAN: ("scan", "trivy"),
    Stage.PUSH: ("push",),
    Stage.MANIFEST: ("manifest", "update manifest", "commit manifest"),
}
_STEP_STATUS = {"success": "succeeded", "skipped": "skipped"}


class LineState(StrEnum):
    """How one line of the timeline stands."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One stage: `name` is build, scan, push, manifest, sync or rollout. `detail` is untrusted text or ''."""

    name: str
    state: LineState
    started_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Findings of the image scan; None where the pipeline gave no number."""

    critical: int | None
    high: int | None


def pipeline(release: Release) -> tuple[Line, ...]:
    """The four stages of the pipeline, in order, for the current run attempt."""
    reported = releases.current_stages(release)
    jobs = releases.current_jobs(release)
    run = releases.run_of(release)
    lines = []
    for stage in Stage:
        started, ended = reported.get(f"{stage}/started"), reported.get(f"{stage}/ended")
        if ended is not None:
            lines.append(_ended(ended, started=started))
        elif started is not None:
            lines.append(Line(name=stage, state=_as_its_run(run), started_at=started.at))
        else:
            lines.append(_from_steps(stage, jobs))
    return tuple(lines)


def scan(release: Release) -> Scan | None:
    """The findings the current run reported, or None before it did."""
    report = releases.current_stages(release).get(f"{Stage.SCAN}/ended")
    if report is None or report.status is StageStatus.SKIPPED:
        return None
    return Scan(critical=report.critical, high=report.high)


def sync(release: Release) -> Line:
    """Argo CD's part: the newest sync operation that concerns the release."""
    operation = releases.sync_of(release)
    done = releases.state(release) in (ReleaseState.ROLLING, ReleaseState.DEGRADED, ReleaseState.DEPLOYED)
    if operation is None and done:
        return Line(name="sync", state=LineState.SUCCEEDED)
    return of_sync(operation)


def of_sync(operation: SyncOperation | None) -> Line:
    """A sync operation; one that nobody has seen is still to come."""
    if operation is None:
        return Line(name="sync", state=LineState.PENDING)
    if not operation.phase.ended:
        return Line(name="sync", state=LineState.RUNNING, started_at=operation.started_at, detail=operation.message)
    good = operation.phase is Phase.SUCCEEDED
    return Line(
        name="sync",
        state=LineState.SUCCEEDED if good else LineState.FAILED,
        started_at=operation.started_at,
        finished_at=operation.finished_at,
        detail="" if good else operation.message,
    )


def rollout(release: Release) -> Line:
    """The cluster's part: how many pods run the new image, or the reason of the worst one."""
    state = releases.state(release)
    operation = releases.sync_of(release)
    begun = operation.finished_at if operation else None
    latest = release.latest
    if state is ReleaseState.DEPLOYED:
        finished = release.deployed.get(releases.current_tag(release) or "")
        return Line(
            name="rollout", state=LineState.SUCCEEDED, started_at=begun, finished_at=finished, detail=progress(release)
        )
    if latest is None or state not in (ReleaseState.ROLLING, ReleaseState.DEGRADED, ReleaseState.SYNCING):
        return Line(name="rollout", state=LineState.PENDING)
    if latest.workload.live != latest.workload.desired:
        return Line(name="rollout", state=LineState.PENDING)
    failed = latest.workload.health is Health.DEGRADED and state is ReleaseState.DEGRADED
    detail = " · ".join(filter(None, (progress(release), rollouts.worst_reason(latest.workload))))
    return Line(
        name="rollout", state=LineState.FAILED if failed else LineState.RUNNING, started_at=begun, detail=detail
    )


def progress(release: Release) -> str:
    """`n/m` pods ready on the new image, or '' when the cluster is not known."""
    latest = release.latest
    if latest is None or not latest.known or latest.workload.desired is None:
        return ""
    return f"{rollouts.ready(latest.workload, image=latest.workload.desired)}/{latest.workload.replicas}"


def failed_step(release: Release) -> str:
    """Where the current run failed, as `job / step`, or the pipeline's own word for it, or ''."""
    for job in releases.current_jobs(release):
        step = next((step for step in job.steps if step.conclusion in ("failure", "timed_out", "cancelled")), None)
        if step is not None:
            return f"{job.name} / {step.name}"
        if job.conclusion in ("failure", "timed_out", "cancelled"):
            return job.name
    lines = [line for line in pipeline(release) if line.state is LineState.FAILED]
    return lines[0].name if lines else ""


def _ended(ended: StageReported, *, started: StageReported | None) -> Line:
    return Line(
        name=ended.stage,
        state=LineState(ended.status.value),
        started_at=started.at if started else None,
        finished_at=ended.at,
        detail=ended.message or "",
    )


def _as_its_run(run: RunReported | None) -> LineState:
    """How a stage stands whose end nobody reported (yet): once the run is over, so is the stage."""
    if run is None or run.status is not RunStatus.COMPLETED:
        return LineState.RUNNING
    return LineState.SUCCEEDED if run.conclusion == "success" else LineState.FAILED


def _from_steps(stage: Stage, jobs: list[JobReported]) -> Line:
    """A stage nobody reported, read from the first job step whose name starts with its word."""
    for job in jobs:
        for step in job.steps:
            if not step.name.lower().startswith(_STEP_WORDS[stage]):
                continue
            if step.status is not RunStatus.COMPLETED:
                begun = step.status is RunStatus.IN_PROGRESS
                state = LineState.RUNNING if begun else LineState.PENDING
            else:
                state = LineState(_STEP_STATUS.get(step.conclusion or "", "failed"))
            return Line(name=stage, state=state, started_at=step.started_at, finished_at=step.completed_at)
    return Line(name=stage, state=LineState.PENDING)
