"""What lies between two builds of a service: commits, and the pull requests that brought them.

Values only, as GitHub told them at one moment. All text in them is foreign: whoever shows it escapes it.
"""

from dataclasses import dataclass, field

from bot.domain.people import People


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request; the title and the author are '' where nothing told them."""

    number: int
    title: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One commit: the first line of its message, cut, and its author's login or else name.

    `pull` is the pull request that brought it, as far as that is known. `touches` says whether it changes the service's
    directory, None when nobody told. `people` are all who wrote it.
    """

    revision: str
    subject: str
    author: str
    url: str
    pull: Pull | None = None
    touches: bool | None = None
    people: People = field(default_factory=People)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one of two commits has and the other has not: `total` commits, of which the newest are listed, newest first.

    `files` counts the files that differ in the service's directory; with `files_cut` there may be more.
    """

    total: int = 0
    commits: tuple[Commit, ...] = ()
    files: int = 0
    files_cut: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Going from `base` to `head`, both full revisions: what comes in, and what goes out.

    `named_only` says that commits may belong to pull requests that they do not name and nobody asked about.
    """

    base: str
    head: str
    gained: Side
    lost: Side
    named_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One end of a comparison: a tag, and the environment that runs it, if one was named."""

    tag: str
    environment: str | None = None

    @property
    def name(self) -> str:
        """What it was called."""
        return self.environment or self.tag
