"""`python -m bot audit`: the trail verified and exported, on the database alone, while the bot runs or does not."""

import asyncio
import csv
import json
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import TextIO

from bot.domain.trail import Entry, Head
from bot.options import Format
from bot.services import trail
from bot.storage import migrations
from bot.storage.audit import Wanted
from bot.storage.engine import Database

PATIENCE_SECONDS = 10
_FORMULA = frozenset("=+-@")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})
_COLUMNS = [field.name for field in fields(Entry)]


class Unreadable(Exception):
    """There is no trail to read; the text says why."""


async def verify(url: str, *, noted: list[Head]) -> tuple[bool, str]:
    """Whether the chain holds and its triggers are there, and what to say about it."""
    database = Database(url)
    try:
        await _require(database)
        found = await trail.verify(database, noted=noted)
    finally:
        await database.close()
    span = "no rows" if found.first is None or found.last is None else _span(found.first, found.last)
    lines = [
        f"The chain holds: {span}."
        if found.broken is None
        else f"The chain is broken at {found.broken}.\nWhole until there: {span}.",
        *(
            []
            if found.guarded
            else ["The triggers are gone, or not as they were made, that refuse to change, delete and replace rows."]
        ),
        f"head {found.head}",
    ]
    return found.broken is None and found.guarded, "\n".join(lines)


async def export(url: str, *, form: Format, wanted: Wanted, out: TextIO) -> None:
    """Write every wanted row, from the oldest."""
    database = Database(url)
    try:
        await _require(database)
        write = _writer(form, out)
        async for entry in trail.entries(database, wanted=wanted):
            write(entry)
    finally:
        await database.close()


async def _require(database: Database) -> None:
    """Raises `Unreadable` when the database does not answer, or has another schema."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            revision = await migrations.current(database)
    except Exception as error:
        # A driver raises what it likes; here all of it means the same.
        raise Unreadable(f"The database does not answer ({type(error).__name__}): see CHATOPS_DATABASE_URL.") from error
    if revision != migrations.head():
        wants = f"{revision or 'nothing'}, and this version wants {migrations.head()}"
        raise Unreadable(f"The database is at schema {wants}: run python -m bot migrate.")


def _span(first: Entry, last: Entry) -> str:
    return f"{last.id - first.id + 1} rows, #{first.id} of {first.at} to #{last.id} of {last.at}"


def _writer(form: Format, out: TextIO) -> Callable[[Entry], object]:
    if form is Format.JSONL:
        return lambda entry: out.write(json.dumps({**asdict(entry), "roles": _roles(entry.roles)}) + "\n")
    table = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    table.writerow(_COLUMNS)
    return lambda entry: table.writerow([_cell(getattr(entry, name)) for name in _COLUMNS])


def _roles(stored: str | None) -> object:
    """The list that is stored as text; whatever else somebody put there stays what it is."""
    try:
        return None if stored is None else json.loads(stored)
    except ValueError:
        return stored


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula.

    Spreadsheets overlook white space and what cannot be seen, and some read the wide forms of the signs as the signs.
    """
    if not isinstance(value, str):
        return value
    first = next((one for one in value if unicodedata.category(one) not in _UNSEEN), "")
    risky = value.startswith(("\t", "\r", "\n")) or unicodedata.normalize("NFKC", first)[:1] in _FORMULA
    return f"'{value}" if risky else value


def to_stdout() -> TextIO:
    """Standard output, with the line ends that were written and not the system's."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", newline="")
    return sys.stdout
