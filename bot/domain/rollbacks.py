"""Going back: what a service ran well before, and what was taken away from it.

A release is proven in an environment when pods were seen to run its image there, all of them, healthy: by a release's
own facts, or by a deploy of the bot's that succeeded. What was rolled back once was proven too, and was wrong all the
same, so it is marked, and nobody goes back to it by accident.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain import images
from bot.domain.inspections import HistoryEntry
from bot.domain.operations import Between, Operation, OperationKind, OperationState, Way
from bot.domain.reasons import Refused
from bot.domain.releases import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An image that ran well here, when it was last found to, its release where there is one, and what took it away."""

    tag: str
    proven_at: datetime
    release: Release | None = None
    rolled_back: Operation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A candidate as it was looked at: is its image still in the registry, and which commits would be undone?"""

    candidate: Candidate
    stored: bool
    undone: Between | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to the chosen candidate, or why it is not there.

    `reverts` are the manifest commits to be reverted, the newest first; `moves` are the other services that the `entry`
    of Argo CD's history changes as well.
    """

    way: Way
    refused: Refused | None = None
    reverts: tuple[str, ...] = ()
    entry: HistoryEntry | None = None
    moves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a service runs (its tag), what Git asks for, where it can go back to, and how to the chosen candidate."""

    environment: str
    service: str
    running: str
    asked: str | None
    options: tuple[Option, ...]
    chosen: Option
    offers: tuple[Offer, ...]

    @property
    def recommended(self) -> Offer | None:
        """The way to take: the smallest step that is possible."""
        return next((offer for offer in self.offers if offer.refused is None), None)

    def offer(self, way: Way) -> Offer:
        """The offer for a way."""
        return next(offer for offer in self.offers if offer.way is way)


def candidates(service: str, *, releases: Iterable[Release], operations: Iterable[Operation]) -> list[Candidate]:
    """Every image of the service that is proven, the one that was proven last first.

    The operations are deploys and rollbacks of the environment, the newest first.
    """
    known, done = [*releases], [one for one in operations if one.state is OperationState.SUCCEEDED]
    proven = [(tag, at) for release in known for tag, at in release.deployed.items()]
    proven += [(tag, one.updated_at) for one in done if (tag := _new(one, service))]
    newest = dict(sorted(proven, key=lambda pair: pair[1]))
    return [
        Candidate(
            tag=tag,
            proven_at=at,
            release=next((one for one in known if images.built_from(tag, source_revision=one.source_revision)), None),
            rolled_back=rolled_back(service, tag=tag, operations=done),
        )
        for tag, at in sorted(newest.items(), key=lambda pair: pair[1], reverse=True)
    ]


def rolled_back(service: str, *, tag: str, operations: Iterable[Operation]) -> Operation | None:
    """The newest rollback that took this image away from the service, if one did."""
    return next(
        (one for one in operations if one.kind is OperationKind.ROLLBACK and _old(one, service) == tag),
        None,
    )


def is_open(operation: Operation) -> bool:
    """Whether pods run what a rollback brought back, and Git still asks for something else."""
    rollback = operation.rollback
    return operation.state is OperationState.SUCCEEDED and rollback is not None and rollback.agreed_at is None


def is_gone(service: str, *, tag: str, operations: Iterable[Operation]) -> Operation | None:
    """The rollback that took this image away, unless it was deployed again since; of operations that succeeded."""
    for one in operations:
        if _new(one, service) == tag:
            return None
        if one.kind is OperationKind.ROLLBACK and _old(one, service) == tag:
            return one
    return None


def _new(operation: Operation, service: str) -> str | None:
    image = operation.content.image_of(service) if operation.content else None
    return image.tag if image else None


def _old(operation: Operation, service: str) -> str | None:
    """The tag that the service ran before, unless it is the same as after."""
    changes = operation.content.images if operation.content else ()
    change = next((one for one in changes if one.service == service), None)
    return change.old.tag if change and change.old and change.old != change.new else None
