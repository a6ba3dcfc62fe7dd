"""Consent to several requests of one environment by one press, to exactly those that were shown.

What a person is shown is known again by a fingerprint of the requests and their contents. If anything has moved by the
press, nothing is counted and the person sees the new list. Each request keeps its own rules: whose own it is leaves it
out, and where more people are needed it goes on waiting.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.domain import approvals as rules
from bot.domain.approvals import Approval
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, environments, obstacles
from bot.storage import approvals as rows
from bot.storage import operations as operation_rows
from bot.storage.engine import Connection, Database

AT_ONCE = 8
"""As many as a list can show in full, whatever they are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request that waits for consent, and why this person's would not count, if it would not."""

    approval: Approval
    operation: Operation
    refused: Reason | None


async def waiting(
    database: Database, environment: str, *, actor: Actor, now: datetime, logins: Mapping[int, str] = approvals.NOBODY
) -> list[Waiting]:
    """Everything that waits for consent in an environment, oldest first, as the actor sees it."""
    async with database.reading() as connection:
        return await _waiting(connection, environment, actor=actor, now=now, logins=logins)


def within_reach(found: Iterable[Waiting]) -> list[Waiting]:
    """The oldest of those that the actor can consent to, as many as one press takes."""
    return [one for one in found if one.refused is None][:AT_ONCE]


def fingerprint(found: Iterable[Waiting]) -> str:
    """Which requests with which contents one press would consent to, 16 hexadecimal digits."""
    return _fingerprint(one.approval for one in within_reach(found))


async def only(database: Database, environment: str, *, shown: str) -> Approval | None:
    """The request that is all of the list which was `shown`, as long as it is open and its content is the same."""
    async with database.reading() as connection:
        for operation in await operation_rows.opened(connection, environment):
            asked = await rows.of_operation(connection, operation.id)
            if asked is not None and _fingerprint([asked[0]]) == shown:
                return asked[0]
    return None


async def grant_all(
    database: Database,
    environment: str,
    *,
    shown: str,
    actor: Actor,
    now: datetime,
    logins: Mapping[int, str] = approvals.NOBODY,
) -> list[Approval] | None:
    """Count the actor's consent to every request that was `shown`, or to none: None when they are others by now.

    Refuses with what is in the way when that holds all of them.
    """
    async with environments.changing(database, environment, wakes=("operations", "cards")) as connection:
        found = await _waiting(connection, environment, actor=actor, now=now, logins=logins)
        those = within_reach(found)
        if not those:
            for one in found:
                await obstacles.require_clear(connection, one.operation, now=now)
        if not those or fingerprint(those) != shown:
            return None
        return [
            await approvals.count(connection, one.approval.id, actor=actor, now=now, logins=logins) for one in those
        ]


def _fingerprint(those: Iterable[Approval]) -> str:
    known = "\n".join(f"{one.id} {one.digest}" for one in those)
    return hashlib.sha256(known.encode()).hexdigest()[:16]


async def _waiting(
    connection: Connection, environment: str, *, actor: Actor, now: datetime, logins: Mapping[int, str]
) -> list[Waiting]:
    found = []
    for operation in await operation_rows.opened(connection, environment):
        asked = await rows.of_operation(connection, operation.id)
        if asked is None or operation.state is not OperationState.WAITING or now >= asked[0].expires_at:
            continue
        approval, refused = asked[0], None
        try:
            await approvals.require_others(connection, operation, approval, actor=actor, logins=logins)
            rules.grant(approval, person=actor.id, name=actor.name, roles=actor.role_ids, now=now)
            await obstacles.require_clear(connection, operation, now=now)
        except Refused as refusal:
            refused = refusal.reason
        found.append(Waiting(approval=approval, operation=operation, refused=refused))
    return found
