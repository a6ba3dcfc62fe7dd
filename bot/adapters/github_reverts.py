"""Taking commits back as `git revert` does, through GitHub's Git data API.

There is no such call, so the commits are made from objects: the tree of the tip with the old blobs in the places that
the commit changed, a commit for each reverted one, and the branch moved to the last in one step that GitHub refuses if
somebody else moved it. Nothing shows before that step, so all of it happens or none.

A place that still is what the commit made of it is put back as it was. A text that was changed since is merged by lines
(see `merging`): its later changes stay. Anything else is a conflict, which names the file and the commit that changed
it since.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_objects import Entry, blob_name, make_blob, make_commit, read_commit, read_text, read_tree
from bot.adapters.github_requests import Rejected, read, write
from bot.adapters.github_writes import (
    CONFLICT,
    NOT_FOUND,
    UNPROCESSABLE,
    Raced,
    Written,
    commits_of,
    revision_in,
    settle,
    tip_of,
)
from bot.adapters.merging import merge
from bot.domain import commits, images
from bot.domain.commits import Signature
from bot.domain.reasons import Reason, Refused

MOST = 10
"""How many commits are reverted at once."""
MOST_TEXTS = 150
"""How many texts are read to merge files, and to check or show what would change."""
Check = Callable[[str, str, str], None]
"""Takes a path and its text before and after, `""` where there is no file; raises Refused for what may not be."""
_SHORT = 7
_PATH_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """A commit to be reverted: what it made of each place it changed, and what was there before (None: nothing)."""

    revision: str
    subject: str
    made: dict[str, Entry | None]
    before: dict[str, Entry | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What would be written on the tip: the places to change for each commit, `after` all of them what stands where.

    `texts` are those that were read or merged; GitHub does not have the `merged` ones, which are by the names of their
    blobs.
    """

    tip: str
    root: str
    before: dict[str, Entry]
    after: dict[str, Entry]
    steps: list[tuple[_Change, dict[str, Entry | None]]] = field(default_factory=list)
    texts: dict[Entry, str | None] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)


async def revert(
    github: GitHub, *, branch: str, revisions: Sequence[str], signature: Signature, check: Check | None = None
) -> tuple[Written, ...]:
    """Revert the commits, the newest first, by one commit each; returns these, oldest first. Once for an operation.

    The revisions are full ones, in any order, at most ten. `check` is called for each file that is not in the end as it
    was at the tip, before anything is written; it may be called three times, and with it the files must be texts.
    Raises Refused: CANNOT_REVERT (a merge, a first commit, too many, no text), REVERT_CONFLICT (the detail names the
    file and the later commit), ALREADY_REVERTED, NOT_ON_BRANCH, REVISION_UNKNOWN, and what `check` raises; and
    GithubError, Limited and Unanswered as `change_file` does.
    """
    wanted = _wanted(revisions)

    async def look() -> tuple[Written, ...] | None:
        return await find_reverted(github, branch=branch, operation=signature.operation)

    async def attempt() -> tuple[Written, ...]:
        plan = await _planned(github, branch, wanted)
        if check is not None:
            for path, (before, after) in (await _texts(github, plan)).items():
                check(path, before, after)
        return await _carry_out(github, plan, branch=branch, signature=signature)

    return await settle(github, branch, look=look, write=attempt)


async def preview(github: GitHub, *, branch: str, revisions: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What `revert` would change: each path with its text at the tip and after, `""` where there is no file.

    Writes nothing. Raises Refused and GithubError as `revert` with a `check` does.
    """
    return await _texts(github, await _planned(github, branch, _wanted(revisions)))


async def find_reverted(github: GitHub, *, branch: str, operation: str) -> tuple[Written, ...] | None:
    """The operation's commits among the 100 newest of the branch, oldest first; None if there are none.

    Raises GithubError (BRANCH_MISSING, GITHUB_UNREACHABLE, ...) or Limited.
    """
    own, _ = await commits_of(github, branch=branch, operation=operation)
    return tuple(reversed(own)) or None


def _wanted(revisions: Sequence[str]) -> list[str]:
    wanted = list(dict.fromkeys(revisions))
    if not wanted or len(wanted) > MOST or not all(map(images.is_revision, wanted)):
        raise Refused(Reason.CANNOT_REVERT, f"Name one to {MOST} whole revisions.")
    return wanted


async def _planned(github: GitHub, branch: str, revisions: Sequence[str]) -> _Plan:
    tip = await tip_of(github, branch)
    changes = await _changes(github, revisions, tip=tip)
    newest = await read_commit(github, tip)
    files = await read_tree(github, newest)
    plan = _Plan(tip=tip, root=revision_in(newest.get("tree")), before=files, after=dict(files))
    for change in changes:
        plan.steps.append((change, await _restore(github, plan, change)))
    return plan


async def _carry_out(github: GitHub, plan: _Plan, *, branch: str, signature: Signature) -> tuple[Written, ...]:
    made: list[Written] = []
    root = plan.root
    for text in plan.merged.values():
        await make_blob(github, text)
    for change, places in plan.steps:
        message = commits.reverting(revision=change.revision, subject=change.subject, signature=signature)
        parent = made[-1].revision if made else plan.tip
        root, written = await make_commit(github, places, base=root, parent=parent, message=message)
        made.append(written)
    await _move(github, branch=branch, revision=made[-1].revision)
    return tuple(made)


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
    found = await read_commit(github, revision)
    parents = found["parents"]
    if len(parents) != 1:
        what = "a merge of several branches" if parents else "the first commit"
        raise Refused(Reason.CANNOT_REVERT, f"`{revision[:_SHORT]}` is {what}.")
    parent = await read_commit(github, revision_in(parents[0]))
    after, before = await read_tree(github, found), await read_tree(github, parent)
    paths = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    return _Change(
        revision=revision,
        subject=commits.subject_of(str(found.get("message") or "")),
        made={path: after.get(path) for path in paths},
        before={path: before.get(path) for path in paths},
    )


async def _restore(github: GitHub, plan: _Plan, change: _Change) -> dict[str, Entry | None]:
    """The places to change so that the commit is taken back, which `plan.after` then has as they will be."""
    places: dict[str, Entry | None] = {}
    for path, made in change.made.items():
        now, then = plan.after.get(path), change.before[path]
        if now == made and _in_the_way(plan.after, path, change):
            raise await _conflict(github, path, change, tip=plan.tip)
        if now not in (made, then):
            then = await _merged(github, plan, base=made, ours=now, theirs=then)
            if then is None:
                raise await _conflict(github, path, change, tip=plan.tip)
        if now != then:
            places[path] = then
    if not places:
        raise Refused(Reason.ALREADY_REVERTED, f"It was `{change.revision[:_SHORT]}`.")
    for path, entry in places.items():
        if entry is None:
            plan.after.pop(path, None)
        else:
            plan.after[path] = entry
    return places


def _in_the_way(files: Mapping[str, Entry], path: str, change: _Change) -> bool:
    """Whether a file would have to become a directory or the other way round, which would take more away with it."""
    if change.before[path] is None:
        return False
    parts = path.split("/")
    parents = {"/".join(parts[:depth]) for depth in range(1, len(parts))}
    others = [other for other in files if other in parents or other.startswith(f"{path}/")]
    return any(other not in change.made for other in others)


async def _merged(
    github: GitHub, plan: _Plan, *, base: Entry | None, ours: Entry | None, theirs: Entry | None
) -> Entry | None:
    """What a place becomes that was changed since; None for a conflict: but for texts of one mode, always."""
    if base is None or ours is None or theirs is None or not base.mode == ours.mode == theirs.mode:
        return None
    texts = [await _text(github, plan, entry) for entry in (base, ours, theirs)]
    known = [text for text in texts if text is not None]
    if len(known) != len(texts):
        return None
    text = await asyncio.to_thread(merge, *known)
    if text is None:
        return None
    merged = replace(ours, sha=blob_name(text.encode()))
    if merged != ours:
        plan.texts[merged] = plan.merged[merged.sha] = text
    return merged


async def _text(github: GitHub, plan: _Plan, entry: Entry) -> str | None:
    if entry not in plan.texts:
        if len(plan.texts) >= MOST_TEXTS:
            raise Refused(Reason.CANNOT_REVERT, f"More than {MOST_TEXTS} texts would have to be compared.")
        plan.texts[entry] = await read_text(github, entry)
    return plan.texts[entry]


async def _texts(github: GitHub, plan: _Plan) -> dict[str, tuple[str, str]]:
    """The texts of each place that is not in the end as it was, before and after."""
    changed = {
        path: (plan.before.get(path), plan.after.get(path))
        for path in sorted({path for _, places in plan.steps for path in places})
        if plan.before.get(path) != plan.after.get(path)
    }
    found = {}
    for path, entries in changed.items():
        texts = ["" if entry is None else await _text(github, plan, entry) for entry in entries]
        modes = {entry.mode for entry in entries if entry is not None}
        before, after = texts
        if before is None or after is None or len(modes) > 1:
            raise Refused(Reason.CANNOT_REVERT, f"At `{_shown(path)}` more than a text would change.")
        found[path] = (before, after)
    return found


async def _conflict(github: GitHub, path: str, change: _Change, *, tip: str) -> Refused:
    listed = await read(github, "commits", "/commits", sha=tip, path=path, per_page=1)
    later = revision_in(listed[0])[:_SHORT] if isinstance(listed, list) and listed else "a later commit"
    detail = f"`{_shown(path)}` of `{change.revision[:_SHORT]}` was changed again by `{later}`."
    return Refused(Reason.REVERT_CONFLICT, detail)


def _shown(path: str) -> str:
    """A path is foreign text: of it only what cannot format a message is shown."""
    return re.sub(r"[^\w./+ -]", "?", path)[:_PATH_LENGTH]


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
