"""What is in the way of an operation: the one question that is asked when somebody orders, when somebody consents, and
right before anything is written or ordered outside.

It is asked in the transaction that acts on the answer wherever there is one. Whoever stops everything, locks or freezes
holds the environment as well, so what was committed before a mark is always seen by it.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.cards import obstacles as cards
from bot.domain import freezes, locks, stops
from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Environment
from bot.domain.freezes import Freeze, Frozen
from bot.domain.locks import Lock
from bot.domain.obstacles import Obstacle, stands_still
from bot.domain.operations import ALL, DEPLOYING, Operation, OperationKind, OperationState
from bot.domain.reasons import Reason, Refused
from bot.domain.stops import Stop
from bot.services import environments, showing
from bot.storage import approvals as approval_rows
from bot.storage import freezes as freeze_rows
from bot.storage import locks as lock_rows
from bot.storage import operations as operation_rows
from bot.storage import stops as stop_rows
from bot.storage.engine import Connection, Database

SOON = timedelta(minutes=1)
_TIME = "%Y-%m-%d %H:%M UTC"


async def in_the_way(connection: Connection, operation: Operation, *, now: datetime) -> Obstacle | None:
    """What forbids this operation at this moment, and decides what people are told first: the first of `all_of`."""
    return next(iter(await all_of(connection, operation, now=now)), None)


async def all_of(connection: Connection, operation: Operation, *, now: datetime) -> tuple[Obstacle, ...]:
    """Everything that forbids this operation at this moment; a hot-fix goes through every freeze that can be read."""
    place, service = operation.environment, operation.scope
    found = await all_at(connection, operation.counts_as, environment=place, service=service, now=now)
    if not operation.hotfix:
        return found
    return tuple(one for one in found if not isinstance(one, Frozen) or one.until is None)


async def all_at(
    connection: Connection, kind: OperationKind, *, environment: str, service: str | None, now: datetime
) -> tuple[Obstacle, ...]:
    """Everything that forbids an operation of a kind at a place: the stop, then the locks, then the freezes.

    A stop holds everything but what ends something, a lock deploys and perhaps rollbacks, a freeze deploys; to have a
    run again is a deploy where Argo CD syncs by itself. Without a service it is about all of them.
    """
    stop = await stop_rows.standing(connection) if stops.holds(kind) else None
    found: list[Obstacle] = [stop] if stop is not None else []
    if kind not in DEPLOYING:
        return tuple(found)
    rollback = kind is OperationKind.ROLLBACK
    held = await lock_rows.standing(connection, environment)
    found += locks.blocking(held, environment=environment, service=service, rollback=rollback, now=now)
    if not rollback:
        known = [one.freeze for one in await freeze_rows.standing(connection, environment)]
        found += freezes.blocking(known, environment=environment, service=service, now=now)
    return tuple(found)


async def stop_of(connection: Connection, operation: Operation) -> Stop | None:
    """The stop that holds the operation, if everything is stopped and it is none that ends something."""
    return await stop_rows.standing(connection) if stops.holds(operation.kind) else None


async def require_clear(connection: Connection, operation: Operation, *, now: datetime) -> None:
    """Return unless something is in the way; refuse with who, why, since and until when, and what to do.

    The detail is markdown for a private answer, and the trail keeps what is told first, by its name. What is kept with
    an operation is what `require_still_clear` says.
    """
    found = await all_of(connection, operation, now=now)
    if found:
        raise Refused(_reason(found[0]), cards.all_told(found), plainly=named(found[0]))


async def require_still_clear(connection: Connection, operation: Operation, *, now: datetime) -> None:
    """The same for a worker: the detail is in words that need no markdown."""
    obstacle = await in_the_way(connection, operation, now=now)
    if obstacle is not None:
        raise Refused(_reason(obstacle), plainly(obstacle))


async def require_running(connection: Connection, operation: Operation) -> None:
    """The same, where it only matters whether everything is stopped."""
    stop = await stop_of(connection, operation)
    if stop is not None:
        raise Refused(Reason.STOPPED, plainly(stop))


def named(obstacle: Obstacle) -> str:
    """Which one it is, then what `plainly` says of it: for the trail."""
    said = plainly(obstacle)
    match obstacle:
        case Stop():
            return f"stop {obstacle.id}: {said}"
        case Lock():
            return f"lock {obstacle.short_id}: {said}"
        case Frozen():
            return f"freeze {obstacle.freeze.id}: {said}"


def plainly(obstacle: Obstacle) -> str:
    """Who set what, until when and why, in words that need no markdown: for the detail of an operation."""
    match obstacle:
        case Stop(owner_name=""):
            return "Who stopped it and why cannot be read."
        case Stop():
            return f"{obstacle.owner_name} stopped everything: {obstacle.reason}"
        case Lock(owner_name=""):
            return f"Who locked {_what(obstacle)} and why cannot be read."
        case Lock():
            until = f" until {obstacle.until:{_TIME}}" if obstacle.until else ""
            return f"{obstacle.owner_name} locked {_what(obstacle)}{until}: {obstacle.reason}"
        case Frozen(until=None):
            return f"It is the freeze {obstacle.freeze.id}."
        case Frozen():
            one = obstacle.freeze
            return f"{one.owner_name} froze {_what(one)} until {obstacle.until:{_TIME}}: {one.reason}"


async def keep_waiting(database: Database, *, places: Mapping[str, Environment], now: datetime) -> None:
    """Give the requests more time that nobody can approve now, because it is frozen or everything is stopped.

    Their patience begins anew when that is over. `places` has the environments by name.
    """
    async with database.reading() as connection:
        found = await approval_rows.overdue(connection, now=now + SOON)
    for approval_id in found:
        await _keep(database, approval_id, places=places, now=now)


async def give_time(
    connection: Connection, operation: Operation, *, environment: Environment | None, after: datetime, now: datetime
) -> None:
    """Have people decide a request within its lifetime after this moment, unless they have longer; show it again."""
    found = await approval_rows.of_operation(connection, operation.id)
    if found is not None and environment is not None and found[0].state is ApprovalState.PENDING:
        approval, version = found
        ends = after + environment.approval_lifetime
        if approval.expires_at < ends:
            await approval_rows.save(connection, replace(approval, expires_at=ends, held_until=after), version=version)
    await showing.refresh_card(connection, operation, now=now)


async def _keep(database: Database, approval_id: str, *, places: Mapping[str, Environment], now: datetime) -> None:
    async with database.reading() as connection:
        found = await approval_rows.get(connection, approval_id)
    if found is None or found[0].environment not in places:
        return
    place = places[found[0].environment]
    async with environments.changing(database, place.name, wakes=("cards",)) as connection:
        operation = await operation_rows.get(connection, found[0].operation_id)
        if operation is None or operation.state is not OperationState.WAITING:
            return
        obstacles = await all_of(connection, operation, now=now)
        if stands_still(obstacles):
            ends = [one.until for one in obstacles if isinstance(one, Frozen) and one.until is not None]
            await give_time(connection, operation, environment=place, after=max(ends, default=now), now=now)


def _what(held: Lock | Freeze) -> str:
    return f"{held.service or ALL} in {held.environment}"


def _reason(obstacle: Obstacle) -> Reason:
    match obstacle:
        case Stop():
            return Reason.STOPPED
        case Lock():
            return Reason.LOCK_UNREADABLE if obstacle.unreadable else Reason.LOCKED
        case Frozen():
            return Reason.FROZEN if obstacle.until else Reason.FREEZE_UNREADABLE
