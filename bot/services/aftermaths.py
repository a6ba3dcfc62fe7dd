"""What comes after a rollback: a lock, cards that say so, and one that stays open until all agree again.

Git, Argo CD and the pods agree about a service when nothing of it differs from Git and its pods run what both want,
ready and healthy. After Argo CD's own rollback they do not: Git still asks for what was taken away. So the lock's
message says it, and every reminder of the lock does.
"""

from dataclasses import replace
from datetime import datetime

from bot.domain import images, rollouts
from bot.domain.events import ApplicationObserved
from bot.domain.operations import Operation, OperationState
from bot.services import locks, showing
from bot.services.releases import card_key
from bot.storage import applications, audit, cards, proofs
from bot.storage import operations as operation_rows
from bot.storage import releases as release_rows
from bot.storage.engine import Connection

_TOOK_EFFECT = (OperationState.SUCCEEDED, OperationState.FAILED)


async def begin(connection: Connection, operation: Operation, *, state: OperationState, now: datetime) -> None:
    """Lock what a rollback was about, and let the observer and the board look at what is left of it.

    Nothing is locked when nothing was ordered; what somebody has locked before stays theirs.
    """
    begun = state is OperationState.SUCCEEDED or operation.written is not None or operation.dispatched_at is not None
    if operation.rollback is None or state not in _TOOK_EFFECT or not begun:
        return
    await locks.place(
        connection,
        environment=operation.environment,
        service=operation.scope,
        owner_id=operation.requested_by or 0,
        owner_name=operation.requested_name,
        reason=operation.rollback.why,
        now=now,
        operation_id=operation.id,
    )
    await applications.hint(connection, operation.environment, now=now)
    for change in operation.content.images if operation.content else ():
        short = images.short_revision(change.old.tag) if change.old and change.old != change.new else None
        place = operation.environment
        found = short and await release_rows.built_from(
            connection, environment=place, service=change.service, short=short
        )
        if found:
            await cards.mark_stale(connection, card_key(found.id), now=now)


async def prove(connection: Connection, event: ApplicationObserved) -> None:
    """Note which images run well at this moment: that is what a service can go back to one day."""
    if event.cluster_error is not None:
        return
    running = {work.service: work.live for work in event.workloads if work.live and work.live.tag}
    await proofs.note(
        connection,
        environment=event.environment,
        tags={service: image.tag or "" for service, image in running.items() if _runs_well(event, service)},
        at=event.observed_at,
    )


async def observe(connection: Connection, event: ApplicationObserved, *, now: datetime) -> None:
    """Note for the rollbacks of an environment that all agree again, and let the cards about them say so."""
    if event.cluster_error is not None or not event.health_is_fresh:
        return
    for operation in await operation_rows.unagreed(connection, event.environment):
        moved = operation.content.images if operation.content else ()
        if operation.rollback is None or not all(_agree(event, change.service) for change in moved):
            await showing.refresh_card(connection, operation, now=now)  # it names those that do not
            continue
        after = replace(operation, rollback=replace(operation.rollback, agreed_at=event.observed_at))
        if await operation_rows.save(connection, after, expected=OperationState.SUCCEEDED):
            await audit.note(
                connection, at=now, actor="chatops", action=operation.kind, outcome="agreed", operation=operation
            )
            await showing.refresh_card(connection, after, now=now)
            await locks.refresh_card(connection, after, now=now)


def _agree(event: ApplicationObserved, service: str) -> bool:
    workload = event.workload(service)
    if workload is None or workload.live is None or workload.changed or workload.desired != workload.live:
        return False
    return _runs_well(event, service)


def _runs_well(event: ApplicationObserved, service: str) -> bool:
    workload = event.workload(service)
    image = workload.live if workload else None
    return (
        workload is not None
        and image is not None
        and rollouts.is_deployed(workload, image=image, health_is_fresh=event.health_is_fresh)
    )
