"""The chain of the audit trail: whatever is changed in it is found, and where."""

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain import trail
from bot.domain.trail import GENESIS, START, Broken, Entry, Head
from tests.domain.strategies import UNHURRIED

TEXTS = st.text(max_size=12)
MAYBE = st.none() | TEXTS
EMPTY = Entry(
    id=0,
    at="2026-01-05T14:30:00.000000+00:00",
    actor="chatops",
    roles=None,
    action="deploy",
    environment=None,
    service=None,
    operation_id=None,
    correlation=None,
    outcome="requested",
    reason=None,
    digest=None,
    detail="",
    previous="",
    hash="",
)
COLUMNS = [field.name for field in fields(Entry)]
OPTIONAL = ("roles", "environment", "service", "operation_id", "correlation", "reason", "digest")


def contents() -> st.SearchStrategy[Entry]:
    """A row before it has a place; the clock goes back and forth."""
    given = dict.fromkeys(OPTIONAL, MAYBE) | dict.fromkeys(("actor", "action", "outcome", "detail"), TEXTS)
    times = st.integers(0, 59).map(lambda minute: f"2026-01-05T14:{minute:02}:00.000000+00:00")
    return st.builds(lambda **changes: replace(EMPTY, **changes), at=times, **given)


def chain(*rows: Entry) -> list[Entry]:
    """The rows as they are stored one after the other."""
    stored, head = [], START
    for row in rows:
        stored.append(trail.linked(row, to=head))
        head = Head(id=stored[-1].id, hash=stored[-1].hash)
    return stored


def chains(least: int = 1) -> st.SearchStrategy[list[Entry]]:
    """Chains of some rows, some of them alike."""
    return st.lists(contents(), min_size=least, max_size=6).map(lambda rows: chain(*rows))


def followed(rows: list[Entry], *noted: Head) -> Head:
    """The head after all rows, read in the order of their numbers."""
    head = START
    for row in sorted(rows, key=lambda row: row.id):
        head = trail.follow(head, row)
        for one in noted:
            trail.confirm(one, row)
    return head


def broken(rows: list[Entry], *noted: Head) -> str:
    """What is wrong with the rows; fails when nothing is."""
    with pytest.raises(Broken) as found:
        followed(rows, *noted)
    return str(found.value)


@UNHURRIED
@given(chains(), st.data())
def test_any_change_of_any_column_of_any_row_is_found(rows: list[Entry], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(COLUMNS))
    old = getattr(rows[at], name)
    values: st.SearchStrategy[Any] = st.integers(-9, 2**70) if name == "id" else MAYBE | st.binary(max_size=4)
    new = data.draw(values.filter(lambda value: value != old))
    others = [row for number, row in enumerate(rows) if number != at]
    assert followed(rows) == Head(id=len(rows), hash=rows[-1].hash)

    if name != "id" or new not in {row.id for row in others}:
        broken([*others, replace(rows[at], **{name: new})])


@UNHURRIED
@given(chains(), st.data())
def test_any_row_that_is_missing_is_found_except_at_the_end(rows: list[Entry], data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, len(rows) - 1))
    left = [row for number, row in enumerate(rows) if number != gone]

    if gone == len(rows) - 1:
        assert followed(left).id == len(rows) - 1  # that the end is missing, only a head noted elsewhere can tell
        return
    assert broken(left) == f"#{gone + 2}: missing: row #{gone + 1} is not there"
    closed = [replace(row, id=number) for number, row in enumerate(left, 1)]
    assert broken(closed) == f"#{gone + 1}: reordered: it was written as row #{gone + 2}"


@UNHURRIED
@given(chains(least=2), st.data())
def test_any_two_rows_that_changed_places_are_found(rows: list[Entry], data: st.DataObject) -> None:
    one, other = sorted(data.draw(st.lists(st.sampled_from(range(len(rows))), min_size=2, max_size=2, unique=True)))
    swapped = [*rows]
    swapped[one], swapped[other] = replace(rows[other], id=one + 1), replace(rows[one], id=other + 1)

    assert broken(swapped) == f"#{one + 1}: reordered: it was written as row #{other + 1}"


@UNHURRIED
@given(chains(), contents(), st.data())
def test_any_row_that_was_put_in_between_is_found(rows: list[Entry], more: Entry, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    before = Head(id=at, hash=rows[at - 1].hash if at else GENESIS)
    moved = [replace(row, id=row.id + 1) for row in rows[at:]]

    assert broken([*rows[:at], trail.linked(more, to=before), *moved]).endswith(f"it was written as row #{at + 1}")


@UNHURRIED
@given(chains(least=2), contents(), st.data())
def test_what_is_hashed_anew_is_found_at_the_next_row_or_by_a_noted_head(
    rows: list[Entry], other: Entry, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    before = Head(id=at, hash=rows[at - 1].hash if at else GENESIS)
    forged = trail.linked(other, to=before)
    if forged == rows[at]:
        return
    noted = Head(id=len(rows), hash=rows[-1].hash[:16])

    if at < len(rows) - 1:
        assert broken([*rows[:at], forged, *rows[at + 1 :]]).startswith(f"#{at + 2}: rewritten: ")
    everything = chain(*rows[:at], other, *rows[at + 1 :])
    assert followed(everything).id == len(rows)
    assert broken(everything, noted).startswith(f"#{len(rows)}: rewritten: ")


def test_a_hash_is_that_of_sorted_json_without_what_is_null() -> None:
    """The format for good: whoever changes it makes every trail that there is look broken."""
    row = trail.linked(replace(EMPTY, environment="prod", detail="한 ✓\ud800"), to=START)

    assert (row.id, row.previous) == (1, GENESIS)
    assert row.hash == "2fbbab890024e7e98be33c141d0ef98c437978bf5fd0b8e4439607e10fc615b5"
    assert trail.fingerprint(replace(row, service="")) != row.hash


@pytest.mark.parametrize("text", ["12:0a1b2c3d", " #12:0A1B2C3D "])
def test_a_head_is_read_as_it_is_shown(text: str) -> None:
    assert trail.parse_head(text) == Head(id=12, hash="0a1b2c3d")
    assert str(trail.parse_head(text)) == "12:0a1b2c3d"


@pytest.mark.parametrize(
    "text", ["", "12", "12:0a1b", "-1:0a1b2c3d", "12:0a1b2c3g", "1" * 19 + ":0a1b2c3d", "1:" + "0" * 65]
)
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a head is SEQ:HASH"):
        trail.parse_head(text)
