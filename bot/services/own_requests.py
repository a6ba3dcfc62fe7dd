"""Requests that the bot makes by itself, and void as soon as their content is.

The pipeline's own request is made once per release and tag (the natural key says so), when Git asks for the tag and
the environment waits for a person. Somebody who may then decides on the card. What a person asked for is asked again
when its content has changed, with the difference and without the consent, a few times.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.domain import releases
from bot.domain.catalog import Catalog
from bot.domain.events import ApplicationObserved
from bot.domain.operations import DEPLOYING, Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.domain.releases import ReleaseState
from bot.services.operations import close, new_id
from bot.services.showing import refresh_card
from bot.storage import audit
from bot.storage import operations as rows
from bot.storage.engine import Connection
from bot.storage.releases import Stored

AGAIN = 3
"""How often a request is asked again by itself: what keeps changing needs somebody to look at it."""


async def ask_for_consent(connection: Connection, stored: Sequence[Stored], *, catalog: Catalog, now: datetime) -> None:
    """Ask, in the pipeline's name, for every release that waits for a person; once per release and tag.

    A person may have asked for the same tag first. What became of that stands, and is not asked about again.
    """
    for row in stored:
        release, tag = row.release, releases.current_tag(row.release)
        if releases.state(release) is not ReleaseState.PENDING or await _was_asked(connection, row.id, tag=tag):
            continue
        opened = await rows.opened(connection, release.environment)
        if any(one.kind in DEPLOYING and one.service == release.service for one in opened):
            continue  # What people asked for does not give way to the pipeline.
        run = releases.run_of(release)
        login = run.actor if run else None
        operation = Operation(
            id=new_id(now),
            kind=OperationKind.DEPLOY,
            environment=release.environment,
            service=release.service,
            state=OperationState.REQUESTED,
            requested_by=catalog.discord_id_of(login),
            requested_name=login or "pipeline",
            requested_at=now,
            updated_at=now,
            by_pipeline=True,
            release_id=row.id,
        )
        if await rows.add(connection, operation, once=f"release:{row.id}:{tag}"):
            await audit.note(
                connection,
                at=now,
                actor=f"github:{login}" if login else "chatops",
                action=OperationKind.DEPLOY,
                outcome="requested",
                operation=operation,
                correlation=f"run:{run.run_id}/{run.run_attempt}" if run else None,
            )


async def ask_again(connection: Connection, operation: Operation, *, now: datetime) -> bool:
    """End a request whose content has changed, and ask for the same as it is now. False when that is left to people.

    It is left to them when the pipeline asked, since a new tag is a new release, when its tag stands in Git already,
    and when it has been asked again too often.
    """
    asked = not operation.by_pipeline and operation.requested_by is not None and operation.content is not None
    if not asked or operation.written is not None or operation.asked_again >= AGAIN:
        return False
    superseded = OperationState.SUPERSEDED
    if not await close(connection, operation, state=superseded, reason=Reason.CHANGED_SINCE, now=now):
        return True  # Its row has moved on already.
    again = Operation(
        id=new_id(now),
        kind=operation.kind,
        environment=operation.environment,
        service=operation.service,
        state=OperationState.REQUESTED,
        requested_by=operation.requested_by,
        requested_name=operation.requested_name,
        requested_at=now,
        updated_at=now,
        before=operation.content,
        asked_again=operation.asked_again + 1,
        revision=operation.revision,
        tag=operation.tag,
        promoted_from=operation.promoted_from,
        rollback=operation.rollback,
        hotfix=operation.hotfix,
    )
    if await rows.add(connection, again):
        await audit.note(
            connection,
            at=now,
            actor="chatops",
            action=again.kind,
            outcome="requested",
            operation=again,
            reason=Reason.CHANGED_SINCE,
            detail=f"instead of {operation.id}",
        )
        await refresh_card(connection, again, now=now)
    return True


async def supersede_stale(connection: Connection, event: ApplicationObserved, *, now: datetime) -> None:
    """Void the waiting requests whose image is no longer the one Git asks for, or was deployed by somebody else.

    A read without a desired image says nothing: Argo CD could not render the manifests at that moment. Neither does
    one that was begun before the request's own, nor any about a revision or a tag that a person chose.
    """
    for operation in await rows.opened(connection, event.environment):
        content = operation.content
        chosen = operation.revision is not None or operation.tag is not None
        if operation.state is not OperationState.WAITING or content is None or chosen:
            continue
        moved = [(event.workload(change.service), change.new) for change in content.images]
        known = [workload for workload, _ in moved if workload is not None and workload.desired is not None]
        if not moved or len(known) < len(moved) or event.observed_at < operation.updated_at:
            continue
        other = any(workload and workload.desired != image for workload, image in moved)
        if other or not any(workload and workload.changed for workload, _ in moved):
            if other and await ask_again(connection, operation, now=now):
                continue
            reason = Reason.CONTENT_CHANGED if other else Reason.NOTHING_TO_DEPLOY
            await close(connection, operation, state=OperationState.SUPERSEDED, reason=reason, now=now)


async def _was_asked(connection: Connection, release_id: int, *, tag: str | None) -> bool:
    """Whether the newest request about a release was for this tag, whoever made it."""
    newest = await rows.of_release(connection, release_id)
    image = newest.content.image_of(newest.service) if newest is not None and newest.content is not None else None
    return image is not None and image.tag == tag
