"""What `git merge` makes of two changes of one state: of trees path by path, of files line by line."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

from sandbox import git_objects
from sandbox.git import Commit, Git
from sandbox.git_objects import LINK, MODULE, Entry


class Conflict(Exception):
    """Both changed the same place; the text is the path."""


class _Hunk(NamedTuple):
    """These lines of the old text, the last one excluded, gave way to others."""

    begin: int
    end: int
    lines: Sequence[str]


def merge_trees(git: Git, *, base: Commit, ours: Commit, theirs: Commit) -> str:
    """The name of our tree with what they changed since the base in it. Raises Conflict."""
    old, mine, other = (git.trees.files(commit.tree_sha) for commit in (base, ours, theirs))
    changes: dict[str, Entry | None] = {}
    for path in git.trees.changes(base.tree_sha, theirs.tree_sha):
        was, here, there = old.get(path), mine.get(path), other.get(path)
        if here == was:
            changes[path] = there
        elif here != there:
            changes[path] = _merge_files(git, path, was, here, there)
    return git.trees.edit(ours.tree_sha, changes)


def merge_texts(base: str, ours: str, theirs: str) -> str | None:
    """Our text with what they changed since the base; None if both changed the same lines, or lines that touch."""
    old = base.splitlines(keepends=True)
    left, right = _hunks(old, ours), _hunks(old, theirs)
    made: list[str] = []
    at = 0
    while left or right:
        if left and right and left[0] == right[0]:
            hunk = left.pop(0)
            right.pop(0)
        elif not right or (left and left[0].end < right[0].begin):
            hunk = left.pop(0)
        elif not left or right[0].end < left[0].begin:
            hunk = right.pop(0)
        else:
            return None
        made += [*old[at : hunk.begin], *hunk.lines]
        at = hunk.end
    return "".join([*made, *old[at:]])


def _merge_files(git: Git, path: str, was: Entry | None, here: Entry | None, there: Entry | None) -> Entry:
    if not was or not here or not there or not was.mode == here.mode == there.mode or was.mode in (LINK, MODULE):
        raise Conflict(path)
    texts = (git_objects.text(git.objects.read(entry.sha, "blob")) for entry in (was, here, there))
    merged = merge_texts(*texts)
    if merged is None:
        raise Conflict(path)
    return Entry(was.mode, git.write_file(git_objects.content(merged)))


def _hunks(old: list[str], changed: str) -> list[_Hunk]:
    new = changed.splitlines(keepends=True)
    found = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [_Hunk(begin, end, new[first:last]) for kind, begin, end, first, last in found if kind != "equal"]
