"""What there is at a commit, without a clone."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_requests import read
from bot.domain.reasons import Reason

DIRECTORY = "040000"
LINK = "120000"
SUBMODULE = "160000"
_FILE = "100"
"""How the mode of every file begins, whatever its permissions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands at a path: its mode as Git writes it, its name as an object, and the bytes of a file."""

    mode: str
    sha: str
    size: int = 0


async def tree(github: GitHub, revision: str) -> dict[str, Entry]:
    """Everything at a full revision, by its path, `""` being the whole.

    Raises GithubError, with OVERLAY_TOO_BIG when there is more than GitHub shows at once (100,000 entries, 7 MB).
    """
    found = await read(github, "tree", f"/git/trees/{quote(revision)}", recursive=1)
    if not isinstance(found, dict) or not isinstance(found.get("tree"), list):
        raise GithubError(f"not a tree: {found!r}")
    if found.get("truncated"):
        raise GithubError("the tree is cut", reason=Reason.OVERLAY_TOO_BIG)
    return {"": Entry(mode=DIRECTORY, sha=revision)} | dict(pair for item in found["tree"] for pair in _entry(item))


def _entry(item: Any) -> list[tuple[str, Entry]]:
    """The entry, or nothing for one that could leave the directory it is written to."""
    path, mode = (str(item.get("path")), str(item.get("mode"))) if isinstance(item, dict) else ("", "")
    if not (mode.startswith(_FILE) or mode in (DIRECTORY, LINK, SUBMODULE)):
        return []
    if "\0" in path or any(part in ("", ".", "..", ".git") for part in path.split("/")):
        return []
    size = item.get("size")
    return [(path, Entry(mode=mode, sha=str(item.get("sha")), size=size if isinstance(size, int) else 0))]
