"""Deploy locks that people set: what they stop, and how they come, are shown, are remembered and go.

Whether something is locked is asked of `services.obstacles`, in the transaction that acts on the answer, and time is
decided there: no loop has to run for an expired lock to stop blocking. The loop only tidies up and reminds.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.cards import locks as lock_cards
from bot.cards import obstacles as obstacle_cards
from bot.domain import locks
from bot.domain.locks import End, Lock
from bot.domain.operations import DEPLOYING, Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import environments, obstacles, saying, showing
from bot.storage import audit, cards
from bot.storage import locks as rows
from bot.storage import operations as operation_rows
from bot.storage.engine import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A new lock, the one it replaces, and what it comes too late for."""

    lock: Lock
    before: Lock | None
    under_way: tuple[Operation, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """A lock after its end, and the others that hold in its environment."""

    lock: Lock
    left: tuple[Lock, ...]


async def place(
    connection: Connection,
    *,
    environment: str,
    service: str | None,
    owner_id: int,
    owner_name: str,
    reason: str,
    now: datetime,
    until: datetime | None = None,
    operation_id: str | None = None,
) -> bool:
    """Lock in the caller's transaction, which holds the environment and wakes `cards`. False when it is held already.

    The reason is cut. `operation_id` names the rollback that leaves the lock behind: the trail has that in place of the
    owner, who does nothing at this moment.
    """
    lock = Lock(
        id=secrets.token_hex(12),
        environment=environment,
        service=service,
        owner_id=owner_id,
        owner_name=owner_name,
        reason=saying.said(reason),
        since=now,
        until=until,
        operation_id=operation_id,
    )
    return await _add(connection, lock, actor="chatops")


async def lock(
    database: Database,
    *,
    environment: str,
    service: str | None,
    actor: Actor,
    reason: str,
    now: datetime,
    period: timedelta | None = None,
    blocks_rollbacks: bool = False,
    take_over: str = "",
) -> Placed:
    """Lock an environment or a service. The actor's own lock is replaced, somebody else's only if `take_over` names it.

    It is named by its short id, so that nobody takes over another one than they were shown, whatever the clocks say.
    Refuses an empty reason, and what somebody else holds.
    """
    new = Lock(
        id=secrets.token_hex(12),
        environment=environment,
        service=service,
        owner_id=actor.id,
        owner_name=actor.name,
        reason=saying.required(reason),
        since=now,
        until=now + period if period else None,
        blocks_rollbacks=blocks_rollbacks,
    )
    async with environments.changing(database, environment, wakes=("cards",)) as connection:
        before = await rows.held(connection, environment=environment, service=service)
        if before is not None and locks.in_force(before, now=now):
            mine = before.owner_id == actor.id
            if not mine and take_over.strip().lower() not in (before.id, before.short_id):
                raise Refused(Reason.LOCK_HELD, _detail(before), plainly=obstacles.named(before))
            await _end(connection, before, End.RENEWED if mine else End.TAKEN_OVER, now=now, actor=actor, reason=reason)
        else:
            before = None
        if not await _add(connection, new, actor=actor):
            raise Refused(Reason.LOCK_HELD)
        opened = await operation_rows.opened(connection, environment)
    late = tuple(one for one in opened if one.under_way and _meets(new, one, now=now))
    return Placed(lock=new, before=before, under_way=late)


async def unlock(
    database: Database, *, environment: str, service: str | None, actor: Actor, reason: str, now: datetime
) -> Removed:
    """End the lock on exactly this target. Refuses when there is none, and somebody else's without a reason."""
    async with environments.changing(database, environment, wakes=("cards",)) as connection:
        standing = [one for one in await rows.standing(connection, environment) if locks.in_force(one, now=now)]
        found = next((one for one in standing if one.service == service), None)
        if found is None:
            raise Refused(Reason.LOCK_UNKNOWN)
        if found.owner_id != actor.id and not saying.said(reason):
            raise Refused(Reason.NO_REASON, lock_cards.told(found), plainly=obstacles.named(found))
        ended = await _end(connection, found, End.UNLOCKED, now=now, actor=actor, reason=reason)
    return Removed(lock=ended, left=tuple(one for one in _sorted(standing) if one.id != found.id))


async def holding(database: Database, *, places: Iterable[str], now: datetime) -> list[Lock]:
    """The locks that hold in these environments at this moment, environment by environment, the oldest first."""
    async with database.reading() as connection:
        found = await rows.standing(connection)
    order = [*places]
    held = [one for one in _sorted(found) if one.environment in order and locks.in_force(one, now=now)]
    return sorted(held, key=lambda one: order.index(one.environment))


async def tend(database: Database, *, now: datetime) -> None:
    """Write down which locks have expired, and remind of those that have stood for long; each once, whoever else does.

    What was missed is one reminder, and a lock that is gone by then has none.
    """
    async with database.reading() as connection:
        found = await rows.standing(connection)
    for one in found:
        if locks.in_force(one, now=now) and locks.nagged(one, now=now) == one:
            continue
        async with environments.changing(database, one.environment, wakes=("cards",)) as connection:
            current = await rows.get(connection, one.id)
            if current is None or current.ended is not None:
                continue
            if not locks.in_force(current, now=now):
                await _end(connection, current, End.EXPIRED, now=now)
                continue
            reminded = locks.nagged(current, now=now)
            if reminded != current and await rows.save(connection, reminded, nags=current.nags):
                await _note(connection, reminded, "lock", "reminded", actor="chatops", now=now)
                await cards.mark_stale(connection, card_key(reminded), now=now)


async def refresh_card(connection: Connection, rollback: Operation, *, now: datetime) -> None:
    """Let the board look at the message about the lock that a rollback left behind, if it still stands."""
    for lock in await rows.standing(connection, rollback.environment):
        if lock.operation_id == rollback.id:
            await cards.mark_stale(connection, card_key(lock), now=now)


def card_key(lock: Lock) -> str:
    """The key of the newest message about a lock."""
    return f"nag:{lock.id}:{lock.nags}"


async def _add(connection: Connection, lock: Lock, *, actor: Actor | str) -> bool:
    """Insert a new lock, in the place of one that has expired, and show and write it down. False when it is held."""
    before = await rows.held(connection, environment=lock.environment, service=lock.service)
    if before is not None and not locks.in_force(before, now=lock.since):
        await _end(connection, before, End.EXPIRED, now=lock.since)
    if not await rows.add(connection, lock):
        return False
    await _note(connection, lock, "lock", "locked", actor=actor, now=lock.since, detail=_terms(lock))
    await _show(connection, lock, now=lock.since)
    return True


async def _end(
    connection: Connection, lock: Lock, how: End, *, now: datetime, actor: Actor | None = None, reason: str = ""
) -> Lock:
    """The lock after its end, which is shown and written down unless somebody else has ended it."""
    said = saying.said(reason)
    ended = locks.end(lock, how, now=now, by=actor.name if actor else "", reason=said)
    if await rows.save(connection, ended, nags=lock.nags):
        was = f"{lock.short_id} could not be read" if lock.unreadable else f"{lock.owner_name}: {lock.reason}"
        detail = was + (f" | {said}" if said else "")
        await _note(connection, lock, "unlock", how.replace(" ", "_"), actor=actor or "chatops", now=now, detail=detail)
        await _show(connection, ended, now=now)
    return ended


async def _show(connection: Connection, lock: Lock, *, now: datetime) -> None:
    """Have the board look at the lock's message, and at the cards of what waits for consent where it holds."""
    await cards.mark_stale(connection, card_key(lock), now=now)
    for operation in await operation_rows.opened(connection, lock.environment):
        if operation.state is OperationState.WAITING:
            await showing.refresh_card(connection, operation, now=now)


async def _note(
    connection: Connection,
    lock: Lock,
    action: str,
    outcome: str,
    *,
    actor: Actor | str,
    now: datetime,
    detail: str = "",
) -> None:
    await audit.note(
        connection,
        at=now,
        actor=actor,
        action=action,
        outcome=outcome,
        environment=lock.environment,
        service=lock.service,
        detail=detail,
        correlation=None if isinstance(actor, Actor) or not lock.operation_id else f"operation:{lock.operation_id}",
    )


def _terms(lock: Lock) -> str:
    """What the lock is, before the words of its owner, so that nobody can write these terms into a reason."""
    until = f" until {lock.until:%Y-%m-%d %H:%M} UTC" if lock.until else ""
    return f"{lock.short_id}{until}{', rollbacks too' if lock.blocks_rollbacks else ''}: {lock.reason}"


def _meets(lock: Lock, operation: Operation, *, now: datetime) -> bool:
    """Whether the lock would have stopped the operation."""
    rollback = operation.goes_back
    return operation.counts_as in DEPLOYING and locks.blocks(
        lock, environment=operation.environment, service=operation.scope, rollback=rollback, now=now
    )


def _sorted(found: Iterable[Lock]) -> list[Lock]:
    return sorted(found, key=lambda one: (one.since, one.id))


def _detail(lock: Lock) -> str:
    return obstacle_cards.all_told((lock,))
