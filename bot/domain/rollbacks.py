"""Going back: what a service ran well before, and what was taken away from it.

An image is proven in an environment when pods were seen to run it there, all of them, healthy, or when a deploy of it
succeeded. What was rolled back once was proven too, and was wrong all the same, so it is marked until somebody deploys
it again, and nobody goes back to it by accident. A rollback that failed took the image away as well: nobody wanted it.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    """A candidate as it was looked at: is its image still in the registry, and which commits would be undone?

    `stored` is None when the registry did not say.
    """

    candidate: Candidate
    stored: bool | None
    undone: Between | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to the chosen candidate, or why it is not there.

    `asked` says that Git asks for it already, so that nothing has to be written.
    `reverts` are the manifest commits to be reverted, the newest first; `moves` are the other services that the `entry`
    of Argo CD's history changes as well.
    """

    way: Way
    refused: Refused | None = None
    asked: bool = False
    reverts: tuple[str, ...] = ()
    entry: HistoryEntry | None = None
    moves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a service runs (its tag), what Git asks for, where it can go back to, and how to the chosen candidate.

    Nothing is chosen, and no way offered, when nobody named a candidate and only those are left that were rolled back.
    """

    environment: str
    service: str
    running: str
    asked: str | None
    options: tuple[Option, ...]
    chosen: Option | None
    offers: tuple[Offer, ...]

    @property
    def recommended(self) -> Offer | None:
        """The way to take: the smallest step that is possible."""
        return next((offer for offer in self.offers if offer.refused is None), None)

    def offer(self, way: Way) -> Offer:
        """The offer for a way."""
        return next(offer for offer in self.offers if offer.way is way)


def candidates(
    service: str,
    *,
    proofs: Mapping[str, datetime],
    releases: Iterable[Release],
    operations: Sequence[Operation],
) -> list[Candidate]:
    """Every image of the service that is proven, the one that ran well last first.

    `proofs` has the tags that pods were seen to run, each with when that was the last time. The operations are deploys
    and rollbacks of the environment, the newest first.
    """
    known = [*releases]
    proven = [(tag, at) for release in known for tag, at in release.deployed.items()]
    done = (one for one in operations if one.state is OperationState.SUCCEEDED)
    proven += [(tag, one.updated_at) for one in done if (tag := _new(one, service))]
    newest = dict(sorted([*proven, *proofs.items()], key=lambda pair: pair[1]))
    return [
        Candidate(
            tag=tag,
            proven_at=at,
            release=next((one for one in known if images.built_from(tag, source_revision=one.source_revision)), None),
            rolled_back=is_gone(service, tag=tag, operations=operations),
        )
        for tag, at in sorted(newest.items(), key=lambda pair: pair[1], reverse=True)
    ]


def is_open(operation: Operation) -> bool:
    """Whether pods run what a rollback brought back, and Git still asks for something else."""
    rollback = operation.rollback
    return operation.state is OperationState.SUCCEEDED and rollback is not None and rollback.agreed_at is None


def is_gone(service: str, *, tag: str, operations: Iterable[Operation]) -> Operation | None:
    """The newest rollback that took this image away, unless it was deployed again since. The newest operation first."""
    for one in operations:
        if one.state is OperationState.SUCCEEDED and _new(one, service) == tag:
            return None
        if one.kind is OperationKind.ROLLBACK and _took_effect(one) and _old(one, service) == tag:
            return one
    return None


def _took_effect(operation: Operation) -> bool:
    """Whether its commit was written or its order went out, whatever became of it then."""
    ordered = operation.dispatched_at is not None and operation.state is not OperationState.REFUSED
    return ordered or operation.written is not None


def _new(operation: Operation, service: str) -> str | None:
    image = operation.content.image_of(service) if operation.content else None
    return image.tag if image else None


def _old(operation: Operation, service: str) -> str | None:
    """The tag that the service ran before, unless it is the same as after."""
    changes = operation.content.images if operation.content else ()
    change = next((one for one in changes if one.service == service), None)
    return change.old.tag if change and change.old and change.old != change.new else None


def is_forward(tag: str, *, running: str | None) -> bool:
    """Whether the image is newer than what runs. Going there is a deploy, whatever it is called."""
    to, now = images.built_at(tag), images.built_at(running)
    return to is not None and (now is None or to > now)
