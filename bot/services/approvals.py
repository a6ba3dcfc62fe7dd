"""Decisions of people: one press, one vote, one transaction.

The approval and its operation change together, and both are compare-and-set: of a thousand presses at once, one
moves the operation on. Nothing outside is asked here; the worker looks again before it acts.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType

import structlog
from pydantic import ValidationError

from bot.cards import standing
from bot.domain import approvals
from bot.domain.approvals import Approval, ApprovalState
from bot.domain.operations import Operation, OperationState
from bot.domain.people import unmapped
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import environments, obstacles, operations, releases, showing
from bot.storage import approvals as rows
from bot.storage import audit
from bot.storage import operations as operation_rows
from bot.storage.engine import Connection, Database

NOBODY: Mapping[int, str] = MappingProxyType({})
"""An identity map without people: whoever GitHub names is unknown then."""

log = structlog.get_logger(__name__)


async def get(database: Database, approval_id: str) -> Approval:
    """The approval behind a button. Refuses (SUPERSEDED) one that is not known (any more)."""
    async with database.reading() as connection:
        found = await rows.get(connection, approval_id)
    if found is None:
        raise Refused(Reason.SUPERSEDED)
    return found[0]


async def grant(
    database: Database, approval_id: str, *, actor: Actor, now: datetime, logins: Mapping[int, str] = NOBODY
) -> Approval:
    """Count the actor's consent; the last one needed lets the operation go. Refuses as `domain.approvals.grant`,
    and while something is in the way: a stop, a lock or a freeze.

    `logins` are those of the identity map, by Discord id. Who wrote or started the run may have been reported only
    after the request was made, so it is looked up at the press.
    """
    place = (await get(database, approval_id)).environment
    async with environments.changing(database, place, wakes=("operations", "cards")) as connection:
        return await count(connection, approval_id, actor=actor, now=now, logins=logins)


async def count(
    connection: Connection, approval_id: str, *, actor: Actor, now: datetime, logins: Mapping[int, str] = NOBODY
) -> Approval:
    """Count the actor's consent as `grant` does, in a transaction that holds the environment."""
    approval, version, operation = await read(connection, approval_id)
    if operation.state is OperationState.WAITING:
        await obstacles.require_clear(connection, operation, now=now)
    await require_others(connection, operation, approval, actor=actor, logins=logins)
    voted = approvals.grant(approval, person=actor.id, name=actor.name, roles=actor.role_ids, now=now)
    await keep(connection, voted, version=version, operation=operation, actor=actor, action="approve", now=now)
    return voted


async def keep(
    connection: Connection,
    given: Approval,
    *,
    version: int,
    operation: Operation,
    actor: Actor,
    action: str,
    now: datetime,
    detail: str = "",
) -> None:
    """Write a consent down, show it, and let the operation go if it was the last one. Refuses what came second."""
    if not await rows.save(connection, given, version=version):
        raise Refused(Reason.ALREADY_DECIDED)
    if given.state is ApprovalState.GRANTED:
        after = replace(operation, state=OperationState.APPROVED, updated_at=now)
        if not await operation_rows.save(connection, after, expected=OperationState.WAITING):
            raise Refused(Reason.ALREADY_DECIDED)
    await audit.note(
        connection,
        at=now,
        actor=actor,
        action=action,
        outcome=given.state,
        operation=operation,
        digest=given.digest,
        detail=detail,
    )
    await showing.refresh_card(connection, operation, now=now)


async def require_others(
    connection: Connection, operation: Operation, approval: Approval, *, actor: Actor, logins: Mapping[int, str]
) -> None:
    """Refuse as `require_no_author`, and everybody where GitHub has reported by now somebody of whom nobody knows who
    they are on Discord, unless the request is one that only warns of them."""
    wrote = await _reported(connection, operation)
    _require_not_among({*approval.unmapped, *wrote}, login=logins.get(actor.id))
    strangers = unmapped(wrote, known=(*logins.values(), *approval.unmapped))
    if strangers and approval.refuse_unknown:
        raise Refused(Reason.UNKNOWN_AUTHORS, f"{standing.unknown(replace(approval, unmapped=strangers))}.", plainly="")


async def require_no_author(
    connection: Connection, operation: Operation, approval: Approval, *, login: str | None
) -> None:
    """Refuse whom GitHub has reported, by now, as the author or starter of a run behind the content, and who stands
    behind it and got into the identity map only after the request was made."""
    _require_not_among({*approval.unmapped, *await _reported(connection, operation)}, login=login)


async def reject(database: Database, approval_id: str, *, actor: Actor, why: str, now: datetime) -> Approval:
    """Close the request with a no, and keep why. Refuses a request that is decided or expired."""
    return await _close(
        database,
        approval_id,
        decide=lambda approval, _: approvals.reject(approval, name=actor.name, now=now),
        state=OperationState.REJECTED,
        reason=Reason.REJECTED,
        actor=actor,
        detail=why,
        now=now,
    )


async def withdraw(database: Database, approval_id: str, *, actor: Actor, now: datetime) -> Approval:
    """Take the actor's own request back. Refuses one that is decided or expired, or that somebody else made."""
    return await _close(
        database,
        approval_id,
        decide=lambda approval, operation: approvals.withdraw(
            approval, person=actor.id, asked_by=operation.requested_by, name=actor.name, now=now
        ),
        state=OperationState.WITHDRAWN,
        reason=Reason.WITHDRAWN,
        actor=actor,
        now=now,
    )


async def expire_overdue(database: Database, *, now: datetime) -> int:
    """Close every request whose time is over; says how many. One that cannot be read keeps no other one open."""
    async with database.reading() as connection:
        overdue = await rows.overdue(connection, now=now)
    closed = 0
    for approval_id in overdue:
        try:
            closed += await _expire(database, approval_id, now=now)
        except ValidationError:
            log.exception("approvals.not_expired", approval=approval_id)
    return closed


async def read(connection: Connection, approval_id: str) -> tuple[Approval, int, Operation]:
    """The request behind a button: its approval, the version of that, and its operation. Refuses one not known."""
    found = await rows.get(connection, approval_id)
    operation = found and await operation_rows.get(connection, found[0].operation_id)
    if found is None or operation is None:
        raise Refused(Reason.SUPERSEDED)
    return *found, operation


async def _reported(connection: Connection, operation: Operation) -> set[str]:
    return await releases.wrote(connection, operation.content) if operation.content else set()


def _require_not_among(behind: Collection[str], *, login: str | None) -> None:
    if login in behind:
        raise Refused(Reason.OWN_REQUEST)


async def _expire(database: Database, approval_id: str, *, now: datetime) -> bool:
    """Close a request whose time is over; says whether it still waited, and nobody has given it more meanwhile."""
    place = (await get(database, approval_id)).environment
    async with environments.changing(database, place, wakes=("cards",)) as connection:
        approval, _, operation = await read(connection, approval_id)
        over = operation.state is OperationState.WAITING and now >= approval.expires_at
        return over and await operations.close(
            connection, operation, state=OperationState.EXPIRED, reason=Reason.EXPIRED, now=now
        )


async def _close(
    database: Database,
    approval_id: str,
    *,
    decide: Callable[[Approval, Operation], Approval],
    state: OperationState,
    reason: Reason,
    actor: Actor,
    now: datetime,
    detail: str = "",
) -> Approval:
    """End a request as `decide` says, unless something else has ended it at the same time."""
    place = (await get(database, approval_id)).environment
    async with environments.changing(database, place, wakes=("cards",)) as connection:
        approval, version, operation = await read(connection, approval_id)
        decided = decide(approval, operation)
        if not await rows.save(connection, decided, version=version):
            raise Refused(Reason.ALREADY_DECIDED)
        closed = await operations.close(
            connection, operation, state=state, reason=reason, now=now, actor=actor, detail=detail
        )
        if not closed:
            raise Refused(Reason.ALREADY_DECIDED)
    return decided
