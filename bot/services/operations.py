"""Requests for consent: asked by the pipeline or by a person, and void as soon as their content is.

The pipeline's own request is made once per release and tag (the natural key says so), when Git asks for the tag and
the environment waits for a person. Somebody who may then decides on the card.
"""

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain import approvals, images, releases
from bot.domain.catalog import Catalog
from bot.domain.events import ApplicationObserved
from bot.domain.operations import OPEN, Operation, OperationKind, OperationState, Rerun, Rollback
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.domain.releases import ReleaseState
from bot.services import environments, obstacles, saying, showing
from bot.storage import approvals as approval_rows
from bot.storage import audit
from bot.storage import operations as rows
from bot.storage.engine import Connection, Database
from bot.storage.releases import Stored

HARD_REFRESH_PAUSE = timedelta(minutes=2)
_LOOK_SECONDS = 0.1
_REVISION = re.compile(r"[0-9a-f]{7,40}")


def new_id(now: datetime) -> str:
    """An id that sorts by time: 12 hex digits of milliseconds, 12 of chance."""
    return f"{int(now.timestamp() * 1000):012x}{secrets.token_hex(6)}"


async def request(
    database: Database,
    *,
    kind: OperationKind,
    environment: str,
    service: str | None,
    actor: Actor,
    catalog: Catalog,
    now: datetime,
    hard: bool = False,
    revision: str | None = None,
    tag: str | None = None,
    promoted_from: str | None = None,
    hotfix: str | None = None,
    ends: datetime | None = None,
    ends_by: datetime | None = None,
    release_id: int | None = None,
    rerun: Rerun | None = None,
    rollback: Rollback | None = None,
) -> Operation:
    """Store what a person asks for; a worker takes it from there. A rollback takes the place of a deploy under way,
    a hot-fix that of one that nobody has approved yet.

    Refuses an unknown environment or service, a revision or a tag that cannot be one, a deploy where Argo CD syncs by
    itself unless a tag is chosen, what somebody has stopped, locked or frozen, a hard refresh too soon after another
    one, and whatever is open already for the same target. That the person may ask is the gate's business.
    """
    if environment not in catalog.environments:
        raise Refused(Reason.UNKNOWN_ENVIRONMENT)
    if service is not None and service not in catalog.services:
        raise Refused(Reason.UNKNOWN_SERVICE)
    if tag is not None:
        _require_one_tag(tag, service=service, revision=revision)
    elif kind is OperationKind.DEPLOY and catalog.environments[environment].automated:
        other = f"`/deploy {environment} {service or '<service>'} tag:…`"
        raise Refused(Reason.AUTOMATED, f"{other} writes a tag into Git; `/diff` and `/restart` work here as well.")
    if revision is not None and not _REVISION.fullmatch(revision):
        raise Refused(Reason.REVISION_UNKNOWN)
    operation = Operation(
        id=new_id(now),
        kind=kind,
        environment=environment,
        service=service,
        state=OperationState.REQUESTED,
        requested_by=actor.id,
        requested_name=actor.name,
        requested_at=now,
        updated_at=now,
        hard=hard,
        revision=revision,
        tag=tag,
        promoted_from=promoted_from,
        hotfix=saying.required(hotfix) if hotfix is not None else "",
        ends=ends,
        ends_by=ends_by,
        release_id=release_id,
        rerun=rerun,
        rollback=rollback,
    )
    async with environments.changing(database, environment, wakes=("operations", "cards")) as connection:
        if hard:
            await _require_pause(connection, environment, now=now)
        await obstacles.require_clear(connection, operation, now=now)
        if rollback is not None or operation.hotfix:
            await _take_place(connection, operation, now=now)
        if not await rows.add(connection, operation):
            raise Refused(Reason.RERUN_ALREADY if kind is OperationKind.RERUN else Reason.ALREADY_OPEN)
        await audit.note(
            connection,
            at=now,
            actor=f"discord:{actor.id}",
            action=kind,
            outcome="requested",
            operation=operation,
            detail=f"hotfix: {operation.hotfix}" if operation.hotfix else "",
        )
        await showing.refresh_card(connection, operation, now=now)
    return operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A commit of the manifests that was deployed, and in `words` what of it, by whom and when."""

    revision: str
    words: str


async def deployed(database: Database, *, environment: str, limit: int) -> list[Deployed]:
    """The commits that were deployed in an environment through the bot, the newest first, each once."""
    async with database.reading() as connection:
        done = await rows.succeeded(connection, environment, limit=limit)
    found: dict[str, Deployed] = {}
    for operation in done:
        if operation.order is not None:
            words = f"{operation.subject} by {operation.requested_name} {operation.updated_at:%Y-%m-%d %H:%M} UTC"
            revision = operation.order.revision
            found.setdefault(revision, Deployed(revision=revision, words=words))
    return [*found.values()]


def _require_one_tag(tag: str, *, service: str | None, revision: str | None) -> None:
    """Refuse a tag of more than one service, at a commit that has another one, or that names no commit."""
    if service is None or revision is not None:
        raise Refused(Reason.TAG_OF_ONE_SERVICE)
    if images.built_at(tag) is None:
        raise Refused(Reason.UNTRACEABLE_IMAGE)


async def _require_pause(connection: Connection, environment: str, *, now: datetime) -> None:
    """Refuse a hard refresh unless the last one of the environment was long enough ago, whoever asked for it."""
    last = await rows.hard_refresh(connection, environment)
    again = last.requested_at + HARD_REFRESH_PAUSE if last else now
    if now < again:
        raise Refused(Reason.HARD_REFRESH_LIMITED, f"Again <t:{int(again.timestamp()) + 1}:R>.")


async def _take_place(connection: Connection, operation: Operation, *, now: datetime) -> None:
    """End the open deploy of the service: nobody goes on with it while somebody goes back.

    A hot-fix ends it only where it is not approved yet: the pipeline's own request waits for the end of the freeze.
    What Argo CD applies at that moment goes on; the rollback waits for that. An order that may be on its way right now
    is left alone, so that asking again in a moment is what it takes.
    """
    replaced, reason = OPEN - {OperationState.DISPATCHING}, Reason.ROLLBACK_INSTEAD
    if operation.hotfix:
        replaced, reason = frozenset({OperationState.REQUESTED, OperationState.WAITING}), Reason.HOTFIX_INSTEAD
    for other in await rows.opened(connection, operation.environment):
        deploys = other.kind is OperationKind.DEPLOY and other.service == operation.service
        if deploys and other.state in replaced and not (operation.hotfix and other.hotfix):
            await close(connection, other, state=OperationState.SUPERSEDED, reason=reason, now=now)


async def get(database: Database, operation_id: str | None) -> Operation | None:
    """The operation with this id, if the bot has one."""
    if operation_id is None:
        return None
    async with database.reading() as connection:
        return await rows.get(connection, operation_id)


async def ended(
    database: Database, operation_id: str, *, states: frozenset[OperationState], seconds: float
) -> Operation:
    """The operation once it is in one of these states, or as it is when the time is over. It must exist."""
    give_up = asyncio.get_running_loop().time() + seconds
    while True:
        async with database.reading() as connection:
            operation = await rows.get(connection, operation_id)
        if operation is None:
            raise LookupError(operation_id)
        if operation.state in states or asyncio.get_running_loop().time() >= give_up:
            return operation
        await asyncio.sleep(_LOOK_SECONDS)


async def ask_for_consent(connection: Connection, stored: Sequence[Stored], *, catalog: Catalog, now: datetime) -> None:
    """Ask, in the pipeline's name, for every release that waits for a person; once per release and tag.

    A person may have asked for the same tag first. What became of that stands, and is not asked about again.
    """
    for row in stored:
        release, tag = row.release, releases.current_tag(row.release)
        if releases.state(release) is not ReleaseState.PENDING or await _was_asked(connection, row.id, tag=tag):
            continue
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
            )


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
            reason = Reason.CONTENT_CHANGED if other else Reason.NOTHING_TO_DEPLOY
            await close(connection, operation, state=OperationState.SUPERSEDED, reason=reason, now=now)


async def close(
    connection: Connection,
    operation: Operation,
    *,
    state: OperationState,
    reason: Reason | None,
    now: datetime,
    actor: str = "chatops",
    detail: str = "",
) -> bool:
    """End an operation, its approval with it, and write it down. False when its row had moved on already."""
    after = replace(operation, state=state, reason=reason, detail=detail, updated_at=now)
    if not await rows.save(connection, after, expected=operation.state):
        return False
    found = await approval_rows.of_operation(connection, operation.id)
    if found is not None and operation.state in OPEN:
        approval, version = found
        lapsed = (
            approvals.expire(approval, now=now)
            if state is OperationState.EXPIRED
            else approvals.supersede(approval, now=now)
        )
        if lapsed != approval:
            await approval_rows.save(connection, lapsed, version=version)
    await audit.note(
        connection,
        at=now,
        actor=actor,
        action=operation.kind,
        outcome=state,
        operation=operation,
        reason=reason,
        detail=detail,
    )
    await showing.refresh_card(connection, after, now=now)
    return True


async def show_progress(connection: Connection, environment: str, *, now: datetime) -> None:
    """Let the board look at the cards of what runs in an environment: a read may have found it further on."""
    for operation in await rows.opened(connection, environment):
        if operation.state is OperationState.RUNNING:
            await showing.refresh_card(connection, operation, now=now)


async def _was_asked(connection: Connection, release_id: int, *, tag: str | None) -> bool:
    """Whether the newest request about a release was for this tag, whoever made it."""
    newest = await rows.of_release(connection, release_id)
    image = newest.content.image_of(newest.service) if newest is not None and newest.content is not None else None
    return image is not None and image.tag == tag
