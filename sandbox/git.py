"""The repository: commits, branches, and the questions that GitHub and Argo CD answer from them.

A commit holds its whole tree as path to text. That is wasteful and exact: comparing two commits is comparing two
dictionaries, and a manifest at any revision is one look-up. Names are those that Git gives to the same objects, so the
same script gives the same revisions.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sandbox import git_objects


class UnknownRevision(LookupError):
    """Nothing in the repository answers to this name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Commit:
    """One commit; `changed` maps each path it touched to `added`, `modified` or `removed`."""

    sha: str
    parents: tuple[str, ...]
    message: str
    login: str
    name: str
    email: str
    at: datetime
    tree: Mapping[str, str]
    changed: Mapping[str, str]

    @property
    def tree_sha(self) -> str:
        """The name of the tree."""
        return git_objects.tree(self.tree)

    @property
    def body(self) -> bytes:
        """The commit as Git stores it."""
        return git_objects.commit(
            tree=self.tree_sha,
            parents=self.parents,
            author=self.name,
            email=self.email,
            at=self.at,
            message=self.message,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What `git log base...head` would tell; `commits` are those of head that base lacks, oldest first."""

    base: Commit
    head: Commit
    merge_base: Commit
    ahead_by: int
    behind_by: int
    commits: tuple[Commit, ...]
    changed: Mapping[str, str]

    @property
    def status(self) -> str:
        """`identical`, `ahead`, `behind` or `diverged`, as GitHub says it of the head."""
        if not self.ahead_by and not self.behind_by:
            return "identical"
        if self.ahead_by and self.behind_by:
            return "diverged"
        return "ahead" if self.ahead_by else "behind"


def digest(text: str) -> str:
    """Forty hexadecimal digits that depend on the text alone."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Each path that differs between two trees, with `added`, `modified` or `removed`."""
    found = {}
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            found[path] = "added"
        elif path not in new:
            found[path] = "removed"
        elif old[path] != new[path]:
            found[path] = "modified"
    return found


class Git:
    """Commits and branches. Branches move by `commit`, and by `force` as after a force-push.

    `trees` are the whole trees and `blobs` the texts by their names, those included that no commit uses yet.
    """

    def __init__(self) -> None:
        self.commits: dict[str, Commit] = {}
        self.branches: dict[str, str] = {}
        self.trees: dict[str, Mapping[str, str]] = {}
        self.blobs: dict[str, str] = {}

    def commit(
        self, branch: str, files: Mapping[str, str | None], *, message: str, login: str, at: datetime, name: str = ""
    ) -> Commit:
        """Put a commit on the branch, which begins with it if it is new; a path with None is removed."""
        parent = self.commits[self.branches[branch]] if branch in self.branches else None
        tree = dict(parent.tree) if parent else {}
        for path, text in files.items():
            if text is None:
                tree.pop(path, None)
            else:
                tree[path] = text
        parents = (parent.sha,) if parent else ()
        commit = self.create(tree, parents=parents, message=message, login=login, at=at, name=name)
        self.branches[branch] = commit.sha
        return commit

    def create(
        self,
        tree: Mapping[str, str],
        *,
        parents: tuple[str, ...],
        message: str,
        login: str,
        at: datetime,
        name: str = "",
    ) -> Commit:
        """Make a commit that no branch has yet."""
        commit = Commit(
            sha="",
            parents=parents,
            message=message,
            login=login,
            name=name or login,
            email=f"{login}@users.noreply.github.com",
            at=at,
            tree=tree,
            changed=changes(self.commits[parents[0]].tree if parents else {}, tree),
        )
        self.keep(tree)
        sha = git_objects.name("commit", commit.body)
        return self.commits.setdefault(sha, replace(commit, sha=sha))

    def keep(self, tree: Mapping[str, str]) -> str:
        """Store a tree and its files; returns its name."""
        self.blobs.update((git_objects.blob(text), text) for text in tree.values())
        sha = git_objects.tree(tree)
        self.trees[sha] = tree
        return sha

    def force(self, branch: str, revision: str) -> Commit:
        """Move the branch to any commit, as a force-push does; what it held before is only reachable by its name."""
        commit = self.find(revision)
        self.branches[branch] = commit.sha
        return commit

    def head(self, branch: str) -> Commit:
        """The tip of the branch."""
        if branch not in self.branches:
            raise UnknownRevision(branch)
        return self.commits[self.branches[branch]]

    def find(self, revision: str) -> Commit:
        """The commit that a branch, `heads/x`, `refs/heads/x`, `HEAD`, a full or a shortened revision (7+) means."""
        name = revision.removeprefix("refs/").removeprefix("heads/")
        if name == "HEAD":
            name = next(iter(self.branches))
        if name in self.branches:
            return self.head(name)
        if len(name) >= 7:
            for sha, commit in self.commits.items():
                if sha.startswith(name):
                    return commit
        raise UnknownRevision(revision)

    def history(self, revision: str) -> Iterator[Commit]:
        """The commit and its ancestors, newest first."""
        wanted = {self.find(revision).sha}
        for sha in reversed(list(self.commits)):  # parents are made before their children
            if sha in wanted:
                wanted.update(self.commits[sha].parents)
                yield self.commits[sha]

    def is_ancestor(self, revision: str, *, of: str) -> bool:
        """Whether one commit is the other or comes before it."""
        return self.find(revision) in self.history(of)

    def compare(self, base: str, head: str) -> Comparison:
        """What head has and base lacks, from the point where they parted."""
        left, right = list(self.history(base)), list(self.history(head))
        merge_base = next((commit for commit in right if commit in left), None)
        if merge_base is None:
            raise UnknownRevision(f"{base}...{head}")
        ahead = [commit for commit in right if commit not in left]
        return Comparison(
            base=left[0],
            head=right[0],
            merge_base=merge_base,
            ahead_by=len(ahead),
            behind_by=sum(commit not in right for commit in left),
            commits=tuple(reversed(ahead)),
            changed=changes(merge_base.tree, right[0].tree),
        )
