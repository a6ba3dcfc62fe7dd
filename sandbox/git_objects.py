"""Blobs, trees and commits in Git's own bytes, and the names that Git gives them: SHA-1 of the exact bytes.

A file's text keeps bytes that are not UTF-8 as Python's lone surrogates.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

FILE = "100644"
LINK = "120000"
TREE = "40000"
MODULE = "160000"
_PERSON = re.compile(r"(?P<name>.*?) ?<(?P<email>[^>]*)> (?P<seconds>\d+) [+-]\d{4}")
_NOREPLY = re.compile(r"(?:\d+\+)?(?P<login>.+)@users\.noreply\.github\.com")


class Entry(NamedTuple):
    """What a directory has under a name: the mode as Git writes it, and the object's name."""

    mode: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a commit says of itself; the person and the time are the author's."""

    tree: str
    parents: tuple[str, ...]
    name: str
    email: str
    at: datetime
    message: str

    @property
    def login(self) -> str:
        """The user of GitHub whom the address of the author belongs to; empty if that cannot be seen."""
        found = _NOREPLY.fullmatch(self.email)
        return found["login"] if found else ""


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


def tree(entries: Mapping[str, Entry]) -> bytes:
    """The body of a directory."""
    # Git sorts a directory as if its name ended in a slash.
    ordered = sorted(entries.items(), key=lambda item: content(item[0] + ("/" if item[1].mode == TREE else "")))
    return b"".join(b"%s %s\0%s" % (mode.encode(), content(leaf), bytes.fromhex(sha)) for leaf, (mode, sha) in ordered)


def entries(body: bytes) -> dict[str, Entry]:
    """What a directory holds, by name."""
    found, at = {}, 0
    while at < len(body):
        end = body.index(b"\0", at)
        mode, _, leaf = body[at:end].partition(b" ")
        at = end + 21
        found[text(leaf)] = Entry(mode.decode(), body[end + 1 : at].hex())
    return found


def commit(*, tree: str, parents: Iterable[str], author: str, email: str, at: datetime, message: str) -> bytes:
    """The body of a commit whose author is its committer too."""
    who = f"{author} <{email}> {int(at.astimezone(UTC).timestamp())} +0000"
    head = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {who}", f"committer {who}"]
    return ("\n".join(head) + f"\n\n{message}").encode()


def read_commit(body: bytes) -> Written:
    """What the body of a commit says, whoever wrote it; the message is without the newlines that end it."""
    head, _, message = body.decode(errors="replace").partition("\n\n")
    lines = [line.partition(" ") for line in head.split("\n") if not line.startswith(" ")]  # a signature is indented
    said = {field: value for field, _, value in lines}
    person = _PERSON.fullmatch(said["author"])
    if person is None:
        raise ValueError(f"no author: {said['author']!r}")
    return Written(
        tree=said["tree"],
        parents=tuple(value for field, _, value in lines if field == "parent"),
        name=person["name"],
        email=person["email"],
        at=datetime.fromtimestamp(int(person["seconds"]), UTC),
        message=message.rstrip("\n"),
    )
