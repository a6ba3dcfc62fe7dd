"""Freeze windows: how they are added, listed and removed, and what happens when one begins or ends.

What they stop is decided by `services.obstacles` at the moment of the question. The loop here only has the cards shown
again that say so, gives requests their time back, and tidies up.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from bot.cards import freezes as freeze_cards
from bot.domain import freezes, locks
from bot.domain.catalog import Catalog
from bot.domain.freezes import CRON_LIMIT, End, Ended, Freeze
from bot.domain.operations import OperationKind, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import environments, obstacles, saying
from bot.storage import audit
from bot.storage import freezes as rows
from bot.storage import operations as operation_rows
from bot.storage.engine import Connection, Database

MOST = 50
"""How many freezes an environment may have: each is looked at before every order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A freeze as somebody wrote it: until `ends`, from `starts` or now on, or else `cron` and how long it `lasts`."""

    environment: str
    service: str | None
    reason: str
    zone: str | None = None
    starts: str | None = None
    ends: str | None = None
    cron: str | None = None
    lasts: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A new freeze, and its first window."""

    freeze: Freeze
    first: tuple[datetime, datetime]


async def add(database: Database, wanted: Wanted, *, catalog: Catalog, actor: Actor, now: datetime) -> Added:
    """Add a freeze. Refuses one without a reason, one of neither or both shapes, a time zone that there is not, what
    `freezes.require_sound` refuses, and the one that would be too many."""
    new = _freeze(wanted, actor=actor, now=now)
    first = freezes.require_sound(new, now=now)
    async with environments.changing(database, new.environment, wakes=("cards",)) as connection:
        if len(await rows.standing(connection, new.environment)) >= MOST:
            raise Refused(Reason.FREEZE_LIMIT)
        await rows.add(connection, new)
        await _note(connection, new, "added", actor=actor, now=now, detail=_rule(new))
        await _look(connection, rows.Standing(new, None), catalog=catalog, now=now)
    return Added(freeze=new, first=first)


async def find(database: Database, freeze_id: str, *, places: Iterable[str]) -> Freeze:
    """The freeze with this id in one of these environments; refuses any other."""
    async with database.reading() as connection:
        found = await rows.get(connection, freeze_id)
    if found is None or found.environment not in places:
        raise Refused(Reason.FREEZE_UNKNOWN)
    return found


async def remove(
    database: Database, freeze_id: str, *, catalog: Catalog, actor: Actor, reason: str, now: datetime
) -> Freeze:
    """End a freeze. Refuses one that there is not, and somebody else's without a reason."""
    freeze = await find(database, freeze_id, places=catalog.environments)
    said = saying.said(reason)
    if freeze.owner_id != actor.id and not said:
        whose = f"freeze {freeze.id}: {freeze.owner_name or 'somebody'} added it: {freeze.reason}"
        raise Refused(Reason.NO_REASON, freeze_cards.added_by(freeze), plainly=whose)
    ended = Ended(how=End.REMOVED, at=now, by=actor.name, reason=said)
    async with environments.changing(database, freeze.environment, wakes=("cards",)) as connection:
        if not await rows.end(connection, replace(freeze, ended=ended)):
            raise Refused(Reason.FREEZE_UNKNOWN)
        detail = f"{freeze.owner_name}: {freeze.reason} | {said}"
        await _note(connection, freeze, "removed", actor=actor, now=now, detail=detail)
        await _show(connection, freeze, catalog=catalog, now=now)
    return freeze


async def standing(database: Database, *, places: Iterable[str]) -> list[Freeze]:
    """The freezes of these environments, environment by environment."""
    order = [*places]
    async with database.reading() as connection:
        found = [one.freeze for one in await rows.standing(connection)]
    return sorted((one for one in found if one.environment in order), key=lambda one: order.index(one.environment))


async def tend(database: Database, *, catalog: Catalog, now: datetime) -> None:
    """Have the cards shown again where a window has begun or ended, and end what has passed; each once."""
    async with database.reading() as connection:
        found = await rows.standing(connection)
    for one in found:
        if _until(one.freeze, now=now) == one.told_until and not freezes.is_over(one.freeze, now=now):
            continue
        async with environments.changing(database, one.freeze.environment, wakes=("cards",)) as connection:
            await _look(connection, one, catalog=catalog, now=now)


async def _look(connection: Connection, known: rows.Standing, *, catalog: Catalog, now: datetime) -> None:
    """Write down what the cards are told, and have them shown; or that the freeze is over."""
    freeze = known.freeze
    if freezes.is_over(freeze, now=now):
        moved = await rows.end(connection, replace(freeze, ended=Ended(how=End.OVER, at=now)))
        if moved:
            await _note(connection, freeze, End.OVER, actor="chatops", now=now)
    else:
        until = _until(freeze, now=now)
        changed = until != known.told_until
        moved = changed and await rows.tell(connection, freeze.id, before=known.told_until, until=until)
    if moved:
        await _show(connection, freeze, catalog=catalog, now=now)


async def _show(connection: Connection, freeze: Freeze, *, catalog: Catalog, now: datetime) -> None:
    """Have the board look at what waits for consent there; what the freeze held has its whole time again."""
    place, state = catalog.environments.get(freeze.environment), freezes.frozen(freeze, now=now)
    unreadable = state is not None and state.until is None
    for operation in await operation_rows.opened(connection, freeze.environment):
        held = freeze.service in (None, operation.scope) or operation.scope is None
        if operation.kind is not OperationKind.DEPLOY or (operation.hotfix and not unreadable) or not held:
            continue
        if operation.state is OperationState.WAITING:
            await obstacles.give_time(connection, operation, environment=place, after=now, now=now)


def _until(freeze: Freeze, *, now: datetime) -> datetime | None:
    frozen = freezes.frozen(freeze, now=now)
    return frozen.until if frozen else None


def _freeze(wanted: Wanted, *, actor: Actor, now: datetime) -> Freeze:
    """The freeze that was written, as far as it can be one."""
    zone, reason = (wanted.zone or "UTC").strip(), saying.required(wanted.reason)
    try:
        freezes.zone_of(zone)
    except ValueError as error:
        raise Refused(Reason.ZONE_UNKNOWN) from error
    once = bool(wanted.ends) and not wanted.cron and not wanted.lasts
    lasts = locks.span(wanted.lasts) if wanted.lasts else None
    if not once and (not wanted.cron or lasts is None or wanted.starts or wanted.ends):
        raise Refused(Reason.FREEZE_SHAPE)
    if wanted.cron and len(wanted.cron) > CRON_LIMIT:
        raise Refused(Reason.FREEZE_CRON)
    starts = freezes.moment(wanted.starts, zone=zone, latest=False) if wanted.starts else now
    return Freeze(
        id=secrets.token_hex(4),
        environment=wanted.environment,
        service=wanted.service,
        owner_id=actor.id,
        owner_name=actor.name,
        reason=reason,
        since=now,
        zone=zone,
        starts=starts if once else None,
        ends=freezes.moment(wanted.ends, zone=zone, latest=True) if once and wanted.ends else None,
        cron=" ".join(wanted.cron.split()) if wanted.cron else None,
        lasts=lasts,
    )


def _rule(freeze: Freeze) -> str:
    """When it holds, for the audit."""
    if freeze.cron is not None:
        return f"{freeze.reason} | {freeze.cron} in {freeze.zone} for {freeze.lasts}"
    return f"{freeze.reason} | {freeze.starts:%Y-%m-%d %H:%M} to {freeze.ends:%Y-%m-%d %H:%M} UTC"


async def _note(
    connection: Connection, freeze: Freeze, outcome: str, *, actor: Actor | str, now: datetime, detail: str = ""
) -> None:
    await audit.note(
        connection,
        at=now,
        actor=actor,
        action="freeze",
        outcome=outcome,
        environment=freeze.environment,
        service=freeze.service,
        detail=f"{freeze.id} {detail}".strip(),
    )
