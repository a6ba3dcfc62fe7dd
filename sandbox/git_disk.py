"""A bare repository on disk as Git lays it out: loose objects, and branches as files that are replaced under a lock.

Everything is there for the real `git` at once, and what `git push` brings is there for a reader of these classes at
once. Nothing is ever packed: a repository that is made here tells `git` so. The binary is not needed.
"""

import contextlib
import os
import re
import shutil
import time
import zlib
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from sandbox import git_objects

CONFIG = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = true
[gc]
\tauto = 0
[receive]
\tautogc = false
\tunpackLimit = 1000000
[uploadpack]
\tallowAnySHA1InWant = true
\tallowFilter = true
"""
MEMORY = "/dev/shm"  # noqa: S108 - what is made there has a name of its own, by mkdtemp
PLENTY = 1_000_000_000
LOCK_TRIES = 100
"""How many milliseconds another's lock is waited for: as long as `git` waits."""
_SHA = re.compile(r"[0-9a-f]{40}")
_PREFIX = re.compile(r"[0-9a-f]{2,40}")
_NO_BRANCH = re.compile(r"(^|/)[./]|\.\.|//|@\{|[\x00-\x20\x7f~^:?*\[\\]|(\.|/|\.lock)$|\.lock/|^@?$")


class Moved(Exception):
    """Somebody else has moved the branch, or is about to."""

    def __init__(self, branch: str, *, there: str | None, expected: str | None) -> None:
        super().__init__(f"{branch} is at {there} but expected {expected}")
        self.there = there
        self.expected = expected


def place() -> str | None:
    """Where temporary repositories are kept: in memory if there is plenty, as files cost a tenth there; else None."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(MEMORY).free > PLENTY and os.access(MEMORY, os.W_OK):
            return MEMORY
    return None


def lay_out(directory: Path, *, default_branch: str) -> None:
    """Make an empty bare repository in an empty directory."""
    for below in ("objects", "refs/heads", "refs/tags"):
        (directory / below).mkdir(parents=True)
    (directory / "config").write_text(CONFIG)
    (directory / "HEAD").write_text(f"ref: refs/heads/{default_branch}\n")


class Objects:
    """The objects by name; what was written or read once is kept in memory, as it never changes."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "objects"
        self._known: dict[str, tuple[str, bytes]] = {}

    def write(self, kind: str, body: bytes) -> str:
        """Store an object; returns its name."""
        sha = git_objects.name(kind, body)
        if sha not in self._known:
            place = self._place(sha)
            place.parent.mkdir(exist_ok=True)
            draft = self._directory / f"tmp_obj_{sha}"
            draft.write_bytes(zlib.compress(b"%s %d\0%s" % (kind.encode(), len(body), body), 1))
            draft.rename(place)  # nobody ever sees half an object
            self._known[sha] = kind, body
        return sha

    def has(self, sha: str, kind: str) -> bool:
        """Whether there is such an object of this kind."""
        try:
            return self._read(sha)[0] == kind
        except KeyError:
            return False

    def read(self, sha: str, kind: str) -> bytes:
        """The body of an object of this kind. Raises KeyError if there is none."""
        found, body = self._read(sha)
        if found != kind:
            raise KeyError(f"{sha} is a {found}")
        return body

    def starting(self, prefix: str) -> list[str]:
        """The names that begin so, of two hexadecimal digits at least; none for anything else."""
        if not _PREFIX.fullmatch(prefix) or not (self._directory / prefix[:2]).is_dir():
            return []
        names = os.listdir(self._directory / prefix[:2])
        return [f"{prefix[:2]}{name}" for name in names if name.startswith(prefix[2:])]

    def _read(self, sha: str) -> tuple[str, bytes]:
        if sha not in self._known:
            if not _SHA.fullmatch(sha):
                raise KeyError(sha)
            try:
                head, _, body = zlib.decompress(self._place(sha).read_bytes()).partition(b"\0")
            except FileNotFoundError as error:
                raise KeyError(sha) from error
            self._known[sha] = head.partition(b" ")[0].decode(), body
        return self._known[sha]

    def _place(self, sha: str) -> Path:
        return self._directory / sha[:2] / sha[2:]


class Branches(MutableMapping[str, str]):
    """The revision of each branch, read from its file every time. Setting one is a force-push; `swap` is careful."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "refs" / "heads"
        self._known: dict[str, str] = {}

    def pushed(self) -> dict[str, str | None]:
        """The branches that `git push` has moved or begun since this was asked last, and where each was before."""
        now = dict(self)
        found = {branch: self._known.get(branch) for branch in now if now[branch] != self._known.get(branch)}
        self._known = now
        return found

    def swap(self, branch: str, revision: str, *, old: str | None) -> None:
        """Move a branch from where it is known to be, None being nowhere. Raises Moved, and ValueError for its name."""
        with self._locked(branch, expected=old) as (place, lock):
            if (there := self.get(branch)) != old:
                raise Moved(branch, there=there, expected=old)
            lock.write_text(f"{revision}\n")
            lock.replace(place)
        self._known[branch] = revision

    def __getitem__(self, branch: str) -> str:
        if _NO_BRANCH.search(branch):
            raise KeyError(branch)
        try:
            # Every tick of a world looks at every branch: to build a Path would take longer than the reading.
            with open(f"{self._directory}/{branch}", "rb", buffering=0) as file:
                return file.read(41).strip().decode()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise KeyError(branch) from error

    def __setitem__(self, branch: str, revision: str) -> None:
        with self._locked(branch, expected=None) as (place, lock):
            lock.write_text(f"{revision}\n")
            lock.replace(place)
        self._known[branch] = revision

    def __delitem__(self, branch: str) -> None:
        with self._locked(branch, expected=self[branch]) as (place, _):
            place.unlink()
        self._known.pop(branch, None)
        with contextlib.suppress(OSError):  # a directory that is not empty stays
            for above in place.relative_to(self._directory).parents[:-1]:
                (self._directory / above).rmdir()

    def __iter__(self) -> Iterator[str]:
        yield from sorted(_names(str(self._directory), above=""), key=lambda name: name.split("/"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @contextlib.contextmanager
    def _locked(self, branch: str, *, expected: str | None) -> Iterator[tuple[Path, Path]]:
        """Hold the lock of a branch as `git` does; yields the places of the branch and of the lock."""
        if _NO_BRANCH.search(branch):
            raise ValueError(f"{branch!r} is no name of a branch")
        place = self._directory / branch
        lock = place.with_name(f"{place.name}.lock")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise ValueError(f"a branch is in the way of {branch!r}") from error
        if place.is_dir():
            raise ValueError(f"branches are below {branch!r}")
        for _ in range(LOCK_TRIES):
            with contextlib.suppress(FileExistsError):
                lock.touch(exist_ok=False)
                break
            time.sleep(0.001)
        else:
            raise Moved(branch, there=self.get(branch), expected=expected)
        try:
            yield place, lock
        finally:
            lock.unlink(missing_ok=True)


def _names(directory: str, *, above: str) -> Iterator[str]:
    """The branches in a directory of them, and in those below it. No Path is built here either."""
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:  # the last branch there may just go
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _names(entry.path, above=f"{above}{entry.name}/")
            elif not entry.name.endswith(".lock"):
                yield f"{above}{entry.name}"
