"""The audit trail: rows are only ever added, each chained to the one before it.

A note is written right before its transaction commits, under one lock for all writers. So the numbers have no gap,
whatever is rolled back, the chain has no fork, whoever writes at the same time, and a row stands at its place in the
order of the commits. The database itself refuses to change, delete or replace a row.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, String, and_, func, or_, select, text, type_coerce
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain import trail
from bot.domain.operations import Operation
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason
from bot.domain.trail import Entry, Head, Story
from bot.storage.engine import insert, lock, put_off
from bot.storage.schema import Moment
from bot.storage.schema import audit as table

DETAIL_LIMIT = 1000
_GITHUB = "github:"
PASSED = "passed"
"""The outcome of a look at the gate that let somebody through; what they then did has a row of its own."""

_NAMES = [field.name for field in fields(Entry)]
_AS_STORED = [
    type_coerce(table.c[name], String).label(name) if name == "at" else table.c[name] for name in _NAMES
]  # read as a moment, text that was changed to another way of writing the same moment would look unchanged
_REFUSAL = "the audit trail is append-only"
_EVENTS = {
    "update": "UPDATE ON audit",
    "delete": "DELETE ON audit",
    "replace": "INSERT ON audit WHEN NEW.id <= (SELECT max(id) FROM audit)",
}
_GUARDS = {
    "sqlite": (
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'",
        {
            f"CREATE TRIGGER audit_no_{name} BEFORE {event} BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
            for name, event in _EVENTS.items()
        },
    ),
    "postgresql": (
        "SELECT concat_ws(' ', tgtype, tgqual IS NULL, prosrc) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
        "WHERE tgrelid = 'audit'::regclass AND tgenabled IN ('O', 'A')",
        # 58: before each statement that updates, deletes or truncates
        {f"58 t  BEGIN RAISE EXCEPTION '{_REFUSAL}'; END "},
    ),
}
"""What asks a database for its triggers on the table, and those that a migration has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows: those for which everything that is set holds. `passed` rows are left out unless asked for.

    GitHub's logins are the same in any case.
    """

    environments: Collection[str] | None = None
    service: str | None = None
    actors: Collection[str] | None = None
    action: str | None = None
    operation_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    passed: bool = True

    def conditions(self) -> list[ColumnElement[bool]]:
        """What the rows have to meet."""
        places = self.environments
        known = {
            "environments": None if places is None else table.c.environment.in_(places),
            "service": None if self.service is None else table.c.service == self.service,
            "actors": None if self.actors is None else _by(self.actors),
            "action": None if self.action is None else table.c.action == self.action,
            "operation_id": None if self.operation_id is None else table.c.operation_id == self.operation_id,
            "since": None if self.since is None else table.c.at >= self.since,
            "until": None if self.until is None else table.c.at < self.until,
            "passed": None if self.passed else table.c.outcome != PASSED,
        }
        return [condition for condition in known.values() if condition is not None]


EVERYTHING = Wanted()


def _by(actors: Collection[str]) -> ColumnElement[bool]:
    """Whether one of these acted."""
    people = [actor for actor in actors if not actor.startswith(_GITHUB)]
    logins = [actor.lower() for actor in actors if actor.startswith(_GITHUB)]
    anyone = table.c.actor.in_(people)
    # GitHub reports a login in whatever case its owner has written it.
    return (
        or_(anyone, and_(table.c.actor.startswith(_GITHUB), func.lower(table.c.actor).in_(logins)))
        if logins
        else anyone
    )


async def note(
    connection: AsyncConnection,
    *,
    at: datetime,
    actor: Actor | str,
    action: str,
    outcome: str,
    operation: Operation | None = None,
    environment: str | None = None,
    service: str | None = None,
    operation_id: str | None = None,
    reason: Reason | None = None,
    detail: str = "",
    digest: str | None = None,
    correlation: str | None = None,
) -> None:
    """Add one row when the transaction commits; text that is too long is cut, and what cannot be stored left out.

    `actor` is a member, whose roles and interaction are kept, else `github:<login>` or `chatops`. Place, id and digest
    come from the operation, when there is one.
    """
    person = actor if isinstance(actor, Actor) else None
    if operation is not None:
        environment, service, operation_id = operation.environment, operation.service, operation.id
        digest = digest or (operation.content.digest if operation.content else None)
    stored = Moment().process_bind_param(at, None)
    entry = Entry(
        id=0,
        at=stored or "",
        actor=f"discord:{person.id}" if person else str(actor),
        roles=_roles(person) if person else None,
        action=str(action),
        environment=environment,
        service=service,
        operation_id=operation_id,
        correlation=correlation or (person.origin if person else "") or None,
        outcome=str(outcome),
        reason=reason.value if reason else None,
        digest=digest,
        detail=detail,
        previous="",
        hash="",
    )
    put_off(connection, _append, _storable(entry))


async def head(connection: AsyncConnection) -> Head:
    """The end of the chain, or `trail.START`."""
    newest = select(table.c.id, table.c.hash).order_by(table.c.id.desc()).limit(1)
    row = (await connection.execute(newest)).one_or_none()
    return Head(id=row.id, hash=row.hash) if row else trail.START


async def guarded(connection: AsyncConnection) -> bool:
    """Whether the triggers are there that refuse to change, delete and replace rows."""
    question, wanted = _GUARDS[connection.dialect.name]
    return wanted <= {*(await connection.execute(text(question))).scalars()}


async def following(connection: AsyncConnection, after: int, *, limit: int, wanted: Wanted = EVERYTHING) -> list[Entry]:
    """Up to `limit` rows with greater numbers, from the oldest, as they are stored."""
    statement = select(*_AS_STORED).where(table.c.id > after, *wanted.conditions()).order_by(table.c.id)
    return await _read(connection, statement.limit(limit))


async def preceding(
    connection: AsyncConnection, before: int | None, *, limit: int, wanted: Wanted = EVERYTHING
) -> list[Entry]:
    """Up to `limit` rows with smaller numbers, or the last ones of all, from the newest."""
    earlier = [] if before is None else [table.c.id < before]
    statement = select(*_AS_STORED).where(*earlier, *wanted.conditions()).order_by(table.c.id.desc())
    return await _read(connection, statement.limit(limit))


async def story(connection: AsyncConnection, operation_id: str, *, first: int, newest: int) -> Story:
    """Up to `first` rows from the beginning of an operation, and of those after them the `newest`.

    Passes at the gate are left out: what came of each has a row of its own.
    """
    wanted = Wanted(operation_id=operation_id, passed=False)
    begin = await following(connection, 0, limit=first, wanted=wanted)
    after = begin[-1].id if begin else 0
    end = [one for one in await preceding(connection, None, limit=newest, wanted=wanted) if one.id > after]
    count = select(func.count()).select_from(table).where(*wanted.conditions())
    total = (await connection.execute(count)).scalar_one()
    return Story(first=tuple(begin), newest=tuple(end[::-1]), left=total - len(begin) - len(end))


async def _read(connection: AsyncConnection, statement: Select[Any]) -> list[Entry]:
    return [Entry(**row._mapping) for row in await connection.execute(statement)]


async def _append(connection: AsyncConnection, entries: list[Entry]) -> None:
    """Give the entries their numbers and hashes; nobody else does until this transaction has ended."""
    await lock(connection, "audit")
    end = await head(connection)
    rows = []
    for entry in entries:
        chained = trail.linked(entry, to=end)
        end = Head(id=chained.id, hash=chained.hash)
        rows.append({**asdict(chained), "at": datetime.fromisoformat(chained.at)})
    await connection.execute(insert(connection, table), rows)


def _roles(actor: Actor) -> str:
    """The roles that were given to the member, as text: many programs that read JSON round numbers of this length."""
    return json.dumps([str(role) for role in sorted(actor.role_ids - {actor.guild_id})], separators=(",", ":"))


def _storable(entry: Entry) -> Entry:
    """The entry without what a database does not take: names and options are text that somebody typed."""
    limits = {name: getattr(table.c[name].type, "length", None) for name in _NAMES} | {"detail": DETAIL_LIMIT}
    texts = {name: value for name in _NAMES if isinstance(value := getattr(entry, name), str)}
    kept: dict[str, Any] = {
        name: value.replace("\0", "").encode(errors="ignore").decode()[: limits[name]] for name, value in texts.items()
    }
    return replace(entry, **kept)
