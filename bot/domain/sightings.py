"""What one read of an Application says about one release: whether Git asks for it, and how far it got.

A read speaks about everything at once. Here it is cut down to the facts that a release keeps, so that `releases`
has nothing to do but to join them.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.domain import facts, images, rollouts
from bot.domain.events import ApplicationObserved, SyncOperation, Workload
from bot.domain.images import Image

_FAILURES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """The service in the newest read. `fresh` health is newer than the last sync; `known` says the cluster answered."""

    at: datetime
    workload: Workload
    fresh: bool
    known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The first read that found Git asking for a tag of the release."""

    at: datetime
    revision: str
    image: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The image that the newest read found running in place of the release's own."""

    at: datetime
    image: Image


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncSeen:
    """A sync operation seen while Git asked for this tag of the release, as the newest read found it.

    `matched` means that some read compared with the very revision that it synced, so it certainly applied the tag.
    """

    at: datetime
    tag: str
    operation: SyncOperation
    matched: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """The facts in one read; `deployed` is the tag of the release that the pods run, ready and healthy."""

    observed: Observed
    before: Before | None
    wanted: Wanted | None
    sync: SyncSeen | None
    deployed: str | None


def of(event: ApplicationObserved, *, service: str, source_revision: str) -> Sighting | None:
    """What the read says about this commit of this service; None when the Application has no such Deployment."""
    workload = event.workload(service)
    if workload is None:
        return None
    observed = Observed(
        at=event.observed_at, workload=workload, fresh=event.health_is_fresh, known=event.cluster_error is None
    )
    wanted = _wanted(event, workload, source_revision=source_revision)
    return Sighting(
        observed=observed,
        before=_before(observed, source_revision=source_revision),
        wanted=wanted,
        sync=_sync(event, wanted, service=service),
        deployed=_deployed(observed, source_revision=source_revision),
    )


def newest(seen: Observed | Before) -> tuple[Any, ...]:
    """The order in which the newest read is the greatest."""
    return seen.at, facts.text(seen)


def earliest(wanted: Wanted) -> tuple[Any, ...]:
    """The order in which the first read is the greatest."""
    return -wanted.at.timestamp(), facts.text(wanted)


def furthest(sync: SyncSeen) -> tuple[Any, ...]:
    """The order in which the newest operation at its furthest phase is the greatest."""
    return facts.sync_order(sync.operation, seen_at=sync.at)


def _wanted(event: ApplicationObserved, workload: Workload, *, source_revision: str) -> Wanted | None:
    image = workload.desired
    if image is None or not images.built_from(image.tag, source_revision=source_revision):
        return None
    return Wanted(at=event.observed_at, revision=event.revision, image=image)


def _before(observed: Observed, *, source_revision: str) -> Before | None:
    image = observed.workload.live
    if image is None or images.built_from(image.tag, source_revision=source_revision):
        return None
    return Before(at=observed.at, image=image)


def _sync(event: ApplicationObserved, wanted: Wanted | None, *, service: str) -> SyncSeen | None:
    sync = event.operation
    if sync is None or wanted is None or not (sync.services is None or service in sync.services):
        return None
    return SyncSeen(
        at=event.observed_at,
        tag=wanted.image.tag or "",
        # Of what a sync did to each object a release keeps only what went wrong.
        operation=replace(sync, results=tuple(one for one in sync.results if one.status == "SyncFailed")[:_FAILURES]),
        matched=sync.revision == event.revision,
    )


def _deployed(observed: Observed, *, source_revision: str) -> str | None:
    image = observed.workload.live
    if image is None or not images.built_from(image.tag, source_revision=source_revision):
        return None
    runs = rollouts.is_deployed(observed.workload, image=image, health_is_fresh=observed.fresh)
    return image.tag if runs and observed.known else None
