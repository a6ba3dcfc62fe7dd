"""The audit trail: rows are only ever added."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.domain.operations import Operation
from bot.domain.reasons import Reason
from bot.storage.engine import insert
from bot.storage.schema import audit as table


async def note(
    connection: AsyncConnection,
    *,
    at: datetime,
    actor: str,
    action: str,
    outcome: str,
    operation: Operation | None = None,
    environment: str | None = None,
    service: str | None = None,
    reason: Reason | None = None,
    detail: str = "",
) -> None:
    """Add one row. `actor` is `discord:<id>`, `github:<login>` or `chatops`; place and id come from the operation."""
    await connection.execute(
        insert(connection, table).values(
            at=at,
            actor=actor,
            action=action,
            environment=operation.environment if operation else environment,
            service=operation.service if operation else service,
            operation_id=operation.id if operation else None,
            outcome=outcome,
            reason=reason,
            detail=detail[:1000],
        )
    )
