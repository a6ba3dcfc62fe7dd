"""What raises an alert and what recovers it: failing runs, failed syncs, degraded Applications."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from bot.domain import incidents, moments, releases, rollouts, timeline
from bot.domain.events import ApplicationObserved, Health, Phase, RunStatus
from bot.domain.incidents import Incident, Signal
from bot.domain.releases import Release
from bot.domain.verdicts import TERMINATED
from bot.storage import cards
from bot.storage import incidents as rows
from bot.storage.engine import Connection

_BAD_CONCLUSIONS = {
    "failure": "Run failed",
    "timed_out": "Run timed out",
    "startup_failure": "Run could not start",
    "action_required": "Run waits for somebody on GitHub",
}
_HEALTH = "health:"
_BAD_HEALTH = frozenset({Health.DEGRADED, Health.MISSING})


def card_key(incident: Incident) -> str:
    """The key of an episode's alert card."""
    return f"incident:{incident.episode}:{incident.subject}"


async def record(connection: Connection, signal: Signal, *, now: datetime) -> None:
    """Count one signal: opens, repeats or recovers an episode, or changes nothing."""
    before = await rows.newest(connection, signal.subject)
    if before is not None and _is_stranded(before, now=now):
        before = replace(before, order=signal.order)
    after = incidents.apply(before, signal=signal)
    if after == before:
        return
    await rows.save(connection, after)
    # Every read of a healthy Application moves the order on; a card shows no order.
    if after.episode and (before is None or replace(before, order=after.order) != after):
        await cards.mark_stale(connection, card_key(after), now=now)


def _is_stranded(incident: Incident, *, now: datetime) -> bool:
    """Whether the clock by which its signals are ordered was set back. Only those about health are, by this one's."""
    return incident.subject.startswith(_HEALTH) and moments.is_stranded(datetime.fromisoformat(incident.order), now=now)


def of_run(release: Release) -> Signal | None:
    """What the current workflow run of a release says about its pipeline; None while it runs or was cancelled."""
    run = releases.run_of(release)
    if run is None or run.status is not RunStatus.COMPLETED:
        return None
    bad = run.conclusion in _BAD_CONCLUSIONS
    if run.conclusion is None or (not bad and run.conclusion != "success"):
        return None
    step = timeline.failed_step(release)
    return Signal(
        subject=f"run:{release.environment}:{release.service}",
        bad=bad,
        order=f"{run.started_at.isoformat()}/{run.run_id:020}/{run.run_attempt:05}",
        occurrence=f"{run.run_id}/{run.run_attempt}",
        at=run.updated_at,
        environment=release.environment,
        service=release.service,
        title=_BAD_CONCLUSIONS.get(run.conclusion, "Run succeeded"),
        detail=step,
        url=run.url,
    )


def of_application(event: ApplicationObserved, *, url: str) -> Iterator[Signal]:
    """What a read of an Application says about its last sync operation and about its health."""
    operation = event.operation
    # What somebody stopped has not failed: whoever stopped it knows, and its card says so to the others.
    if operation is not None and operation.phase.ended and operation.message != TERMINATED:
        yield Signal(
            subject=f"sync:{event.environment}",
            bad=operation.phase is not Phase.SUCCEEDED,
            order=operation.started_at.isoformat(),
            occurrence=operation.started_at.isoformat(),
            at=operation.finished_at or operation.started_at,
            environment=event.environment,
            service=None,
            title="Sync succeeded" if operation.phase is Phase.SUCCEEDED else f"Sync {operation.phase.lower()}",
            detail=operation.message,
            url=url,
        )
    if event.health in _BAD_HEALTH or event.health is Health.HEALTHY:
        since = event.health_since or event.observed_at
        yield Signal(
            subject=f"{_HEALTH}{event.environment}",
            bad=event.health in _BAD_HEALTH,
            order=event.observed_at.isoformat(),
            occurrence=since.isoformat(),
            at=since,
            environment=event.environment,
            service=None,
            title=f"Application {event.health}",
            detail=_hindered(event),
            url=url,
        )


def _hindered(event: ApplicationObserved) -> str:
    """The services that are not healthy, with the reason of their worst pod."""
    parts = []
    for workload in event.workloads:
        if workload.health in _BAD_HEALTH:
            reason = rollouts.worst_reason(workload) or workload.message or workload.health
            parts.append(f"{workload.service}: {reason}")
    return "\n".join(parts)
