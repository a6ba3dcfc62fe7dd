"""The names that Git gives to blobs, trees and commits: SHA-1 of the exact bytes of the object.

With them a stand-in's repository is a real one: written out as objects, `git fsck` finds nothing to say about it.
A file's text keeps bytes that are not UTF-8 as Python's lone surrogates.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

FILE = "100644"
TREE = "40000"


def content(text: str) -> bytes:
    """The bytes of a file."""
    return text.encode("utf-8", "surrogateescape")


def text(content: bytes) -> str:
    """The bytes of a file as a text that can be turned back."""
    return content.decode("utf-8", "surrogateescape")


def name(kind: str, body: bytes) -> str:
    """The name of an object."""
    return hashlib.sha1(b"%s %d\0%s" % (kind.encode(), len(body), body), usedforsecurity=False).hexdigest()


def blob(file: str) -> str:
    """The name of a file's content."""
    return name("blob", content(file))


def trees(files: Mapping[str, str]) -> dict[str, bytes]:
    """Every directory of a tree of path to text, `""` being the whole: the body of its object."""
    entries: dict[str, list[tuple[str, str, str]]] = {"": []}
    for path in files:
        below = path.split("/")[:-1]
        for depth in range(len(below)):
            entries.setdefault("/".join(below[: depth + 1]), [])
    for path, file in files.items():
        parent, _, leaf = path.rpartition("/")
        entries[parent].append((FILE, leaf, blob(file)))
    bodies = {}
    for directory in sorted(entries, key=lambda path: path.count("/") + bool(path), reverse=True):
        bodies[directory] = _tree(entries[directory])
        if directory:
            parent, _, leaf = directory.rpartition("/")
            entries[parent].append((TREE, leaf, name("tree", bodies[directory])))
    return bodies


def tree(files: Mapping[str, str]) -> str:
    """The name of a whole tree."""
    return name("tree", trees(files)[""])


def commit(*, tree: str, parents: Iterable[str], author: str, email: str, at: datetime, message: str) -> bytes:
    """The body of a commit whose author is its committer too."""
    who = f"{author} <{email}> {int(at.astimezone(UTC).timestamp())} +0000"
    head = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return ("\n".join(head) + f"\n\n{message}").encode()


def _tree(entries: Iterable[tuple[str, str, str]]) -> bytes:
    # Git sorts a directory as if its name ended in a slash.
    ordered = sorted(entries, key=lambda entry: (entry[1] + ("/" if entry[0] == TREE else "")).encode())
    return b"".join(b"%s %s\0%s" % (mode.encode(), leaf.encode(), bytes.fromhex(sha)) for mode, leaf, sha in ordered)
