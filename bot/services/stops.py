"""Stopping everything and resuming: one transaction that holds every environment, and what people are told of it.

Whoever writes the mark of an order holds its environment too, so an order is either marked before the stop or sees it.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from bot.cards import stops as stop_cards
from bot.domain import stops
from bot.domain.catalog import Catalog
from bot.domain.operations import BEGUN, OPEN, WORKABLE, Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.domain.stops import Resumed, Stop
from bot.services import environments, obstacles, saying, showing
from bot.storage import audit, cards
from bot.storage import operations as operation_rows
from bot.storage import stops as rows
from bot.storage.engine import Connection, Database

CHANNELS = ("releases", "alerts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A stop, and what it comes too late for."""

    stop: Stop
    under_way: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A stop after its end, and how many operations go on."""

    stop: Stop
    waiting: int


async def standing(database: Database) -> Stop | None:
    """The stop that stands, if one does."""
    async with database.reading() as connection:
        return await rows.standing(connection)


async def stop(database: Database, *, catalog: Catalog, actor: Actor, reason: str, now: datetime) -> Stopped:
    """Hold everything from this moment on. Refuses an empty reason, and when everything is stopped already."""
    new = Stop(
        id=secrets.token_hex(8), owner_id=actor.id, owner_name=actor.name, reason=saying.required(reason), since=now
    )
    async with environments.changing(database, *catalog.environments, wakes=("cards", "operations")) as connection:
        before = await rows.standing(connection)
        if before is not None or not await rows.add(connection, new):
            told, plainly = (stop_cards.told(before), obstacles.named(before)) if before else ("", "")
            raise Refused(Reason.STOPPED_ALREADY, told, plainly=plainly)
        await _note(connection, "stop", "stopped", actor=actor, now=now, detail=new.reason)
        await _show(connection, new, now=now)
    # What is told beside it comes after the commit: nothing that cannot be read may keep anybody from stopping.
    async with database.transaction("cards") as connection:
        for operation in await operation_rows.in_states(connection, [OperationState.WAITING]):
            await showing.refresh_card(connection, operation, now=now)
        opened = await operation_rows.in_states(connection, WORKABLE)
    return Stopped(stop=new, under_way=tuple(one for one in opened if one.under_way))


async def resume(database: Database, *, catalog: Catalog, actor: Actor, reason: str, now: datetime) -> Gone:
    """Let everything go on. Requests have their whole time again. Refuses an empty reason, and when nothing stands."""
    ends = Resumed(at=now, by=actor.name, reason=saying.required(reason))
    async with environments.changing(database, *catalog.environments, wakes=("cards", "operations")) as connection:
        found = await rows.standing(connection)
        if found is None or not await rows.save(connection, replace(found, resumed=ends), nags=found.nags):
            raise Refused(Reason.NOT_STOPPED)
        detail = f"{found.owner_name}: {found.reason} | {ends.reason}"
        await _note(connection, "resume", "resumed", actor=actor, now=now, detail=detail)
        await _show(connection, found, now=now)
        held = [one for one in await operation_rows.in_states(connection, OPEN) if one.state not in BEGUN]
        for operation in held:
            if operation.state is OperationState.WAITING:
                place = catalog.environments.get(operation.environment)
                await obstacles.give_time(connection, operation, environment=place, after=now, now=now)
    return Gone(stop=replace(found, resumed=ends), waiting=sum(stops.holds(one.kind) for one in held))


async def tend(database: Database, *, catalog: Catalog, now: datetime) -> None:
    """Remind of a stop that has stood for long; each time once, whoever else does."""
    found = await standing(database)
    if found is None or stops.nagged(found, now=now) == found:
        return
    async with environments.changing(database, *catalog.environments, wakes=("cards",)) as connection:
        current = await rows.standing(connection)
        reminded = stops.nagged(current, now=now) if current else None
        if current is None or reminded is None or not await rows.save(connection, reminded, nags=current.nags):
            return
        if reminded != current:
            await _note(connection, "stop", "reminded", actor="chatops", now=now)
            await _show(connection, reminded, now=now)


def card_keys(stop: Stop) -> Collection[str]:
    """The keys of the newest messages about a stop, one for each channel."""
    return [f"stop:{channel}:{stop.id}:{stop.nags}" for channel in CHANNELS]


async def _show(connection: Connection, stop: Stop, *, now: datetime) -> None:
    for key in card_keys(stop):
        await cards.mark_stale(connection, key, now=now)


async def _note(
    connection: Connection, action: str, outcome: str, *, actor: Actor | str, now: datetime, detail: str = ""
) -> None:
    await audit.note(connection, at=now, actor=actor, action=action, outcome=outcome, detail=detail)
