"""The tag grammar: how an image says which commit it was built from.

The pipeline tags every image `<short-sha>-<YYYYMMDD>-<HHMMSS>` (`a1b2c3d-20260105-143022`). That tag is the only
link between the source revision (the commit that was built) and the synced revision (the manifest commit that asks
for the tag), so everything that joins the two goes through this module.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

DIGITS = 12
"""How much of a digest people are shown."""
_TAG = re.compile(r"(?P<revision>[0-9a-f]{7,40})-(?P<moment>[0-9]{8}-[0-9]{6})")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image reference: `repository[:tag][@digest]`."""

    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def version(self) -> str:
        """What people tell it by: its tag, else the beginning of its digest, else ''."""
        return self.tag or (self.digest or "")[: len("sha256:") + DIGITS]

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.repository}{tag}{digest}"


def parse(reference: str) -> Image:
    """Take a reference apart as container runtimes do: a colon after the last slash starts the tag.

    A port in the registry host is not a tag; anything after `@` is the digest, kept only when it is a sha256.
    """
    name, _, digest = reference.partition("@")
    head, slash, tail = name.rpartition("/")
    leaf, _, tag = tail.partition(":")
    return Image(
        repository=f"{head}{slash}{leaf}",
        tag=tag or None,
        digest=digest if _DIGEST.fullmatch(digest) else None,
    )


def short_revision(tag: str | None) -> str | None:
    """The short source revision in a pipeline tag, or None for any other tag (`latest`, `prod`, ...)."""
    match = _TAG.fullmatch(tag or "")
    return match["revision"] if match else None


def built_at(tag: str | None) -> datetime | None:
    """When the pipeline built the image, in UTC, or None for any other tag or an impossible date."""
    match = _TAG.fullmatch(tag or "")
    if match is None:
        return None
    try:
        # By hand, since a registry has thousands of tags and strptime takes ten times as long.
        day, time = match["moment"].split("-")
        date = int(day[:4]), int(day[4:6]), int(day[6:])
        return datetime(*date, int(time[:2]), int(time[2:4]), int(time[4:]), tzinfo=UTC)
    except ValueError:
        return None


def built_from(tag: str | None, *, source_revision: str) -> bool:
    """Whether this tag names an image of that commit."""
    revision = short_revision(tag)
    return revision is not None and source_revision.startswith(revision)


def short_digest(digest: str | None) -> str:
    """The beginning of a digest, for people: twelve hexadecimal digits; '' for none."""
    return (digest or "").removeprefix("sha256:")[:DIGITS]


def is_revision(text: str) -> bool:
    """Whether the text is a full commit id: 40 lower-case hexadecimal digits."""
    return _REVISION.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    """Whether the text is a digest: `sha256:` and 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None
