"""A refresh: Argo CD compares again, and everybody sees what it found.

Asking twice does no harm, so a refresh that a crash interrupted is simply asked for again.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from bot.adapters.argocd_errors import ArgocdError, RefreshTimedOut
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services import environments, obstacles, operations
from bot.services.observations import Observer
from bot.storage import operations as rows
from bot.storage.engine import Database

log = structlog.get_logger(__name__)


async def step(
    operation: Operation,
    *,
    database: Database,
    observer: Observer,
    catalog: Catalog,
    clock: Callable[[], datetime],
) -> None:
    """Refresh, read, and end the operation with what happened. It waits while everything is stopped.

    That it goes out is written down in the transaction that asks about that: where Argo CD syncs by itself, looking may
    be deploying, so whoever stops everything either holds it or hears of it.
    """
    marked = replace(operation, state=OperationState.DISPATCHING, updated_at=clock())
    async with environments.changing(database, operation.environment) as connection:
        if await obstacles.stop_of(connection, operation) is not None:
            return
        if not await rows.save(connection, marked, expected=operation.state):
            return
    environment = catalog.environments.get(operation.environment)
    reason: Reason | None = None
    if environment is None:
        reason = Reason.UNKNOWN_ENVIRONMENT
    else:
        try:
            await observer.observe(environment, refresh="hard" if operation.hard else "normal")
        except ArgocdError as error:
            log.warning("refresh.unanswered", operation=operation.id, reason=error.reason, answer=error.log)
            reason = error.reason
            if isinstance(error, RefreshTimedOut):
                # Argo CD itself answers; when it compared last is said as it is now, not as it was at the last look.
                await observer.observe(environment)
    state = OperationState.SUCCEEDED if reason is None else OperationState.FAILED
    async with database.transaction("operations") as connection:
        await operations.close(connection, marked, state=state, reason=reason, now=clock())
