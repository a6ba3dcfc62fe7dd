"""Breaking the glass: one person lets a request go alone, and everybody hears of it until another one has looked at it.

It replaces the consent of others and nothing else: a stop, a lock or a freeze holds, and the worker looks again before
it acts, as after any consent. Each message and reminder is a card of its own, whose key has the number of the reminder:
an edit tells nobody.
"""

from datetime import datetime

from bot.domain import approvals as rules
from bot.domain.approvals import Approval
from bot.domain.operations import OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, environments, obstacles, saying, showing
from bot.storage import approvals as rows
from bot.storage import audit, cards
from bot.storage.engine import Connection, Database

ACTION = "break_glass"


async def smash(database: Database, approval_id: str, *, actor: Actor, reason: str, now: datetime) -> Approval:
    """Let the operation go by the actor alone, who may have asked for it or written it.

    Refuses an empty reason, a request that is decided or expired, and while a stop, a lock or a freeze is in the way.
    """
    why = saying.required(reason)
    place = (await approvals.get(database, approval_id)).environment
    async with environments.changing(database, place, wakes=("operations", "cards")) as connection:
        approval, version, operation = await approvals.read(connection, approval_id)
        if operation.state is OperationState.WAITING:
            await obstacles.require_clear(connection, operation, now=now)
        broken = rules.break_glass(
            approval, person=actor.id, name=actor.name, roles=actor.role_ids, reason=why, now=now
        )
        await approvals.keep(
            connection, broken, version=version, operation=operation, actor=actor, action=ACTION, now=now, detail=why
        )
        await _show(connection, broken, now=now)
    return broken


async def review(
    database: Database, approval_id: str, *, actor: Actor, now: datetime, login: str | None = None
) -> Approval:
    """Acknowledge that the glass was broken. Refuses whoever broke it, asked for it or wrote it, and a second time.

    `login` is the actor's on GitHub, as with a consent.
    """
    place = (await approvals.get(database, approval_id)).environment
    async with environments.changing(database, place, wakes=("cards",)) as connection:
        approval, version, operation = await approvals.read(connection, approval_id)
        reviewed = rules.review(approval, person=actor.id, asked_by=operation.requested_by, name=actor.name, now=now)
        await approvals.require_no_author(connection, operation, approval, login=login)
        if not await rows.save(connection, reviewed, version=version):
            raise Refused(Reason.NOTHING_TO_REVIEW)
        await audit.note(
            connection,
            at=now,
            actor=actor,
            action=ACTION,
            outcome="reviewed",
            operation=operation,
            digest=approval.digest,
            detail=_told(reviewed),
        )
        await showing.refresh_card(connection, operation, now=now)
        await _show(connection, reviewed, now=now)
    return reviewed


async def tend(database: Database, *, now: datetime) -> None:
    """Remind of what nobody has reviewed; each time once, whoever else does. What was missed is one reminder."""
    async with database.reading() as connection:
        due = [one for one in await rows.unreviewed(connection) if rules.nagged(one, now=now) != one]
    for one in due:
        async with environments.changing(database, one.environment, wakes=("cards",)) as connection:
            approval, version, operation = await approvals.read(connection, one.id)
            reminded = rules.nagged(approval, now=now)
            if reminded != approval and await rows.save(connection, reminded, version=version):
                await audit.note(
                    connection,
                    at=now,
                    actor="chatops",
                    action=ACTION,
                    outcome="reminded",
                    operation=operation,
                    detail=_told(reminded),
                )
                await _show(connection, reminded, now=now)


def card_key(approval: Approval) -> str:
    """The key of the newest message about broken glass."""
    return f"glass:{approval.operation_id}:{approval.broken.nags if approval.broken else 0}"


def _told(approval: Approval) -> str:
    """Who broke the glass, and why."""
    return f"{approval.broken.name}: {approval.broken.reason}" if approval.broken else ""


async def _show(connection: Connection, approval: Approval, *, now: datetime) -> None:
    await cards.mark_stale(connection, card_key(approval), now=now)
