"""Rows of operations. Every step is a compare-and-set on the state, so a step is taken once.

`once` is the natural key of what the bot asks for by itself; `target` is held while an operation is open, so that one
service has one open deploy or rollback, and one open restart, per environment. While a deploy or a rollback is being
prepared, the one before it may still wait for consent. A claim is a worker's time-limited hold
on a row.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.moments import AHEAD
from bot.domain.operations import DEPLOYING, OPEN, WORKABLE, Operation, OperationKind, OperationState
from bot.storage import documents
from bot.storage.engine import insert
from bot.storage.schema import operations as table

_REFRESHES = 50
_RERUNS = 100
_ROLLBACKS = 20
_PULLS = 50
_FRUITLESS = (OperationState.SUPERSEDED, OperationState.REFUSED, OperationState.FAILED)
"""How an operation can end after it began to write its tag, and before that is on the branch."""


async def add(connection: AsyncConnection, operation: Operation, *, once: str | None = None) -> bool:
    """Insert a new operation. False when `once` was used before or its target is held."""
    result = await connection.execute(
        insert(connection, table)
        .values(
            id=operation.id,
            kind=operation.kind,
            environment=operation.environment,
            service=operation.service,
            once=once,
            **_changing(operation),
        )
        .on_conflict_do_nothing()
    )
    return bool(result.rowcount)


async def get(connection: AsyncConnection, operation_id: str) -> Operation | None:
    """The operation with this id."""
    row = (await connection.execute(select(table.c.document).where(table.c.id == operation_id))).one_or_none()
    return documents.operation.load(row.document) if row else None


async def save(connection: AsyncConnection, operation: Operation, *, expected: OperationState) -> bool:
    """Write the operation if its row is still in the expected state. False when somebody was faster."""
    result = await connection.execute(
        update(table).where(table.c.id == operation.id, table.c.state == expected).values(**_changing(operation))
    )
    return bool(result.rowcount)


async def opened(connection: AsyncConnection, environment: str) -> list[Operation]:
    """Every open operation of an environment, oldest first."""
    rows = await connection.execute(
        select(table.c.document).where(table.c.environment == environment, table.c.state.in_(OPEN)).order_by(table.c.id)
    )
    return [documents.operation.load(row.document) for row in rows]


async def in_states(connection: AsyncConnection, states: Collection[OperationState]) -> list[Operation]:
    """Every operation of every environment in one of these states, oldest first."""
    rows = await connection.execute(select(table.c.document).where(table.c.state.in_(states)).order_by(table.c.id))
    return [documents.operation.load(row.document) for row in rows]


async def hard_refresh(connection: AsyncConnection, environment: str) -> Operation | None:
    """The newest hard refresh among the newest refreshes of an environment."""
    rows = await connection.execute(
        select(table.c.document)
        .where(table.c.environment == environment, table.c.kind == OperationKind.REFRESH)
        .order_by(table.c.id.desc())
        .limit(_REFRESHES)
    )
    found = (documents.operation.load(row.document) for row in rows)
    return next((operation for operation in found if operation.hard), None)


async def busy(connection: AsyncConnection) -> set[str]:
    """The environments in which an operation is open."""
    rows = await connection.execute(select(table.c.environment).where(table.c.state.in_(OPEN)).distinct())
    return {row.environment for row in rows}


async def newest(connection: AsyncConnection, environments: Collection[str], *, limit: int) -> list[Operation]:
    """The newest operations of these environments, the newest first."""
    rows = await connection.execute(
        select(table.c.document).where(table.c.environment.in_(environments)).order_by(table.c.id.desc()).limit(limit)
    )
    return [documents.operation.load(row.document) for row in rows]


async def deploys(connection: AsyncConnection, environment: str, *, limit: int) -> list[Operation]:
    """The newest deploys and rollbacks of an environment that came as far as an order and are over, newest first."""
    over = (OperationState.SUCCEEDED, OperationState.FAILED)
    rows = await connection.execute(
        select(table.c.document)
        .where(table.c.environment == environment, table.c.kind.in_(DEPLOYING), table.c.state.in_(over))
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    return [documents.operation.load(row.document) for row in rows]


async def deploying(connection: AsyncConnection, environment: str, *, limit: int) -> list[Operation]:
    """The newest deploys and rollbacks of an environment, however they stand, the newest first."""
    rows = await connection.execute(
        select(table.c.document)
        .where(table.c.environment == environment, table.c.kind.in_(DEPLOYING))
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    return [documents.operation.load(row.document) for row in rows]


async def succeeded(connection: AsyncConnection, environment: str, *, limit: int) -> list[Operation]:
    """The newest deploys and rollbacks of an environment that went well, the newest first."""
    rows = await connection.execute(
        select(table.c.document)
        .where(
            table.c.environment == environment,
            table.c.kind.in_(DEPLOYING),
            table.c.state == OperationState.SUCCEEDED,
        )
        .order_by(table.c.id.desc())
        .limit(limit)
    )
    return [documents.operation.load(row.document) for row in rows]


async def unagreed(connection: AsyncConnection, environment: str) -> list[Operation]:
    """The newest rollbacks of an environment that went well and after which Git and the pods did not agree yet."""
    rows = await connection.execute(
        select(table.c.document)
        .where(
            table.c.environment == environment,
            table.c.kind == OperationKind.ROLLBACK,
            table.c.state == OperationState.SUCCEEDED,
        )
        .order_by(table.c.id.desc())
        .limit(_ROLLBACKS)
    )
    found = (documents.operation.load(row.document) for row in rows)
    return [operation for operation in found if operation.rollback and operation.rollback.agreed_at is None]


async def with_pulls(connection: AsyncConnection, *, since: datetime) -> list[Operation]:
    """The oldest operations with a tag that ended for nothing since then, and whose pull request may still be open.

    Of some nobody knows whether they have one: they ended while it was being opened.
    """
    rows = await connection.execute(
        select(table.c.document)
        .where(table.c.leftover == 1, table.c.updated_at >= since)
        .order_by(table.c.id)
        .limit(_PULLS)
    )
    return [documents.operation.load(row.document) for row in rows]


async def of_release(connection: AsyncConnection, release_id: int) -> Operation | None:
    """The newest deploy about a release."""
    row = (
        await connection.execute(
            select(table.c.document)
            .where(table.c.release_id == release_id, table.c.kind == OperationKind.DEPLOY)
            .order_by(table.c.id.desc())
            .limit(1)
        )
    ).one_or_none()
    return documents.operation.load(row.document) if row else None


async def reruns(connection: AsyncConnection, *, environment: str, service: str) -> list[Operation]:
    """The newest re-runs of a service's workflow runs in an environment, however they ended."""
    rows = await connection.execute(
        select(table.c.document)
        .where(
            table.c.environment == environment,
            table.c.service == service,
            table.c.kind == OperationKind.RERUN,
        )
        .order_by(table.c.id.desc())
        .limit(_RERUNS)
    )
    return [documents.operation.load(row.document) for row in rows]


async def free(
    connection: AsyncConnection, *, now: datetime, limit: int, full: Collection[str] = ()
) -> list[Operation]:
    """Up to `limit` operations that need a worker and that nobody holds, locked until the transaction ends.

    Those that no worker has had yet come first, then those that were put down longest ago. Of the environments in
    `full` only what stops something. A claim from before the clock was set back is over.
    """
    until = table.c.claimed_until
    unheld = or_(until.is_(None), until <= now, until > now + AHEAD)
    wanted = or_(table.c.environment.not_in(full), table.c.kind == OperationKind.TERMINATE)
    rows = await connection.execute(
        select(table.c.document)
        .where(table.c.state.in_(WORKABLE), unheld, wanted)
        .order_by(table.c.claimed_until.is_not(None), table.c.claimed_until, table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [documents.operation.load(row.document) for row in rows]


async def claim(connection: AsyncConnection, ids: Collection[str], *, worker: str, until: datetime) -> None:
    """Have a worker hold these operations, which `free` gave in the same transaction."""
    if ids:
        await connection.execute(
            update(table).where(table.c.id.in_(ids)).values(claimed_by=worker, claimed_until=until)
        )


async def hold(connection: AsyncConnection, operation_id: str, *, worker: str, until: datetime) -> bool:
    """Prolong a claim. False when it is another worker's by now."""
    return await _change_claim(connection, operation_id, worker=worker, by=worker, until=until)


async def put_down(connection: AsyncConnection, operation_id: str, *, worker: str, until: datetime | None) -> bool:
    """Give a claim back; nobody needs to look before `until`. False when it is another worker's by now."""
    return await _change_claim(connection, operation_id, worker=worker, by=None, until=until)


async def look_again(connection: AsyncConnection, ids: Collection[str]) -> None:
    """Have a worker look at these operations now, unless one has them in hand."""
    if ids:
        put_down = table.c.id.in_(ids), table.c.claimed_by.is_(None)
        await connection.execute(update(table).where(*put_down).values(claimed_until=None))


async def _change_claim(
    connection: AsyncConnection, operation_id: str, *, worker: str, by: str | None, until: datetime | None
) -> bool:
    mine = table.c.id == operation_id, table.c.claimed_by == worker
    result = await connection.execute(update(table).where(*mine).values(claimed_by=by, claimed_until=until))
    return bool(result.rowcount)


def _changing(operation: Operation) -> dict[str, object]:
    """The columns that follow from the state of an operation."""
    holds = operation.kind is not OperationKind.REFRESH and not operation.state.ended
    deploying = operation.kind in DEPLOYING
    stage = "/requested" if operation.state is OperationState.REQUESTED else ""
    kind = stage if deploying else f"/{operation.kind}"
    unwritten = operation.tag is not None and operation.written is None and not operation.pull_closed
    return {
        "state": operation.state,
        "release_id": operation.release_id,
        "target": f"{operation.environment}/{operation.service or '*'}{kind}" if holds else None,
        "document": documents.operation.dump(operation),
        "updated_at": operation.updated_at,
        "leftover": 1 if deploying and unwritten and operation.state in _FRUITLESS else None,
    }
