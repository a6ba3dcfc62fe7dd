"""References are taken apart as container runtimes do, and only pipeline tags name a commit."""

from datetime import UTC, datetime

import pytest

from bot.domain import images
from bot.domain.images import Image

DIGEST = "sha256:" + "0123456789abcdef" * 4
SOURCE = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
NO_PIPELINE_TAGS = [
    None,
    "",
    "latest",
    "prod",
    "a1b2c3d",
    "a1b2c3d-20260105",
    "a1b2c3-20260105-143022",
    "A1B2C3D-20260105-143022",
    "g1b2c3d-20260105-143022",
    "a1b2c3d-20260105-1430220",
    "va1b2c3d-20260105-143022",
    "a1b2c3d-20260105-143022-rc1",
    "a1b2c3d-20260105-143022\n",
    "a1b2c3d-２０２６０１０５-143022",  # noqa: RUF001 - digits, but not the pipeline's
    "a" * 41 + "-20260105-143022",
]


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("nginx", Image(repository="nginx")),
        ("nginx:1.27", Image(repository="nginx", tag="1.27")),
        ("library/nginx:1.27", Image(repository="library/nginx", tag="1.27")),
        ("localhost:5000/api", Image(repository="localhost:5000/api")),
        ("localhost:5000/team/api:v1", Image(repository="localhost:5000/team/api", tag="v1")),
        (f"registry/api@{DIGEST}", Image(repository="registry/api", digest=DIGEST)),
        (f"registry:443/api:v1@{DIGEST}", Image(repository="registry:443/api", tag="v1", digest=DIGEST)),
    ],
)
def test_a_reference_has_a_repository_a_tag_and_a_digest(reference: str, expected: Image) -> None:
    assert images.parse(reference) == expected
    assert str(expected) == reference


@pytest.mark.parametrize("digest", ["", "sha256:abc", "md5:" + "0" * 32, DIGEST + "0", DIGEST.upper()])
def test_a_digest_that_is_no_sha256_is_left_out(digest: str) -> None:
    assert images.parse(f"registry/api:v1@{digest}") == Image(repository="registry/api", tag="v1")


@pytest.mark.parametrize("reference", ["", ":", "/", "@", "api:", "::"])
def test_nonsense_is_taken_apart_without_complaint(reference: str) -> None:
    assert images.parse(reference).digest is None


@pytest.mark.parametrize("revision", [SOURCE[:7], SOURCE[:12], SOURCE])
def test_a_pipeline_tag_names_the_commit_and_the_moment(revision: str) -> None:
    tag = f"{revision}-20260105-143022"

    assert images.short_revision(tag) == revision
    assert images.built_at(tag) == datetime(2026, 1, 5, 14, 30, 22, tzinfo=UTC)
    assert images.built_from(tag, source_revision=SOURCE)


def test_without_a_tag_an_image_is_told_by_the_beginning_of_its_digest() -> None:
    digest = f"sha256:{'c' * 64}"
    tagged, pinned = Image(repository="r", tag="v1", digest=digest), Image(repository="r", digest=digest)
    assert [one.version for one in (tagged, pinned, Image(repository="r"))] == ["v1", "sha256:cccccccccccc", ""]


@pytest.mark.parametrize("tag", NO_PIPELINE_TAGS)
def test_any_other_tag_names_neither(tag: str | None) -> None:
    assert images.short_revision(tag) is None
    assert images.built_at(tag) is None
    assert not images.built_from(tag, source_revision=SOURCE)


def test_a_tag_of_another_commit_was_not_built_from_this_one() -> None:
    assert not images.built_from("a1b2c3e-20260105-143022", source_revision=SOURCE)


@pytest.mark.parametrize("moment", ["20260230-143022", "20260105-250000", "20260105-143060", "00000105-143022"])
def test_an_impossible_moment_is_none_and_the_commit_still_counts(moment: str) -> None:
    tag = f"a1b2c3d-{moment}"

    assert images.built_at(tag) is None
    assert images.built_from(tag, source_revision=SOURCE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(SOURCE, True), (SOURCE[:39], False), (SOURCE + "0", False), (SOURCE.upper(), False), ("main", False)],
)
def test_a_revision_is_forty_lower_case_hexadecimal_digits(text: str, expected: bool) -> None:
    assert images.is_revision(text) is expected
