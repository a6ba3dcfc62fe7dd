"""A release and its stages: one source revision of one service on its way to one environment.

A release is a set of facts joined from events. Every fact has a key and the join keeps the greater of two facts with
one key, so the join is commutative, associative and idempotent: events in any order, any number of times, give the
same release. Nothing is decided while joining; `state` and `timeline` derive what to show from the facts.

    running -> failed | committed -> pending -> syncing -> rolling -> deployed
                                        '-> sync_failed, degraded        '-> superseded at any point before deployed
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeGuard

from bot.domain import facts, images, rollouts
from bot.domain.events import (
    ApplicationObserved,
    Health,
    JobReported,
    Phase,
    RunReported,
    RunStatus,
    Stage,
    StageReported,
    StageStatus,
    SyncOperation,
    Workload,
)
from bot.domain.images import Image

_SYNCS_KEPT = 8
_NO_TIME = datetime.min.replace(tzinfo=UTC)


class ReleaseState(StrEnum):
    """Where a release stands."""

    RUNNING = "running"
    FAILED = "failed"
    COMMITTED = "committed"
    PENDING = "pending"
    SYNCING = "syncing"
    SYNC_FAILED = "sync_failed"
    ROLLING = "rolling"
    DEGRADED = "degraded"
    DEPLOYED = "deployed"
    SUPERSEDED = "superseded"

    @property
    def ended(self) -> bool:
        """Whether reading the Application again can tell nothing new about the release."""
        return self in (ReleaseState.DEPLOYED, ReleaseState.SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What one read of the Application said about this service, reduced to what a release needs."""

    at: datetime
    revision: str
    workload: Workload
    health: Health
    fresh: bool
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The first read that found Git asking for a tag of this release, and what the pods ran then."""

    at: datetime
    revision: str
    image: Image
    previous: Image | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSeen:
    """A sync operation seen while Git asked for a tag of this release.

    `matched` means it synced the very revision the Application was compared with in that read.
    """

    operation: SyncOperation
    matched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The facts about one release. Keys of `stages` are `run/attempt/stage/started|ended`, of `runs` `run/attempt`."""

    service: str
    environment: str
    source_revision: str
    runs: Mapping[str, RunReported] = field(default_factory=dict)
    jobs: Mapping[str, JobReported] = field(default_factory=dict)
    stages: Mapping[str, StageReported] = field(default_factory=dict)
    wanted: Mapping[str, Wanted] = field(default_factory=dict)
    syncs: Mapping[str, SyncSeen] = field(default_factory=dict)
    deployed: Mapping[str, datetime] = field(default_factory=dict)
    latest: Observed | None = None


def apply(release: Release, event: RunReported | JobReported | StageReported | ApplicationObserved) -> Release:
    """The release with one more fact. Events about other services, environments or commits change nothing."""
    match event:
        case ApplicationObserved():
            return _observe(release, event) if event.environment == release.environment else release
        case _ if (event.service, event.source_revision) != (release.service, release.source_revision):
            return release
        case RunReported():
            key = f"{event.run_id}/{event.run_attempt}"
            return replace(release, runs=facts.join(release.runs, key, event, facts.run_order))
        case JobReported():
            key = f"{event.run_id}/{event.run_attempt}/{event.job_id}"
            return replace(release, jobs=facts.join(release.jobs, key, event, facts.job_order))
        case StageReported():
            moment = "started" if event.status is StageStatus.STARTED else "ended"
            key = f"{event.run_id}/{event.run_attempt}/{event.stage}/{moment}"
            return replace(release, stages=facts.join(release.stages, key, event, facts.stage_order))


def current_run(release: Release) -> tuple[int, int] | None:
    """Run id and attempt that started last: the one the release is about now. None before any run was reported."""
    starts: dict[tuple[int, int], datetime] = {}
    for run, at in _moments(release):
        starts[run] = min(at, starts.get(run, at))
    return max(starts, key=lambda run: (starts[run], run), default=None)


def run_of(release: Release) -> RunReported | None:
    """What GitHub said about the current run, if it said anything yet."""
    run = current_run(release)
    return release.runs.get(f"{run[0]}/{run[1]}") if run else None


def current_stages(release: Release) -> dict[str, StageReported]:
    """The pipeline's reports of the current run attempt, keyed `stage/started|ended`."""
    run = current_run(release)
    if run is None:
        return {}
    prefix = f"{run[0]}/{run[1]}/"
    return {key.removeprefix(prefix): fact for key, fact in release.stages.items() if key.startswith(prefix)}


def current_jobs(release: Release) -> list[JobReported]:
    """The jobs of the current run attempt, by job id."""
    run = current_run(release)
    jobs = [job for job in release.jobs.values() if (job.run_id, job.run_attempt) == run]
    return sorted(jobs, key=lambda job: job.job_id)


def current_tag(release: Release) -> str | None:
    """The tag of this release: what the current run says it pushed, else the newest tag of the commit seen in Git."""
    reported = [stage.tag for stage in current_stages(release).values() if stage.tag]
    return max(reported, default=None) or max(release.wanted, default=None)


def manifest_revision(release: Release) -> str | None:
    """The manifest commit that asks for the tag, as reported by the pipeline or else as first observed."""
    reported = [stage.manifest_revision for stage in current_stages(release).values() if stage.manifest_revision]
    wanted = release.wanted.get(current_tag(release) or "")
    return max(reported, default=None) or (wanted.revision if wanted else None)


def sync_of(release: Release) -> SyncOperation | None:
    """The newest sync operation that moved this release: of its revision, or begun after Git asked for its tag."""
    wanted = release.wanted.get(current_tag(release) or "")
    seen = [
        sync.operation
        for sync in release.syncs.values()
        if sync.matched or (wanted is not None and sync.operation.started_at >= wanted.at)
    ]
    return max(seen, key=facts.sync_order, default=None)


def shown(release: Release) -> Release:
    """The release without what changes with every read although nothing happened: when it was read."""
    if release.latest is None:
        return release
    return replace(release, latest=replace(release.latest, at=_NO_TIME))


def state(release: Release) -> ReleaseState:
    """Where the release stands. `deployed` only when pods were seen to run the wanted image, ready and healthy."""
    tag = current_tag(release)
    if tag in release.deployed:
        return ReleaseState.DEPLOYED
    latest = release.latest
    wanted = release.wanted.get(tag or "")
    if latest and _superseded(latest, tag=tag, wanted=wanted):
        return ReleaseState.SUPERSEDED
    if latest and wanted and latest.workload.desired and latest.workload.desired.tag == tag:
        return _state_in_cluster(latest, sync_of(release))
    return _state_in_pipeline(release)


def _state_in_cluster(latest: Observed, sync: SyncOperation | None) -> ReleaseState:
    """Git asks for the tag; how far are Argo CD and the cluster?"""
    if sync and not sync.phase.ended:
        return ReleaseState.SYNCING
    workload = latest.workload
    if workload.live != workload.desired:
        failed = sync is not None and sync.phase in (Phase.FAILED, Phase.ERROR)
        return ReleaseState.SYNC_FAILED if failed else ReleaseState.PENDING
    if workload.health is Health.DEGRADED and latest.fresh:
        return ReleaseState.DEGRADED
    return ReleaseState.ROLLING


def _state_in_pipeline(release: Release) -> ReleaseState:
    """Git does not ask for the tag yet, as far as anybody has seen; how far is the run?

    A scan only reports: its failure does not stop the run, so only the run itself can say that it failed.
    """
    stages = current_stages(release)
    committed = stages.get(f"{Stage.MANIFEST}/ended")
    if committed and committed.status is StageStatus.SUCCEEDED:
        return ReleaseState.COMMITTED
    run = run_of(release)
    if run is not None and run.status is RunStatus.COMPLETED and run.conclusion is not None:
        return ReleaseState.COMMITTED if run.conclusion == "success" else ReleaseState.FAILED
    failed = any(stage.status is StageStatus.FAILED for stage in stages.values() if stage.stage is not Stage.SCAN)
    return ReleaseState.FAILED if failed else ReleaseState.RUNNING


def _observe(release: Release, event: ApplicationObserved) -> Release:
    workload = event.workload(release.service)
    if workload is None:
        return release
    known = event.cluster_error is None
    operation = event.operation
    fresh = operation is None or (
        operation.phase.ended
        and event.reconciled_at is not None
        and event.reconciled_at >= (operation.finished_at or operation.started_at)
    )
    latest = Observed(
        at=event.observed_at, revision=event.revision, workload=workload, health=event.health, fresh=fresh, known=known
    )
    release = replace(
        release, latest=max(filter(None, (release.latest, latest)), key=lambda seen: (seen.at, repr(seen)))
    )
    if (
        known
        and _is_ours(workload.live, release=release)
        and rollouts.is_deployed(workload, image=workload.live, health_is_fresh=fresh)
    ):
        tag = workload.live.tag or ""
        first = min(event.observed_at, release.deployed.get(tag, event.observed_at))
        release = replace(release, deployed={**release.deployed, tag: first})
    image = workload.desired
    if not _is_ours(image, release=release) or image.tag is None:
        return release
    previous = workload.live if workload.live and workload.live.tag != image.tag else None
    wanted = Wanted(at=event.observed_at, revision=event.revision, image=image, previous=previous)
    release = replace(release, wanted=facts.join(release.wanted, image.tag, wanted, _earliest))
    if operation and (operation.services is None or release.service in operation.services):
        matched = operation.revision == event.revision
        key = f"{operation.started_at.isoformat()}/{matched:d}"
        syncs = facts.join(release.syncs, key, SyncSeen(operation=operation, matched=matched), _seen_order)
        # The newest few of a union are the same whichever way the union was made, so the bound keeps the join a join.
        release = replace(release, syncs=dict(sorted(syncs.items())[-_SYNCS_KEPT:]))
    return release


def _is_ours(image: Image | None, *, release: Release) -> TypeGuard[Image]:
    return image is not None and images.built_from(image.tag, source_revision=release.source_revision)


def _superseded(latest: Observed, *, tag: str | None, wanted: Wanted | None) -> bool:
    """Git asks for another tag: a newer build than ours, or any other after it had asked for ours."""
    desired = latest.workload.desired
    if desired is None or desired.tag is None or tag is None or desired.tag == tag:
        return False
    theirs, ours = images.built_at(desired.tag), images.built_at(tag)
    newer = theirs is not None and ours is not None and theirs > ours
    return newer or (wanted is not None and wanted.at < latest.at)


def _moments(release: Release) -> Iterator[tuple[tuple[int, int], datetime]]:
    """Every time known about every run attempt."""
    for run in release.runs.values():
        yield (run.run_id, run.run_attempt), run.started_at
    for job in release.jobs.values():
        if job.started_at is not None:
            yield (job.run_id, job.run_attempt), job.started_at
    for stage in release.stages.values():
        yield (stage.run_id, stage.run_attempt), stage.at


def _seen_order(seen: SyncSeen) -> tuple[Any, ...]:
    return facts.sync_order(seen.operation)


def _earliest(wanted: Wanted) -> tuple[Any, ...]:
    return -wanted.at.timestamp(), repr(wanted)
