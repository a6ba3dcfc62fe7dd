"""Git's objects on GitHub, one by one: what stands in a commit's tree, the text of a file, and new ones of each kind.

Nobody sees a new object before a branch has it.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_requests import Unanswered, read, write
from bot.adapters.github_writes import Failed, Written, revision_in
from bot.domain.reasons import Reason, Refused

LONGEST = 1024 * 1024
"""How many bytes of a file are read as a text."""
_FILE = "blob"
_DIRECTORY = "tree"
_FILE_MODES = ("100644", "100755")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What stands at a path: mode, type and name of the object, and its bytes as far as the tree says it."""

    mode: str
    kind: str
    sha: str
    size: int = field(default=0, compare=False)

    @property
    def is_file(self) -> bool:
        """Whether it is a file, and not a link or another repository."""
        return self.kind == _FILE and self.mode in _FILE_MODES


def blob_name(content: bytes) -> str:
    """The name that Git gives to the content of a file."""
    return hashlib.sha1(b"blob %d\0%s" % (len(content), content), usedforsecurity=False).hexdigest()


async def read_commit(github: GitHub, revision: str) -> dict[str, Any]:
    """The commit as Git knows it, with a list of `parents`. Raises GithubError."""
    found = await read(github, "git_commit", f"/git/commits/{revision}")
    if not isinstance(found, dict) or not isinstance(found.get("parents"), list):
        raise GithubError(f"not a commit: {found!r}")
    return found


async def read_tree(github: GitHub, commit: dict[str, Any]) -> dict[str, Entry]:
    """What stands at every path in a commit's tree. Raises GithubError, and Refused (CANNOT_REVERT) for too many."""
    found = await read(github, "tree", f"/git/trees/{revision_in(commit.get('tree'))}", recursive=1)
    if not isinstance(found, dict) or not isinstance(found.get("tree"), list):
        raise GithubError(f"not a tree: {found!r}")
    if found.get("truncated"):
        raise Refused(Reason.CANNOT_REVERT, "The repository has more files than GitHub shows at once.")
    return {
        str(item.get("path")): _entry(item)
        for item in found["tree"]
        if isinstance(item, dict) and item.get("type") != _DIRECTORY
    }


async def read_blob(github: GitHub, sha: str) -> bytes:
    """The content of a file by its name, against which it is checked. Raises GithubError."""
    found = await read(github, "blob", f"/git/blobs/{quote(sha)}")
    try:
        content = base64.b64decode(found["content"]) if found["encoding"] == "base64" else None
    except (binascii.Error, KeyError, TypeError, ValueError) as error:
        raise GithubError(f"not a blob: {error!r}") from error
    if content is None or blob_name(content) != sha:
        raise GithubError("the content is not that of its blob")
    return content


async def read_text(github: GitHub, entry: Entry) -> str | None:
    """The text of a file, every line end as it is. Raises GithubError.

    None for what is no text: not UTF-8, with a NUL, longer than a megabyte, or not a file at all.
    """
    if not entry.is_file or entry.size > LONGEST:
        return None
    content = await read_blob(github, entry.sha)
    if len(content) > LONGEST or b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None


async def make_blob(github: GitHub, text: str) -> None:
    """Make the content of a file. Raises Failed, Rejected, Limited, and GithubError if it got another name."""
    content = text.encode()
    body = {"content": base64.b64encode(content).decode(), "encoding": "base64"}
    if revision_in(await _make(github, "blob", body)) != blob_name(content):
        raise GithubError("the new blob is not that of its content")


async def make_commit(
    github: GitHub, places: Mapping[str, Entry | None], *, base: str, parent: str, message: str
) -> tuple[str, Written]:
    """Make a tree, which is the base with these places changed (None: nothing there), and a commit of it on the parent.

    Returns the name of the tree, and the commit. Raises Failed, Rejected, Limited or GithubError.
    """
    entries: list[dict[str, Any]] = [
        {"path": path, "mode": _FILE_MODES[0], "type": _FILE, "sha": None}
        if entry is None
        else {"path": path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha}
        for path, entry in places.items()
    ]
    root = revision_in(await _make(github, "tree", {"base_tree": base, "tree": entries}))
    commit = await _make(github, "commit", {"message": message, "tree": root, "parents": [parent]})
    return root, Written(revision=revision_in(commit), changed=True, url=str(commit.get("html_url") or ""))


async def _make(github: GitHub, what: str, body: dict[str, Any]) -> Any:
    """Make an object. One whose answer was lost is made again: it has the same name, or nobody knows its name."""
    try:
        return await write(github, f"make_{what}", "POST", f"/git/{what}s", body)
    except Unanswered as error:
        raise Failed(error.log) from error


def _entry(item: dict[str, Any]) -> Entry:
    size = item.get("size")
    return Entry(
        mode=str(item.get("mode")),
        kind=str(item.get("type")),
        sha=str(item.get("sha")),
        size=size if isinstance(size, int) else 0,
    )
