"""What came of building an overlay at one commit and holding it against the schemas of Kubernetes.

Values only. Names, paths and messages come from files that strangers wrote: whoever shows them escapes them. Values of
fields are in none of them, so nothing here can be the value of a Secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: where it is written, counted from 1, as far as that could be found.

    `subject` is the object that it concerns and `place` what in it, both '' where it concerns none.
    """

    text: str
    file: str = ""
    line: int = 0
    subject: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was found in the files of an overlay.

    `kinds` counts the objects that were built, none when it could not be built; `unchecked` counts those of kinds that
    have no schema, named with their API version. `images` are those of all containers. `total` counts the problems, of
    which so many as are worth reading are listed. `kubernetes` is the version of the schemas.
    """

    problems: tuple[Problem, ...] = ()
    total: int = 0
    kinds: Mapping[str, int] = field(default_factory=dict)
    unchecked: Mapping[str, int] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    kubernetes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """The same for an environment at a full revision; `subject` is the first line of the commit's message."""

    revision: str
    subject: str
    files: int
    seconds: float
    checked: Checked
