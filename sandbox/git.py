"""The repository: commits, branches, and the questions that GitHub and Argo CD answer from them.

It is a bare repository in a temporary directory, `directory`, which the real `git` may read and push to at any time:
nothing is remembered of a branch, and of objects only what never changes. Names are those that Git gives to the same
objects, so the same script gives the same revisions. The directory goes when nobody holds the repository any more, and
at the latest with the process.

    git clone file://$directory
"""

import hashlib
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sandbox import git_disk, git_objects
from sandbox.git_disk import Branches, Moved, Objects
from sandbox.git_objects import FILE, Entry
from sandbox.git_trees import Trees

TRIES = 10
SHORTEST = 7
"""How many digits of a revision name it."""


Files = Mapping[str, str | None]
"""Texts by path; None is a file that goes."""
Change = Callable[[Mapping[str, str]], Files]
"""What changes, by what is there."""


class UnknownRevision(LookupError):
    """Nothing in the repository answers to this name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Commit:
    """One commit; `changed` maps each path it touched to `added`, `modified` or `removed`.

    `login` is the author's on GitHub, and empty if the commit does not tell.
    """

    sha: str
    tree_sha: str
    parents: tuple[str, ...]
    message: str
    login: str
    name: str
    email: str
    at: datetime
    changed: Mapping[str, str]
    trees: Trees = field(repr=False)

    @property
    def tree(self) -> Mapping[str, str]:
        """The text of every file by path."""
        return self.trees.texts(self.tree_sha)


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


class Git:
    """The repository; `commits` are those made or read so far, each after its parents."""

    def __init__(self, *, default_branch: str = "main") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="tiketi-", suffix=".git", dir=git_disk.place()))
        weakref.finalize(self, shutil.rmtree, self.directory, ignore_errors=True)
        git_disk.lay_out(self.directory, default_branch=default_branch)
        self.default_branch = default_branch
        self.objects = Objects(self.directory)
        self.trees = Trees(self.objects)
        self.branches = Branches(self.directory)
        self.commits: dict[str, Commit] = {}

    def commit(
        self, branch: str, files: Files | Change, *, message: str, login: str, at: datetime, name: str = ""
    ) -> Commit:
        """Put a commit on the branch, which begins with it if it is new.

        If somebody pushes at that moment, it is made anew on theirs, as a person would. Raises Moved in the end.
        """
        left = TRIES
        while True:
            old = self.branches.get(branch)
            parent = self.get(old) if old else None
            changed = files if isinstance(files, Mapping) else files(parent.tree if parent else {})
            tree = self.edit(parent.tree_sha if parent else None, changed)
            made = self.create(tree, parents=(old,) if old else (), message=message, login=login, at=at, name=name)
            try:
                self.branches.swap(branch, made.sha, old=old)
            except Moved:
                left -= 1
                if not left:
                    raise
            else:
                return made

    def create(
        self,
        tree: str,
        *,
        parents: tuple[str, ...],
        message: str,
        login: str,
        at: datetime,
        name: str = "",
    ) -> Commit:
        """Make a commit, of a tree that is there, that no branch has yet."""
        author, email = name or login, f"{login}@users.noreply.github.com"
        body = git_objects.commit(tree=tree, parents=parents, author=author, email=email, at=at, message=message)
        return self.get(self.objects.write("commit", body))

    def edit(self, tree: str | None, files: Files) -> str:
        """The name of a tree, by default an empty one, with these files in it."""
        there = self.trees.files(tree) if tree else {}
        return self.trees.edit(
            tree,
            {
                path: None
                if text is None
                else Entry(there[path].mode if path in there else FILE, self.write_file(git_objects.content(text)))
                for path, text in files.items()
            },
        )

    def write_file(self, content: bytes) -> str:
        """Store the content of a file; returns its name."""
        return self.objects.write("blob", content)

    def force(self, branch: str, revision: str) -> Commit:
        """Move the branch to any commit, as a force-push does; what it held before is only reachable by its name."""
        commit = self.find(revision)
        self.branches[branch] = commit.sha
        return commit

    def get(self, sha: str) -> Commit:
        """The commit of this full name. Raises UnknownRevision."""
        waiting = [] if sha in self.commits else [sha]
        while waiting:
            try:
                said = git_objects.read_commit(self.objects.read(waiting[-1], "commit"))
            except KeyError as error:
                raise UnknownRevision(sha) from error
            unread = [parent for parent in said.parents if parent not in self.commits]
            waiting += unread
            if not unread:
                self._remember(waiting.pop(), said)
        return self.commits[sha]

    def head(self, branch: str) -> Commit:
        """The tip of the branch."""
        if branch not in self.branches:
            raise UnknownRevision(branch)
        return self.get(self.branches[branch])

    def find(self, revision: str) -> Commit:
        """The commit that a branch, `heads/x`, `refs/heads/x`, `HEAD`, a full or a shortened revision (7+) means."""
        if revision in self.commits:
            return self.commits[revision]
        name = revision.removeprefix("refs/").removeprefix("heads/")
        if name == "HEAD":
            name = self.default_branch
        if name in self.branches:
            return self.head(name)
        if len(name) >= SHORTEST:
            found = [sha for sha in self.objects.starting(name) if self.objects.has(sha, "commit")]
            if len(found) == 1:
                return self.get(found[0])
        raise UnknownRevision(revision)

    def history(self, revision: str) -> Iterator[Commit]:
        """The commit and its ancestors, newest first."""
        wanted = {self.find(revision).sha}
        for sha in reversed(list(self.commits)):  # parents come before their children
            if sha in wanted:
                wanted.update(self.commits[sha].parents)
                yield self.commits[sha]

    def is_ancestor(self, revision: str, *, of: str) -> bool:
        """Whether one commit is the other or comes before it."""
        return self.find(revision) in self.history(of)

    def compare(self, base: str, head: str) -> Comparison:
        """What head has and base lacks, from the point where they parted."""
        left, right = list(self.history(base)), list(self.history(head))
        bases, heads = set(left), set(right)
        merge_base = next((commit for commit in right if commit in bases), None)
        if merge_base is None:
            raise UnknownRevision(f"{base}...{head}")
        ahead = [commit for commit in right if commit not in bases]
        return Comparison(
            base=left[0],
            head=right[0],
            merge_base=merge_base,
            ahead_by=len(ahead),
            behind_by=sum(commit not in heads for commit in left),
            commits=tuple(reversed(ahead)),
            changed=self.trees.changes(merge_base.tree_sha, right[0].tree_sha),
        )

    def _remember(self, sha: str, said: git_objects.Written) -> None:
        if sha in self.commits:
            return
        before = self.commits[said.parents[0]].tree_sha if said.parents else None
        self.commits[sha] = Commit(
            sha=sha,
            tree_sha=said.tree,
            parents=said.parents,
            message=said.message,
            login=said.login,
            name=said.name,
            email=said.email,
            at=said.at,
            changed=self.trees.changes(before, said.tree),
            trees=self.trees,
        )
