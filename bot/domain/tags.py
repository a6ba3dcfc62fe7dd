"""What a registry has of one image, joined with what environments ask for and run.

The pipeline pushes every image under three names: its own tag, `latest`, and the name of the environment. A tag of
the pipeline never means another image; the other two move. So rows are images, not names, and four things are marked:

    missing   an environment asks for or runs an image that the registry no longer has: no new pod can start
    foreign   an environment asks for or runs an image of another repository, about which nothing can be said here
    drift     Git asks for one image and the pods run another; during a rollout, or while an approval waits, that is
              how it should be
    moved     `latest` is not the newest image of the pipeline, or an environment's name is not the image that Git asks
              for there. A push moves the name first and Git a moment later, so a name that is ahead of Git counts only
              once its image is older than `UNDER_WAY`: then Git was rolled back, the manifest commit failed, or
              somebody moved the name by hand
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from bot.domain import images
from bot.domain.catalog import Environment
from bot.domain.images import Image

LATEST = "latest"
UNDER_WAY = timedelta(minutes=10)
_NO_TIME = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """How many vulnerabilities of the two worst kinds a scan found."""

    critical: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """One image in the registry with all names that are known for it.

    `pushed_at` is when it was created where a registry keeps no time of pushes, and None where it keeps neither or
    nobody asked; `findings` is None where it has no finished scan. `index` says that the digest is of a list of images,
    one for each platform, of which a node runs one that has a digest of its own.
    """

    digest: str
    tags: frozenset[str]
    pushed_at: datetime | None = None
    findings: Findings | None = None
    index: bool = False

    @property
    def at(self) -> datetime | None:
        """When the pipeline built it, or else when it was pushed."""
        built = [moment for tag in self.tags if (moment := images.built_at(tag))]
        return max(built, default=None) or self.pushed_at

    @property
    def name(self) -> str:
        """The tag to call it by: the pipeline's newest, else any but `latest` if it can be, else ''."""
        return max(self.tags, key=lambda tag: (images.built_at(tag) or _NO_TIME, tag != LATEST, tag), default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The tags of a repository, each with the time of its push where the registry knows it, in the order of `named`.

    `complete` is False when there are more than were read: then nothing can be called missing.
    """

    pushed: Mapping[str, datetime | None]
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one environment asks for and runs of a service; `running` is None when nobody knows the pods."""

    environment: Environment
    asked: Image | None
    running: frozenset[Image] | None

    @property
    def images(self) -> frozenset[Image]:
        """Every image that is asked for or runs."""
        return frozenset(filter(None, (self.asked, *(self.running or ()))))


def named(pushed: Mapping[str, datetime | None], *, complete: bool) -> Names:
    """The tags by when they were built, or else pushed, the newest first; those without any time last, by name.

    They are put in order once, where they are read: there may be thousands, and people look at them again and again.
    """
    newest = sorted(pushed, key=lambda tag: (images.built_at(tag) or pushed[tag] or _NO_TIME, tag), reverse=True)
    return Names(pushed={tag: pushed[tag] for tag in newest}, complete=complete)


class MarkKind(StrEnum):
    """What is not as it should be, the worst first."""

    MISSING = "missing"
    FOREIGN = "foreign"
    DRIFT = "drift"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something to look at. `environment` is None for `latest`, which belongs to nobody.

    What `has` and `wants` mean depends on the kind. missing and foreign: `has` is the image, and `runs` says whether
    pods run it. drift: what the pods run and what Git asks for. moved: what the name means and what it should.
    """

    kind: MarkKind
    environment: str | None
    has: str
    wants: str = ""
    runs: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One image with the environments that ask for it and that run it."""

    image: StoredImage
    asked_in: tuple[str, ...]
    runs_in: tuple[str, ...]

    @property
    def used(self) -> bool:
        """Whether any environment has to do with it."""
        return bool(self.asked_in or self.runs_in)


def rows(stored: Iterable[StoredImage], usages: Iterable[Usage], *, repository: str) -> tuple[Row, ...]:
    """The images of the repository, newest first, with who uses each."""
    used = [*usages]

    def row(image: StoredImage) -> Row:
        asked = (one for one in used if one.asked and _is(one.asked, image, repository=repository))
        runs = (one for one in used if any(_is(other, image, repository=repository) for other in one.running or ()))
        return Row(
            image=image,
            asked_in=tuple(one.environment.name for one in asked),
            runs_in=tuple(one.environment.name for one in runs),
        )

    newest = sorted(stored, key=lambda image: (image.at or _NO_TIME, image.name), reverse=True)
    return tuple(map(row, newest))


def marks(
    stored: Iterable[StoredImage], usages: Iterable[Usage], *, repository: str, complete: bool, now: datetime
) -> tuple[Mark, ...]:
    """What is not as it should be, the worst first.

    `stored` has at least the newest image, those that are used and those that `latest` and environments' names mean.
    Without `complete` nothing is called missing.
    """
    known, used = [*stored], [*usages]
    found = [mark for usage in used for mark in _of_usage(usage, known, repository=repository, complete=complete)]
    found += [mark for usage in used if (mark := _moved(usage, known, repository=repository, now=now))]
    order = [*MarkKind]
    return tuple(sorted(found, key=lambda mark: order.index(mark.kind)))


def latest_moved(stored: Iterable[StoredImage]) -> Mark | None:
    """The mark for a `latest` that is not the newest image of the pipeline, if it is not."""
    known = [*stored]
    latest = next((image for image in known if LATEST in image.tags), None)
    built = [image for image in known if any(map(images.built_at, image.tags))]
    newest = max(built, key=lambda image: image.at or _NO_TIME, default=None)
    if latest is None or newest is None or latest.digest == newest.digest:
        return None
    return Mark(kind=MarkKind.MOVED, environment=None, has=_called(latest), wants=newest.name)


def reference(image: Image) -> str:
    """How to ask a registry for the image: by its digest where it has one, since that is what a node pulls."""
    return image.digest or image.tag or LATEST


def _of_usage(usage: Usage, stored: list[StoredImage], *, repository: str, complete: bool) -> Iterator[Mark]:
    name, running = usage.environment.name, usage.running or frozenset()
    for image in sorted(usage.images, key=str):
        here = image.repository == repository
        if here and (not complete or any(_is(image, one, repository=repository) for one in stored)):
            continue
        kind = MarkKind.MISSING if here else MarkKind.FOREIGN
        has = reference(image) if here else str(image)
        yield Mark(kind=kind, environment=name, has=has, runs=image in running)
    others = sorted(str(image.tag or image) for image in running if image != usage.asked)
    if usage.asked is not None and others:
        wants = reference(usage.asked)
        yield Mark(kind=MarkKind.DRIFT, environment=name, has=", ".join(others), wants=wants)


def _moved(usage: Usage, stored: list[StoredImage], *, repository: str, now: datetime) -> Mark | None:
    """Whether the environment's own name means another image than the one that Git asks for there."""
    place = usage.environment
    named = next((image for image in stored if place.name in image.tags), None)
    if not place.pipeline or usage.asked is None or named is None:
        return None
    there = any(_is(usage.asked, image, repository=repository) for image in stored)
    if not there or _is(usage.asked, named, repository=repository):
        return None
    if named.at is not None and now - named.at < UNDER_WAY:
        return None
    return Mark(kind=MarkKind.MOVED, environment=place.name, has=_called(named), wants=reference(usage.asked))


def _is(image: Image, stored: StoredImage, *, repository: str) -> bool:
    """Whether this is the stored image. A node that is given a digest looks at nothing else."""
    if image.repository != repository:
        return False
    return image.digest == stored.digest if image.digest else reference(image) in stored.tags


def _called(image: StoredImage) -> str:
    """The tag of the pipeline, or the digest of an image that has none."""
    return image.name if images.built_at(image.name) else image.digest
