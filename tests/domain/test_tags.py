"""Registry, Git and pods are joined by image, and each kind of disagreement is marked once."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.domain import images, tags
from bot.domain.images import Image
from bot.domain.tags import Mark, MarkKind, Names, Row, StoredImage, Usage
from tests.cards import places

CATALOG = places.catalog()
REPOSITORY = CATALOG.image_of("backend")
OLD, MIDDLE, NEW = "9f8e7d6-20260104-091500", "b2c3d4e-20260105-143125", "c0ffee1-20260105-150210"
AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 31, tzinfo=UTC)


def stored(*names: str, digest: str = "", pushed_at: datetime | None = None) -> StoredImage:
    """An image with these tags; its digest is made of the first one unless said otherwise."""
    known = digest or "sha256:" + names[0].encode().hex().ljust(64, "0")[:64]
    return StoredImage(digest=known, tags=frozenset(names), pushed_at=pushed_at)


def image(tag: str | None, *, repository: str = REPOSITORY, digest: str | None = None) -> Image:
    return Image(repository=repository, tag=tag, digest=digest)


def usage(name: str, asked: str | None, *running: str, known: bool = True) -> Usage:
    """What an environment asks for and runs, by tags."""
    return Usage(
        environment=CATALOG.environments[name],
        asked=image(asked) if asked else None,
        running=frozenset(map(image, running)) if known else None,
    )


def marks(found: list[StoredImage], *usages: Usage, complete: bool = True) -> tuple[Mark, ...]:
    return tags.marks(found, usages, repository=REPOSITORY, complete=complete, now=NOW)


def test_rows_are_images_newest_first_with_who_uses_them() -> None:
    old, new = stored(OLD), stored(NEW, "latest", "prod")
    young = stored("hotfix", pushed_at=AT)
    found = tags.rows(
        [young, old, stored("untimed"), new],
        [usage("prod", NEW, OLD, NEW), usage("staging", OLD, OLD), usage("dev", OLD, known=False)],
        repository=REPOSITORY,
    )
    assert found == (
        Row(image=new, asked_in=("prod",), runs_in=("prod",)),
        Row(image=old, asked_in=("staging", "dev"), runs_in=("prod", "staging")),
        Row(image=young, asked_in=(), runs_in=()),
        Row(image=stored("untimed"), asked_in=(), runs_in=()),
    )
    assert [row.used for row in found] == [True, True, False, False]


def test_an_image_is_called_by_its_newest_pipeline_tag() -> None:
    assert stored("latest", "zebra", OLD, MIDDLE).name == MIDDLE
    assert stored("latest", "prod").name == "prod"
    assert stored("latest").name == "latest"
    assert StoredImage(digest="sha256:" + "0" * 64, tags=frozenset()).name == ""
    assert stored(OLD, pushed_at=AT).at == images.built_at(OLD)
    assert stored("hotfix", pushed_at=AT).at == AT
    assert stored("hotfix").at is None


def test_names_are_sorted_by_build_then_push_and_the_timeless_last() -> None:
    pushed = {"a": None, OLD: AT, "b": None, NEW: None, "hotfix": AT + timedelta(days=400)}
    names = tags.named(pushed, complete=True)
    assert names == Names(pushed=pushed, complete=True)
    assert [*names.pushed] == ["hotfix", NEW, OLD, "b", "a"]


def test_agreement_has_no_marks() -> None:
    found = [stored(OLD, "staging"), stored(NEW, "latest", "prod")]
    assert marks(found, usage("prod", NEW, NEW), usage("staging", OLD, OLD)) == ()
    assert tags.latest_moved(found) is None


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (
            usage("prod", NEW, OLD),
            [Mark(kind=MarkKind.DRIFT, environment="prod", has=OLD, wants=NEW)],
        ),
        (
            usage("prod", NEW, NEW, OLD),
            [Mark(kind=MarkKind.DRIFT, environment="prod", has=OLD, wants=NEW)],
        ),
        (usage("prod", NEW), []),  # scaled to zero: nothing runs that could be wrong
        (usage("prod", NEW, known=False), []),
        (usage("prod", None, OLD), []),
        (
            usage("prod", MIDDLE, MIDDLE),
            [Mark(kind=MarkKind.MISSING, environment="prod", has=MIDDLE, runs=True)],
        ),
        (
            usage("prod", MIDDLE, known=False),
            [Mark(kind=MarkKind.MISSING, environment="prod", has=MIDDLE)],
        ),
        (
            usage("prod", OLD, OLD),
            [Mark(kind=MarkKind.MOVED, environment="prod", has=NEW, wants=OLD)],
        ),
        (usage("dev", OLD, OLD), []),
    ],
    ids=["drift", "rolling", "zero", "unknown pods", "unknown Git", "missing", "missing asked", "rolled back", "dev"],
)
def test_each_disagreement_is_marked(place: Usage, expected: list[Mark]) -> None:
    found = [stored(OLD), stored(NEW, "latest", "prod")]
    assert marks(found, place) == tuple(expected)


def test_the_worst_mark_is_first() -> None:
    foreign = Usage(
        environment=CATALOG.environments["staging"],
        asked=image("1.27", repository="nginx"),
        running=frozenset({image("1.27", repository="nginx")}),
    )
    found = [stored(OLD), stored(NEW, "prod")]
    assert [mark.kind for mark in marks(found, usage("prod", OLD, MIDDLE), foreign)] == [
        MarkKind.MISSING,
        MarkKind.FOREIGN,
        MarkKind.DRIFT,
        MarkKind.MOVED,
    ]
    assert marks(found, foreign) == (Mark(kind=MarkKind.FOREIGN, environment="staging", has="nginx:1.27", runs=True),)


def test_nothing_is_called_missing_when_not_all_was_read() -> None:
    assert marks([stored(NEW)], usage("prod", OLD, OLD), complete=False) == ()


def test_a_digest_decides_where_there_is_one() -> None:
    kept = stored(OLD)
    pinned = Usage(
        environment=CATALOG.environments["dev"],
        asked=image("gone", digest=kept.digest),
        running=frozenset({image("gone", digest=kept.digest)}),
    )
    assert marks([kept], pinned) == ()
    other = image(OLD, digest="sha256:" + "f" * 64)
    lost = Usage(environment=CATALOG.environments["dev"], asked=other, running=frozenset({other}))
    assert [mark.kind for mark in marks([kept], lost)] == [MarkKind.MISSING]


@pytest.mark.parametrize(("minutes", "marked"), [(0, False), (9, False), (10, True)])
def test_a_name_that_is_ahead_of_git_for_a_moment_was_moved_by_a_run(minutes: int, marked: bool) -> None:
    built = images.built_at(NEW)
    assert built is not None
    found = tags.marks(
        [stored(OLD), stored(NEW, "latest", "prod")],
        [usage("prod", OLD, OLD)],
        repository=REPOSITORY,
        complete=True,
        now=built + timedelta(minutes=minutes),
    )
    assert bool(found) is marked


def test_latest_that_is_not_the_newest_is_marked() -> None:
    assert tags.latest_moved([stored(OLD, "latest"), stored(NEW)]) == Mark(
        kind=MarkKind.MOVED, environment=None, has=OLD, wants=NEW
    )
    by_hand = stored("latest", digest="sha256:" + "e" * 64)
    assert tags.latest_moved([by_hand, stored(NEW)]) == Mark(
        kind=MarkKind.MOVED, environment=None, has=by_hand.digest, wants=NEW
    )
    assert tags.latest_moved([stored(NEW)]) is None
    assert tags.latest_moved([stored("latest", "v1")]) is None
