"""What comes after a rollback: the release that was taken away says so, and the card stays open until all agree again.

Git, Argo CD and the pods agree about a service when nothing of it differs from Git and its pods run what both want,
ready and healthy. After Argo CD's own rollback they do not: Git still asks for what was taken away.
"""

from dataclasses import replace
from datetime import datetime

from bot.domain import images, rollouts
from bot.domain.events import ApplicationObserved
from bot.domain.operations import Operation, OperationState
from bot.services import showing
from bot.services.releases import card_key
from bot.storage import applications, audit, cards
from bot.storage import operations as operation_rows
from bot.storage import releases as release_rows
from bot.storage.engine import Connection


async def begin(connection: Connection, operation: Operation, *, now: datetime) -> None:
    """Let the board look at the cards of the releases that a rollback took away, and the observer at what is left."""
    await applications.hint(connection, operation.environment, now=now)
    for change in operation.content.images if operation.content else ():
        short = images.short_revision(change.old.tag) if change.old and change.old != change.new else None
        place = operation.environment
        found = short and await release_rows.built_from(
            connection, environment=place, service=change.service, short=short
        )
        if found:
            await cards.mark_stale(connection, card_key(found.id), now=now)


async def observe(connection: Connection, event: ApplicationObserved, *, now: datetime) -> None:
    """Note for the rollbacks of an environment that Git, Argo CD and the pods agree again, and let their cards say so.

    They agree when nothing of the service differs from Git, and its pods run what both want, ready and healthy.
    """
    if event.cluster_error is not None or not event.health_is_fresh:
        return
    for operation in await operation_rows.unagreed(connection, event.environment):
        rollback, workload = operation.rollback, event.workload(operation.service or "")
        if rollback is None or workload is None or workload.live is None or workload.changed:
            continue
        runs = rollouts.is_deployed(workload, image=workload.live, health_is_fresh=event.health_is_fresh)
        if workload.desired != workload.live or not runs:
            continue
        after = replace(operation, rollback=replace(rollback, agreed_at=event.observed_at))
        if await operation_rows.save(connection, after, expected=OperationState.SUCCEEDED):
            await audit.note(
                connection, at=now, actor="chatops", action=operation.kind, outcome="agreed", operation=operation
            )
            await showing.refresh_card(connection, after, now=now)
