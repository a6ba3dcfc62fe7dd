"""Rows of approvals. A decision is a compare-and-set on the version that was read: of two at once, one wins."""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.approvals import Approval, ApprovalState
from bot.storage import documents
from bot.storage.engine import insert
from bot.storage.schema import approvals as table

_PENDING = 1000


async def add(connection: AsyncConnection, approval: Approval) -> bool:
    """Insert a new approval. False when its operation has one already."""
    result = await connection.execute(
        insert(connection, table)
        .values(
            id=approval.id,
            operation_id=approval.operation_id,
            state=approval.state,
            expires_at=approval.expires_at,
            document=documents.approval.dump(approval),
            version=1,
        )
        .on_conflict_do_nothing()
    )
    return bool(result.rowcount)


async def get(connection: AsyncConnection, approval_id: str) -> tuple[Approval, int] | None:
    """The approval and the version to give back to `save`."""
    row = (await connection.execute(select(table).where(table.c.id == approval_id))).one_or_none()
    return (documents.approval.load(row.document), row.version) if row else None


async def of_operation(connection: AsyncConnection, operation_id: str) -> tuple[Approval, int] | None:
    """The approval an operation waits for."""
    row = (await connection.execute(select(table).where(table.c.operation_id == operation_id))).one_or_none()
    return (documents.approval.load(row.document), row.version) if row else None


async def save(connection: AsyncConnection, approval: Approval, *, version: int) -> bool:
    """Write a pending approval's next value if nobody wrote it since that version."""
    result = await connection.execute(
        update(table)
        .where(table.c.id == approval.id, table.c.version == version, table.c.state == ApprovalState.PENDING)
        .values(
            state=approval.state,
            expires_at=approval.expires_at,
            document=documents.approval.dump(approval),
            version=version + 1,
        )
    )
    return bool(result.rowcount)


async def pending(connection: AsyncConnection) -> list[Approval]:
    """The pending approvals, of a thousand at most those that end first."""
    rows = await connection.execute(
        select(table.c.document)
        .where(table.c.state == ApprovalState.PENDING)
        .order_by(table.c.expires_at)
        .limit(_PENDING)
    )
    return [documents.approval.load(row.document) for row in rows]


async def overdue(connection: AsyncConnection, *, now: datetime) -> list[str]:
    """Ids of pending approvals whose time is over."""
    rows = await connection.execute(
        select(table.c.id).where(table.c.state == ApprovalState.PENDING, table.c.expires_at <= now).limit(100)
    )
    return [row.id for row in rows]
