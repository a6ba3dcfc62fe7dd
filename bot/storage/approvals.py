"""Rows of approvals. A decision is a compare-and-set on the version that was read: of two at once, one wins.

The column `state` is that of the approval, but `unreviewed` while it was granted by breaking the glass and nobody has
reviewed that: so those are found by their index, and are the only closed ones that are written again.
"""

from datetime import datetime
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import CursorResult, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.approvals import Approval, ApprovalState
from bot.storage import documents
from bot.storage.engine import insert
from bot.storage.schema import approvals as table

_LIMIT = 1000
_UNREVIEWED = "unreviewed"

log = structlog.get_logger(__name__)


async def add(connection: AsyncConnection, approval: Approval) -> bool:
    """Insert a new approval. False when its operation has one already."""
    result = await connection.execute(
        insert(connection, table)
        .values(
            id=approval.id,
            operation_id=approval.operation_id,
            state=_state(approval),
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
    """Write the next value of a pending or unreviewed approval if nobody wrote it since that version."""
    result = await connection.execute(
        update(table)
        .where(
            table.c.id == approval.id,
            table.c.version == version,
            table.c.state.in_((ApprovalState.PENDING, _UNREVIEWED)),
        )
        .values(
            state=_state(approval),
            expires_at=approval.expires_at,
            document=documents.approval.dump(approval),
            version=version + 1,
        )
    )
    return bool(result.rowcount)


async def pending(connection: AsyncConnection) -> list[Approval]:
    """The pending approvals, of a thousand at most those that end first."""
    return await _in_state(connection, ApprovalState.PENDING)


async def unreviewed(connection: AsyncConnection) -> list[Approval]:
    """Those whose glass was broken and which nobody has reviewed, a thousand at most from the oldest."""
    return await _in_state(connection, _UNREVIEWED)


async def overdue(connection: AsyncConnection, *, now: datetime) -> list[str]:
    """Ids of pending approvals whose time is over, a hundred at most; those that cannot be read are left out."""
    rows = await connection.execute(
        select(table.c.id, table.c.document)
        .where(table.c.state == ApprovalState.PENDING, table.c.expires_at <= now)
        .order_by(table.c.expires_at)
        .limit(100)
    )
    return [approval.id for approval in _readable(rows)]


async def _in_state(connection: AsyncConnection, state: str) -> list[Approval]:
    rows = await connection.execute(
        select(table.c.id, table.c.document).where(table.c.state == state).order_by(table.c.expires_at).limit(_LIMIT)
    )
    return _readable(rows)


def _readable(rows: CursorResult[Any]) -> list[Approval]:
    """The approvals that can be read; any other one is logged and left out, so that it keeps nothing back."""
    found = []
    for row in rows:
        try:
            found.append(documents.approval.load(row.document))
        except ValidationError:
            log.exception("approvals.unreadable", approval=row.id)
    return found


def _state(approval: Approval) -> str:
    unreviewed = approval.broken is not None and approval.broken.review is None
    return _UNREVIEWED if unreviewed else approval.state
