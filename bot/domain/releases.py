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

from bot.domain import facts, images, moments, sightings
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
)
from bot.domain.sightings import Before, Observed, SyncSeen, Wanted

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
    before: Before | None = None
    latest: Observed | None = None


def apply(release: Release, event: RunReported | JobReported | StageReported | ApplicationObserved) -> Release:
    """The release with one more fact. Reports about another service or commit change nothing, nor do other reads.

    To which environment a report belongs is the caller's knowledge, since not every report says it.
    """
    match event:
        case ApplicationObserved():
            return _observe(release, event) if event.environment == release.environment else release
        case _ if (event.service, event.source_revision) != (release.service, release.source_revision):
            return release
        case RunReported():
            key = f"{event.run_id}/{event.run_attempt}"
            return replace(release, runs=facts.join(release.runs, key, event, order=facts.run_order))
        case JobReported():
            key = f"{event.run_id}/{event.run_attempt}/{event.job_id}"
            return replace(release, jobs=facts.join(release.jobs, key, event, order=facts.job_order))
        case StageReported():
            moment = "started" if event.status is StageStatus.STARTED else "ended"
            key = f"{event.run_id}/{event.run_attempt}/{event.stage}/{moment}"
            return replace(release, stages=facts.join(release.stages, key, event, order=facts.stage_order))


def current_run(release: Release) -> tuple[int, int] | None:
    """Run id and attempt that started last: the one the release is about now. None before any run was reported."""
    starts = _starts(release)
    return max(starts, key=lambda run: (starts[run], run), default=None)


def run_began(release: Release) -> datetime | None:
    """When the current run attempt started, as far as anybody said; None before any run was reported."""
    return max(_starts(release).values(), default=None)


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
    """The tag of this release: what the current run says it pushed, else the newest tag of the commit seen in Git.

    What Git asked for before a run that is still under way began is not that run's work, and does not count as its tag.
    """
    reported = [stage.tag for stage in current_stages(release).values() if stage.tag]
    if reported:
        return max(reported)
    seen = max(release.wanted, default=None)
    run = run_of(release)
    under_way = run is not None and run.status is not RunStatus.COMPLETED
    return None if seen and run and under_way and release.wanted[seen].at < run.started_at else seen


def manifest_revision(release: Release) -> str | None:
    """The manifest commit that asks for the tag, as reported by the pipeline or else as first observed."""
    reported = [stage.manifest_revision for stage in current_stages(release).values() if stage.manifest_revision]
    wanted = release.wanted.get(current_tag(release) or "")
    return max(reported, default=None) or (wanted.revision if wanted else None)


def sync_of(release: Release) -> SyncOperation | None:
    """The newest sync operation that moved this release: of its revision, or begun after Git asked for its tag."""
    tag = current_tag(release)
    wanted = release.wanted.get(tag or "")
    moved = [
        sync
        for sync in release.syncs.values()
        if sync.tag == tag and (sync.matched or (wanted is not None and sync.operation.started_at >= wanted.at))
    ]
    newest = max(moved, key=sightings.furthest, default=None)
    return newest.operation if newest else None


def without_stranded(release: Release, *, now: datetime) -> Release:
    """The release without what reads found before the clock was set back: newer reads could not take its place."""
    latest, before = release.latest, release.before
    return replace(
        release,
        latest=None if latest and moments.is_stranded(latest.at, now=now) else latest,
        before=None if before and moments.is_stranded(before.at, now=now) else before,
    )


def shown(release: Release) -> Release:
    """The release without what changes with every read although nothing happened: when it was read."""
    return replace(
        release,
        before=release.before and replace(release.before, at=_NO_TIME),
        latest=release.latest and replace(release.latest, at=_NO_TIME),
        syncs={key: replace(sync, at=_NO_TIME) for key, sync in release.syncs.items()},
    )


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
    seen = sightings.of(event, service=release.service, source_revision=release.source_revision)
    if seen is None:
        return release
    release = replace(release, latest=facts.greater(release.latest, seen.observed, order=sightings.newest))
    if seen.before is not None:
        release = replace(release, before=facts.greater(release.before, seen.before, order=sightings.newest))
    if seen.deployed is not None:
        first = min(event.observed_at, release.deployed.get(seen.deployed, event.observed_at))
        release = replace(release, deployed={**release.deployed, seen.deployed: first})
    if seen.wanted is not None:
        tag = seen.wanted.image.tag or ""
        release = replace(release, wanted=facts.join(release.wanted, tag, seen.wanted, order=sightings.earliest))
    if seen.sync is not None:
        release = replace(release, syncs=_join_sync(release.syncs, seen.sync))
    return release


def _join_sync(syncs: Mapping[str, SyncSeen], seen: SyncSeen) -> dict[str, SyncSeen]:
    """The sync operations with one more look at one: it stays matched once it was, and the newest few are kept.

    The newest few of a union are the same whichever way the union was made, so the bound keeps the join a join.
    """
    key = f"{seen.operation.started_at.astimezone(UTC).isoformat()}/{seen.tag}"
    old = syncs.get(key)
    matched = seen.matched or (old is not None and old.matched)
    joined = replace(facts.greater(old, seen, order=sightings.furthest), matched=matched)
    return dict(sorted({**syncs, key: joined}.items())[-_SYNCS_KEPT:])


def _superseded(latest: Observed, *, tag: str | None, wanted: Wanted | None) -> bool:
    """Git asks for another tag: a newer build than ours, or any other after it had asked for ours."""
    desired = latest.workload.desired
    if desired is None or desired.tag is None or tag is None or desired.tag == tag:
        return False
    theirs, ours = images.built_at(desired.tag), images.built_at(tag)
    newer = theirs is not None and ours is not None and theirs > ours
    return newer or (wanted is not None and wanted.at < latest.at)


def _starts(release: Release) -> dict[tuple[int, int], datetime]:
    """The earliest time known about each run attempt."""
    starts: dict[tuple[int, int], datetime] = {}
    for run, at in _moments(release):
        starts[run] = min(at, starts.get(run, at))
    return starts


def _moments(release: Release) -> Iterator[tuple[tuple[int, int], datetime]]:
    """Every time known about every run attempt."""
    for run in release.runs.values():
        yield (run.run_id, run.run_attempt), run.started_at
    for job in release.jobs.values():
        if job.started_at is not None:
            yield (job.run_id, job.run_attempt), job.started_at
    for stage in release.stages.values():
        yield (stage.run_id, stage.run_attempt), stage.at
