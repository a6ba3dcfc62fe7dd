"""Taking commits back as `git revert` does, through GitHub's Git data API.

There is no such call, so the commits are made from objects: the tree of the tip with the old blobs in the places that
the commit changed, a commit for each reverted one, and the branch moved to the last in one step that GitHub refuses if
somebody else moved it. Nothing shows before that step, so all of it happens or none.

A place is put back only if it still is what the commit made of it; whole files are compared, never merged. Anything
else is a conflict, which names the file and the commit that changed it since.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.adapters.github import GitHub, GithubError
from bot.adapters.github_requests import Rejected, Unanswered, read, write
from bot.adapters.github_writes import (
    CONFLICT,
    NOT_FOUND,
    UNPROCESSABLE,
    Failed,
    Raced,
    Written,
    commits_of,
    revision_in,
    settle,
    tip_of,
)
from bot.domain import commits, images
from bot.domain.commits import Signature
from bot.domain.reasons import Reason, Refused

MOST = 10
"""How many commits are reverted at once."""
_FILE = "blob"
_DIRECTORY = "tree"
_SHORT = 7
_PATH_LENGTH = 200
_Entry = tuple[str, str, str]
"""What stands at a path: mode, type, name of the object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A commit to be reverted: what it made of each place it changed, and what was there before (None: nothing)."""

    revision: str
    subject: str
    made: dict[str, _Entry | None]
    before: dict[str, _Entry | None]


async def revert(github: GitHub, *, branch: str, revisions: Sequence[str], signature: Signature) -> tuple[Written, ...]:
    """Revert the commits, the newest first, by one commit each; returns these, oldest first. Once for an operation.

    The revisions are full ones, in any order, at most ten. Raises Refused: CANNOT_REVERT (a merge, a first commit, too
    many), REVERT_CONFLICT (the detail names the file and the later commit), ALREADY_REVERTED, NOT_ON_BRANCH or
    REVISION_UNKNOWN; and GithubError, Limited and Unanswered as `change_file` does.
    """
    wanted = list(dict.fromkeys(revisions))
    if not wanted or len(wanted) > MOST or not all(map(images.is_revision, wanted)):
        raise Refused(Reason.CANNOT_REVERT, f"Name one to {MOST} whole revisions.")

    async def look() -> tuple[Written, ...] | None:
        return await find_reverted(github, branch=branch, operation=signature.operation)

    async def attempt() -> tuple[Written, ...]:
        tip = await tip_of(github, branch)
        changes = await _changes(github, wanted, tip=tip)
        newest = await _read_commit(github, tip)
        root, state = revision_in(newest.get("tree")), await _files(github, newest)
        made: list[Written] = []
        for change in changes:
            restored = await _restored(github, state, change, tip=tip)
            message = commits.reverting(revision=change.revision, subject=change.subject, signature=signature)
            root, written = await _commit(
                github, restored, base=root, parent=made[-1].revision if made else tip, message=message
            )
            made.append(written)
        await _move(github, branch=branch, revision=made[-1].revision)
        return tuple(made)

    return await settle(github, branch, look=look, write=attempt)


async def find_reverted(github: GitHub, *, branch: str, operation: str) -> tuple[Written, ...] | None:
    """The operation's commits among the 100 newest of the branch, oldest first; None if there are none.

    Raises GithubError (BRANCH_MISSING, GITHUB_UNREACHABLE, ...) or Limited.
    """
    own, _ = await commits_of(github, branch=branch, operation=operation)
    return tuple(reversed(own)) or None


async def _changes(github: GitHub, revisions: Sequence[str], *, tip: str) -> list[_Change]:
    """What each commit changed; the newest first, which is the one that the tip is the fewest commits ahead of."""
    ahead = {revision: await _ahead(github, revision, tip=tip) for revision in revisions}
    return [await _change(github, revision) for revision in sorted(revisions, key=ahead.__getitem__)]


async def _ahead(github: GitHub, revision: str, *, tip: str) -> int:
    try:
        found = await read(github, "compare", f"/compare/{revision}...{tip}", per_page=1)
    except Rejected as error:
        if error.status in (NOT_FOUND, UNPROCESSABLE):
            raise Refused(Reason.REVISION_UNKNOWN) from error
        raise
    status, ahead = (found.get("status"), found.get("ahead_by")) if isinstance(found, dict) else (None, None)
    if status not in ("ahead", "identical", "behind", "diverged") or not isinstance(ahead, int):
        raise GithubError(f"not a comparison: {found!r}")
    if status in ("behind", "diverged"):
        raise Refused(Reason.NOT_ON_BRANCH)
    return ahead


async def _change(github: GitHub, revision: str) -> _Change:
    found = await _read_commit(github, revision)
    parents = found["parents"]
    if len(parents) != 1:
        what = "a merge of several branches" if parents else "the first commit"
        raise Refused(Reason.CANNOT_REVERT, f"`{revision[:_SHORT]}` is {what}.")
    parent = await _read_commit(github, revision_in(parents[0]))
    after, before = await _files(github, found), await _files(github, parent)
    paths = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    return _Change(
        revision=revision,
        subject=commits.subject_of(str(found.get("message") or "")),
        made={path: after.get(path) for path in paths},
        before={path: before.get(path) for path in paths},
    )


async def _read_commit(github: GitHub, revision: str) -> dict[str, Any]:
    found = await read(github, "git_commit", f"/git/commits/{revision}")
    if not isinstance(found, dict) or not isinstance(found.get("parents"), list):
        raise GithubError(f"not a commit: {found!r}")
    return found


async def _files(github: GitHub, commit: dict[str, Any]) -> dict[str, _Entry]:
    """What stands at every path in a commit's tree."""
    found = await read(github, "tree", f"/git/trees/{revision_in(commit.get('tree'))}", recursive=1)
    if not isinstance(found, dict) or not isinstance(found.get("tree"), list):
        raise GithubError(f"not a tree: {found!r}")
    if found.get("truncated"):
        raise Refused(Reason.CANNOT_REVERT, "The repository has more files than GitHub shows at once.")
    return {
        str(item.get("path")): (str(item.get("mode")), str(item.get("type")), str(item.get("sha")))
        for item in found["tree"]
        if isinstance(item, dict) and item.get("type") != _DIRECTORY
    }


async def _restored(github: GitHub, state: dict[str, _Entry], change: _Change, *, tip: str) -> dict[str, _Entry | None]:
    """The places to put back, which `state` then has as they were."""
    if all(state.get(path) == entry for path, entry in change.before.items()):
        raise Refused(Reason.ALREADY_REVERTED, f"It was `{change.revision[:_SHORT]}`.")
    for path, entry in change.made.items():
        if state.get(path) != entry or _in_the_way(state, path, change):
            raise await _conflict(github, path, change, tip=tip)
    for path, entry in change.before.items():
        if entry is None:
            state.pop(path, None)
        else:
            state[path] = entry
    return change.before


def _in_the_way(state: dict[str, _Entry], path: str, change: _Change) -> bool:
    """Whether a file would have to become a directory or the other way round, which would take more away with it."""
    if change.before[path] is None:
        return False
    parts = path.split("/")
    parents = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
    others = [other for other in state if other in parents or other.startswith(f"{path}/")]
    return any(other not in change.made for other in others)


async def _conflict(github: GitHub, path: str, change: _Change, *, tip: str) -> Refused:
    listed = await read(github, "commits", "/commits", sha=tip, path=path, per_page=1)
    later = revision_in(listed[0])[:_SHORT] if isinstance(listed, list) and listed else "a later commit"
    # A path is foreign text: of it only what cannot format a message is shown.
    shown = re.sub(r"[^\w./+ -]", "?", path)[:_PATH_LENGTH]
    return Refused(Reason.REVERT_CONFLICT, f"`{shown}` of `{change.revision[:_SHORT]}` was changed again by `{later}`.")


async def _commit(
    github: GitHub, restored: dict[str, _Entry | None], *, base: str, parent: str, message: str
) -> tuple[str, Written]:
    """Make the tree and the commit; nobody sees them until a branch has them."""
    entries: list[dict[str, Any]] = [
        {"path": path, "mode": "100644", "type": _FILE, "sha": None}
        if entry is None
        else dict(zip(("path", "mode", "type", "sha"), (path, *entry), strict=True))
        for path, entry in restored.items()
    ]
    root = revision_in(await _make(github, "tree", "/git/trees", {"base_tree": base, "tree": entries}))
    body = {"message": message, "tree": root, "parents": [parent]}
    commit = await _make(github, "commit", "/git/commits", body)
    return root, Written(revision=revision_in(commit), changed=True, url=str(commit.get("html_url") or ""))


async def _make(github: GitHub, what: str, path: str, body: dict[str, Any]) -> Any:
    """Make an object. One whose answer was lost is made again: it has the same name, or nobody knows its name."""
    try:
        return await write(github, f"make_{what}", "POST", path, body)
    except Unanswered as error:
        raise Failed(error.log) from error


async def _move(github: GitHub, *, branch: str, revision: str) -> None:
    body = {"sha": revision, "force": False}
    try:
        await write(github, "move_branch", "PATCH", f"/git/refs/heads/{quote(branch)}", body)
    except Rejected as error:
        if error.reason is Reason.BRANCH_PROTECTED:
            raise
        if error.status == CONFLICT or "fast forward" in error.message:
            raise Raced(error.log) from error
        if "does not exist" in error.message:
            raise GithubError(error.log, reason=Reason.BRANCH_MISSING) from error
        raise
