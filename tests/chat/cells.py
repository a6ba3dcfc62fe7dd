"""One cell of the policy after the other: an order, given by a role, in an environment, in a situation.

Every cell is an interaction that Discord sends and the bot's real client takes. What was refused has changed nothing,
so the next role finds what this one found; whatever was ordered is undone first.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from bot.domain.approvals import Approval
from bot.domain.operations import Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason
from bot.services import operations, own_requests
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from bot.storage.engine import Connection
from tests.cards import story
from tests.chat import orders, policy
from tests.chat.desk import Desk, Press
from tests.chat.orders import ID, STRANGER, WHY
from tests.chat.policy import Row, Situation

MISSING = (Reason.MISSING_ROLE, Reason.NOBODY_CONFIGURED)


async def wrong(desk: Desk, row: Row, *, environment: str, situations: Iterable[Situation]) -> list[str]:
    """Every cell of a row in which the bot does not answer as the page says, with both answers."""
    found = []
    for situation in situations:
        press: Press | None = None
        for role in policy.ROLES:
            if press is None:
                press = await prepared(desk, row, environment=environment, situation=situation)
                await desk.changed()
            if situation.owner == "own":
                await owned(desk, by=desk.people[role].id)
            expected = policy.answer(row, environment=environment, role=role, situation=situation)
            answered = await given(desk, row, role=role, press=press)
            if answered != expected:
                found.append(f"{row.order} as {role} in {environment}, {situation}: {answered}, not {expected}")
            if not isinstance(answered, Reason) and await desk.changed():
                press = None
    return found


async def given(desk: Desk, row: Row, *, role: str, press: Press) -> Reason | str | None:
    """What the bot answers, as `policy.answer` says it. What is refused may not count, nor tell what else there is."""
    before = await votes(desk) if row.consents else 0
    reason = await desk.press(role, press)
    counted = await votes(desk) - before if row.consents else 0
    if reason is not None:
        assert counted == 0, (row.order, role, reason)
        if reason in MISSING:
            assert WHY not in desk.said, (row.order, role, desk.said)
        return reason
    return policy.NOTHING if row.consents and not counted else None


async def prepared(desk: Desk, row: Row, *, environment: str, situation: Situation) -> Press:
    """How the order is given, after what it is about and what stands in its way has been put into empty tables."""
    await desk.forget()
    press = await orders.order(row.order)(desk, environment)
    if row.order == "Withdraw":
        await owned(desk, by=STRANGER)  # as every other request is already
    if row.request is None and situation.owner == "own" and row.order != "/why":
        await orders.asked(desk, environment)
    if situation.kind != "deploy":
        await becomes(desk, situation.kind)
    await obstruct(desk, row, environment=environment, obstacles=situation.obstacles)
    await age(desk, situation.state)  # at last, since a freeze gives more time to what waits
    return press


async def obstruct(desk: Desk, row: Row, *, environment: str, obstacles: frozenset[str]) -> None:
    """Put this in the way, by somebody who is not asked about; what is there for the order itself is left alone."""
    if "stop" in obstacles and not row.order.startswith("/resume"):
        await orders.stopped(desk)
    if obstacles & {"lock", "lock on rollbacks"} and row.order != "/unlock":
        await orders.locked(desk, environment, by="nobody", rollbacks="lock" not in obstacles)
    if "freeze" in obstacles:
        await orders.frozen(desk, environment)


async def owned(desk: Desk, *, by: int) -> None:
    """The request is this person's."""
    async with desk.town.database.transaction() as connection:
        approval, version, operation = await _read(connection)
        await approval_rows.save(connection, replace(approval, authors=frozenset({by})), version=version)
        assert await rows.save(connection, replace(operation, requested_by=by), expected=operation.state)


async def becomes(desk: Desk, kind: str) -> None:
    """The request is one to go back, or a hot-fix."""
    back = {"kind": OperationKind.ROLLBACK, "rollback": Rollback(way=Way.TAG, why=WHY, to=story.OLD_TAG)}
    async with desk.town.database.transaction() as connection:
        _, _, operation = await _read(connection)
        after = replace(operation, **(back if kind == "rollback" else {"hotfix": WHY}))
        assert await rows.save(connection, after, expected=operation.state)


async def age(desk: Desk, state: str) -> None:
    """What becomes of the request, if there is one, done by what does it in the bot."""
    now = desk.town.clock()
    if state == "waits":
        return
    async with desk.town.database.transaction() as connection:
        approval, version, operation = await _read(connection)
        if state == "expired":
            late = replace(approval, expires_at=now - timedelta(seconds=1))
            assert await approval_rows.save(connection, late, version=version)
        elif state == "superseded":
            superseded = OperationState.SUPERSEDED
            assert await operations.close(
                connection, operation, state=superseded, reason=Reason.SUPERSEDED, now=now, by="somebody"
            )
        else:
            read = story.seen(0, environment=operation.environment, desired=story.NEWER_TAG)
            await own_requests.supersede_stale(connection, replace(read, observed_at=now), now=now)


async def votes(desk: Desk) -> int:
    """How many consented to the request."""
    async with desk.town.database.reading() as connection:
        approval, _, _ = await _read(connection)
    return len(approval.votes)


async def _read(connection: Connection) -> tuple[Approval, int, Operation]:
    found, operation = await approval_rows.get(connection, ID), await rows.get(connection, ID)
    assert found is not None
    assert operation is not None
    return *found, operation
