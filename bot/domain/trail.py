"""The audit trail as a chain: each row carries the hash of the one before it, and the hash of itself.

Whoever edits, removes, inserts or swaps rows breaks it at that place. Whoever can rewrite everything from there to the
end can also hash it anew, and whoever removes the end leaves a chain that is whole but too short. Both are found by a
head that was noted elsewhere: the number and the hash of a row stand for every row up to it.

The order is that of the numbers and never that of the clock, which may have been moved.
"""

import hashlib
import json
import re
from dataclasses import dataclass, fields, replace

GENESIS = "0" * 64
"""What the first row carries in place of a hash before it."""
SHOWN = 16
"""Hex digits of a hash that people are shown."""
_SHORTEST = 8
_LOOK_AROUND = 100
_HEAD = re.compile(rf"#?(?P<id>\d{{1,18}}):(?P<hash>[0-9a-f]{{{_SHORTEST},64}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row, every column as it is stored, so that a change that reads the same is a change too.

    `roles` is a JSON list of role ids as text, None when no member acted. `correlation` is the interaction or the
    workflow run it came from, `digest` the fingerprint of the content that it is about.
    """

    id: int
    at: str
    actor: str
    roles: str | None
    action: str
    environment: str | None
    service: str | None
    operation_id: str | None
    correlation: str | None
    outcome: str
    reason: str | None
    digest: str | None
    detail: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The rows about one operation from the oldest: its `first` and its `newest`, and how many are `left` between."""

    first: tuple[Entry, ...]
    newest: tuple[Entry, ...]
    left: int


_HASHED = [field.name for field in fields(Entry) if field.name != "hash"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A place in the chain: the number of a row and its hash, or the beginning of its hash."""

    id: int
    hash: str

    def __str__(self) -> str:
        return f"{self.id}:{self.hash}"


START = Head(id=0, hash=GENESIS)


def is_loud(entry: Entry) -> bool:
    """Whether people must not read over the row: somebody broke the glass, or somebody reviews it or should."""
    return entry.action == "break_glass" and entry.outcome in ("granted", "reminded", "reviewed")


class Broken(Exception):
    """The chain does not hold at row `id`; `how` says what is wrong there."""

    def __init__(self, id: int, how: str) -> None:
        super().__init__(f"#{id}: {how}")
        self.id = id
        self.how = how


def parse_head(text: str) -> Head:
    """The head in `SEQ:HASH`, as the bot writes it. Raises ValueError for anything else, or too little of a hash."""
    match = _HEAD.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"a head is SEQ:HASH, with {_SHORTEST} to 64 digits of the hash")
    return Head(id=int(match["id"]), hash=match["hash"])


def fingerprint(entry: Entry) -> str:
    """The hash of everything else in the row, hex SHA-256 of JSON with sorted keys and without what is null.

    A column that a later version adds is null in older rows, so their hashes stay what they are.
    """
    content = {name: value for name in _HASHED if (value := getattr(entry, name)) is not None}
    # Whoever edits SQLite by hand can leave bytes where text belongs; those have a hash too, only not the right one.
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":"), default=repr).encode()).hexdigest()


def linked(entry: Entry, *, to: Head) -> Entry:
    """The entry as the row that follows a head."""
    placed = replace(entry, id=to.id + 1, previous=to.hash, hash="")
    return replace(placed, hash=fingerprint(placed))


def follow(head: Head, entry: Entry) -> Head:
    """The head after this row. Raises `Broken` when it is not the next one, or not as it was written."""
    if entry.id != head.id + 1:
        gone = f"row #{head.id + 1} is" if entry.id == head.id + 2 else f"rows #{head.id + 1} to #{entry.id - 1} are"
        raise Broken(entry.id, f"missing: {gone} not there")
    if fingerprint(entry) != entry.hash:
        was = _written_as(entry)
        raise Broken(entry.id, f"reordered: it was written as row #{was}" if was else "edited: it is not as written")
    if entry.previous != head.hash:
        raise Broken(entry.id, f"rewritten: it does not continue row #{head.id}, so one of the two was made anew")
    return Head(id=entry.id, hash=entry.hash)


def confirm(noted: Head, entry: Entry) -> None:
    """Raises `Broken` when the row with the number of a noted head has another hash."""
    if entry.id == noted.id and not entry.hash.startswith(noted.hash):
        raise Broken(entry.id, f"rewritten: its hash begins with {entry.hash[:SHOWN]}, and {noted.hash} was noted")


def _written_as(entry: Entry) -> int | None:
    """The number that an unchanged row had, as far as it was not moved far."""
    near = range(max(entry.id - _LOOK_AROUND, 1), entry.id + _LOOK_AROUND + 1)
    return next((number for number in near if fingerprint(replace(entry, id=number)) == entry.hash), None)
