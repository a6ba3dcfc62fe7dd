"""What people ask for: stored, waited for, and ended, with the consent that it needs and the cards that show it."""

import asyncio
import re
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.cards.text import command
from bot.domain import approvals, images, moments
from bot.domain.catalog import Catalog
from bot.domain.operations import BEGUN, DEPLOYING, OPEN, Operation, OperationKind, OperationState, Rerun, Rollback
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import environments, obstacles, saying, showing
from bot.storage import approvals as approval_rows
from bot.storage import audit
from bot.storage import operations as rows
from bot.storage.engine import Connection, Database

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
    """Store what a person asks for; a worker takes it from there. A rollback takes the place of a deploy under way, a
    hot-fix that of one that is being prepared, and what waits for consent to the same target gives way later.

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
        other = command("deploy", environment=environment, service=service or "", tag=service and "")
        with_tag = "" if service else " with a `tag`"
        hint = f"{other}{with_tag} writes it into Git; `/diff` and `/restart` work here as well."
        raise Refused(Reason.AUTOMATED, hint, plainly="")
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
        rerun=replace(rerun, deploys=catalog.environments[environment].automated) if rerun else None,
        rollback=rollback,
    )
    async with environments.changing(database, environment, wakes=("operations", "cards")) as connection:
        if hard:
            await _require_pause(connection, environment, now=now)
        await obstacles.require_clear(connection, operation, now=now)
        if kind in DEPLOYING:
            await _make_way(connection, operation, actor=actor, now=now)
        if not await rows.add(connection, operation):
            raise Refused(Reason.RERUN_ALREADY if kind is OperationKind.RERUN else Reason.ALREADY_OPEN)
        await audit.note(
            connection,
            at=now,
            actor=actor,
            action=kind,
            outcome="requested",
            operation=operation,
            detail=operation.said,
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
    if last is not None and not moments.has_passed(HARD_REFRESH_PAUSE, since=last.requested_at, now=now):
        again = last.requested_at + HARD_REFRESH_PAUSE
        raise Refused(Reason.HARD_REFRESH_LIMITED, f"Again <t:{int(again.timestamp()) + 1}:R>.", plainly="")


async def _make_way(connection: Connection, newer: Operation, *, actor: Actor, now: datetime) -> None:
    """End what gives way to a newer request at once. Refuses (ALREADY_OPEN) where something does not give way.

    A rollback takes the place of a deploy or a rollback under way, since nobody goes on with it while somebody goes
    back, and of a deploy of everything that was not ordered yet. What Argo CD applies at that moment goes on; the
    rollback waits for that. An order that may be on its way right now is left alone, so that asking again in a moment
    is what it takes. A hot-fix takes the place of a deploy that nobody has approved yet, because that waits for the end
    of the freeze. What waits for consent to the same keeps its place, and its votes, until the newer request is known
    to be possible: see `take_place`.
    """
    for other, reason in await _rivals(connection, newer):
        if reason is None:
            raise Refused(Reason.ALREADY_OPEN)
        if other.state is not OperationState.WAITING or other.kind is not newer.kind:
            await _supersede(connection, other, newer=newer, reason=reason, actor=actor, now=now)


async def take_place(connection: Connection, newer: Operation, *, now: datetime) -> None:
    """End what waits for consent to the same target, as the newer request is about to be put before people.

    Refuses (ALREADY_OPEN) when that was approved meanwhile. The trail says that the bot did it, and names the newer
    request: what its own rows say of who asked, and in which roles, is of the moment when they did.
    """
    for other, reason in await _rivals(connection, newer):
        if reason is None:
            raise Refused(Reason.ALREADY_OPEN)
        await _supersede(connection, other, newer=newer, reason=reason, actor="chatops", now=now)


async def _rivals(connection: Connection, newer: Operation) -> list[tuple[Operation, Reason | None]]:
    """The open deploys and rollbacks that a newer one meets, and why each gives way; None when it does not."""
    found = []
    for other in await rows.opened(connection, newer.environment):
        everything = newer.kind is OperationKind.ROLLBACK and other.service is None and other.state not in BEGUN
        if other.kind in DEPLOYING and other.id != newer.id and (other.service == newer.service or everything):
            found.append((other, _yields(other, newer=newer)))
    return found


async def _supersede(
    connection: Connection, other: Operation, *, newer: Operation, reason: Reason, actor: Actor | str, now: datetime
) -> None:
    await close(
        connection,
        other,
        state=OperationState.SUPERSEDED,
        reason=reason,
        now=now,
        actor=actor,
        correlation=None if isinstance(actor, Actor) else f"operation:{newer.id}",
        by=newer.requested_name,
    )


def _yields(other: Operation, *, newer: Operation) -> Reason | None:
    """Why an open request gives way to a newer one for the same target; None when it does not."""
    waits = other.state is OperationState.WAITING
    if newer.kind is OperationKind.ROLLBACK and not (waits and other.kind is newer.kind):
        # A commit of which nobody knows is no longer on its way, however long GitHub keeps silent about it.
        on_its_way = other.state is OperationState.DISPATCHING or (other.writing and other.reason is None)
        return None if on_its_way else Reason.ROLLBACK_INSTEAD
    if newer.kind is not other.kind:
        return None
    if newer.hotfix and not other.hotfix and other.state in (OperationState.REQUESTED, OperationState.WAITING):
        return Reason.HOTFIX_INSTEAD
    return Reason.SUPERSEDED if waits else None


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


async def close(
    connection: Connection,
    operation: Operation,
    *,
    state: OperationState,
    reason: Reason | None,
    now: datetime,
    actor: Actor | str = "chatops",
    detail: str = "",
    correlation: str | None = None,
    by: str | None = None,
) -> bool:
    """End an operation, its approval with it, and write it down. False when its row had moved on already.

    `by` is whose newer request takes its place. `correlation` is what it came from, where no member acted.
    """
    after = replace(operation, state=state, reason=reason, detail=detail, updated_at=now)
    if not await rows.save(connection, after, expected=operation.state):
        return False
    found = await approval_rows.of_operation(connection, operation.id)
    if found is not None and operation.state in OPEN:
        approval, version = found
        lapsed = (
            approvals.expire(approval, now=now)
            if state is OperationState.EXPIRED
            else approvals.supersede(approval, now=now, by=by)
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
        correlation=correlation,
    )
    await showing.refresh_card(connection, after, now=now)
    return True


async def show_progress(connection: Connection, environment: str, *, now: datetime) -> None:
    """Let the board look at the cards of what runs in an environment: a read may have found it further on."""
    for operation in await rows.opened(connection, environment):
        if operation.state is OperationState.RUNNING:
            await showing.refresh_card(connection, operation, now=now)
