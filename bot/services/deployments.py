"""A deploy, step by step: propose, dispatch, follow. Each function takes an operation one state further.

    requested  -> propose: read what would change, ask for consent         -> waiting (or approved, or refused)
    approved   -> write: a chosen tag is committed first                   -> approved, with what was written
                  dispatch: look again, mark, order the sync once          -> dispatching -> running
    dispatching-> resolve: found after a crash or a cut connection; look for the effect before anything is sent again
    running    -> follow: until pods run the images and are healthy, or it failed   -> succeeded | failed

A step returns when there is nothing to do right now; the worker calls it again. Following asks nobody outside: the
observer, woken by Argo CD's own stream of changes, keeps the newest read, and this judges it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError, InProgress, OrderUncertain
from bot.adapters.argocd_values import ApplicationRead
from bot.adapters.cluster import Clusters
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.domain import moments, verdicts
from bot.domain.contents import Content
from bot.domain.events import ApplicationObserved, SyncOperation
from bot.domain.operations import Operation, OperationState, Way
from bot.domain.reasons import ROLLOUT, Reason, Refused
from bot.services import consents, evidence, operations, proposals, writes
from bot.services.manifests import Manifests
from bot.services.steps import Steps

FOLLOW_FOR = timedelta(minutes=20)
GRACE = timedelta(seconds=30)
MAX_SENDS = 2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """What the steps need. `grace` is how long an order may take to show; longer than the order's own time-out."""

    steps: Steps
    argocds: Mapping[str, ArgoCD]
    github: GitHub
    clusters: Clusters
    manifests: Manifests
    grace: timedelta = GRACE

    async def step(self, operation: Operation) -> None:
        """Take the operation one step further. A system that does not answer leaves it where it is."""
        match operation.state:
            case OperationState.REQUESTED:
                await self.steps.guarded(operation, self._propose)
            case OperationState.APPROVED if operation.tag is not None and operation.written is None:
                await self.steps.guarded(operation, self._write)
            case OperationState.APPROVED:
                await self.steps.guarded(operation, self._dispatch)
            case OperationState.DISPATCHING:
                await self.steps.guarded(operation, self._resolve)
            case OperationState.RUNNING:
                await self.steps.guarded(operation, self._follow)
            case _:
                log.warning("deploy.no_step", operation=operation.id, state=operation.state)

    async def _propose(self, operation: Operation) -> None:
        environment = self.steps.place(operation)
        await proposals.propose(
            operation,
            environment=environment,
            argocd=self.argocds[environment.argocd],
            github=self.github,
            manifests=self.manifests,
            steps=self.steps,
        )

    async def _write(self, operation: Operation) -> None:
        environment = self.steps.place(operation)
        await writes.write(
            operation,
            environment=environment,
            argocd=self.argocds[environment.argocd],
            manifests=self.manifests,
            steps=self.steps,
            within=FOLLOW_FOR,
        )

    async def _dispatch(self, operation: Operation) -> None:
        """Look again, mark, and order the sync: the only call of a deploy that changes a cluster."""
        content = _content(operation)
        environment = self.steps.place(operation)
        argocd = self.argocds[environment.argocd]
        read = await consents.look(operation, environment=environment, argocd=argocd, manifests=self.manifests)
        if operation.written is not None and not await self.github.contains(read.revision, operation.written):
            if not await self.steps.later(operation, Reason.NOT_NOTICED):
                raise Refused(Reason.NOT_NOTICED)
            return
        marked = _after(self.steps.marked(operation, within=FOLLOW_FOR), read)
        if _shows(read, operation):
            # "In progress" was said of our own order, which something on the way had sent twice.
            await self.steps.accepted(marked, expected=OperationState.APPROVED)
            return
        if consents.is_taken(read):
            await self._wait_for_others(operation, read)
            return
        await consents.require_as_approved(
            operation,
            content,
            read=read,
            environment=environment,
            argocd=argocd,
            manifests=self.manifests,
            steps=self.steps,
        )
        if not await self.steps.order(marked, expected=OperationState.APPROVED):
            return
        try:
            await self._send(marked, content)
        except InProgress:
            # Somebody was faster between the look and the order: as if it had not been sent.
            if await self.steps.save(operation, expected=OperationState.DISPATCHING):
                await self._wait_for_others(operation, read)

    async def _send(self, operation: Operation, content: Content) -> None:
        """Order the sync. Its mark is committed already; an answer that says nothing leaves it standing.

        Raises InProgress when the order was refused because another operation runs.
        """
        try:
            await self._order(operation, content)
        except InProgress:
            raise
        except OrderUncertain as error:
            log.warning("deploy.uncertain", operation=operation.id, answer=error.log)
        except ArgocdError as error:
            log.warning("deploy.refused", operation=operation.id, reason=error.reason, answer=error.log)
            await self.steps.end(operation, OperationState.REFUSED, error.reason)
        else:
            await self.steps.accepted(operation)

    async def _order(self, operation: Operation, content: Content) -> None:
        """The one call of Argo CD."""
        environment = self.steps.place(operation)
        argocd, person = self.argocds[environment.argocd], operation.requested_by
        if operation.rollback is not None and operation.rollback.entry is not None:
            await argocd.rollback(environment.application, entry=operation.rollback.entry)
            return
        votes = await consents.votes(self.steps.database, operation)
        await argocd.sync(
            environment.application,
            revision=content.revision,
            resources=None if content.everything else content.resources,
            request_id=operation.id,
            approved_by=tuple(f"discord:{vote.person}" for vote in votes),
            requested_by=f"discord:{person}" if person else operation.requested_name,
        )

    async def _resolve(self, operation: Operation) -> None:
        """Nobody knows whether the order arrived: look for its effect, and send again only if there is none."""
        environment = self.steps.place(operation)
        content, sent_at = _content(operation), operation.dispatched_at or operation.updated_at
        try:
            read = await self.argocds[environment.argocd].read(environment.application)
            newest = read.operation
            if _shows(read, operation):
                await self.steps.accepted(operation)
            elif read.pending or (newest is not None and newest.started_at >= sent_at.replace(microsecond=0)):
                # Somebody else's operation ran since; whether ours ran before it can no longer be seen.
                await self.steps.end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            elif not moments.has_passed(self.grace, since=sent_at, now=self.steps.clock()):
                return
            elif operation.attempts >= MAX_SENDS or moments.is_stranded(sent_at, now=self.steps.clock()):
                # It is not sent again either when nobody can say how long ago it was: it may still be on its way.
                await self.steps.end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            else:
                await self._send_again(operation, content)
        except (ArgocdError, GithubError) as error:
            log.warning("deploy.unresolved", operation=operation.id, reason=error.reason, answer=error.log)
            if operation.deadline is not None and self.steps.clock() >= operation.deadline:
                await self.steps.end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)

    async def _send_again(self, operation: Operation, content: Content) -> None:
        """The order left no trace: look at everything as before the first time, and send it with the same id."""
        environment = self.steps.place(operation)
        argocd = self.argocds[environment.argocd]
        read = await consents.look(operation, environment=environment, argocd=argocd, manifests=self.manifests)
        if _shows(read, operation) or consents.is_taken(read):
            return  # Something moved since the last look; the next one says what it was.
        await consents.require_as_approved(
            operation,
            content,
            read=read,
            environment=environment,
            argocd=argocd,
            manifests=self.manifests,
            steps=self.steps,
        )
        again = replace(self.steps.marked(operation, within=FOLLOW_FOR), attempts=operation.attempts + 1)
        if await self.steps.order(again, expected=OperationState.DISPATCHING):
            await self._send(again, content)

    async def _follow(self, operation: Operation) -> None:
        """Judge the newest read, keep what it says of our sync, and end the operation when it shows how it ended."""
        known = await self.steps.seen(operation)
        now = self.steps.clock()
        after = replace(
            operation, sync=_ours(operation, known.observation), reason=self.steps.hindrance(known), detail=""
        )
        if known.observation is not None:
            by_commit = self.steps.place(operation).automated or operation.by_commit
            judge = verdicts.judge_automated if by_commit else verdicts.judge
            verdict = judge(operation, event=known.observation, now=now)
            if verdict is not None:
                told = await self._evidence(after, verdict.reason, event=known.observation)
                await self.steps.end(told, verdict.state, verdict.reason)
                return
        elif operation.deadline is not None and now >= operation.deadline:
            await self.steps.end(after, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            return
        if after != operation:
            await self.steps.save(after, expected=OperationState.RUNNING)

    async def _evidence(self, operation: Operation, reason: Reason | None, *, event: ApplicationObserved) -> Operation:
        """The operation with what its worst pod logged last, when it is the pods that failed."""
        if reason not in ROLLOUT:
            return operation
        services = [change.service for change in operation.content.images] if operation.content else []
        lines = await evidence.gather(self.clusters, self.steps.place(operation), event=event, services=services)
        return replace(operation, evidence=lines)

    async def _wait_for_others(self, operation: Operation, read: ApplicationRead) -> None:
        """Another operation holds the Application. That is a state, not a failure: wait for a while, and say whose."""
        detail = await self._holder(read, environment=operation.environment)
        if not await self.steps.later(operation, Reason.OPERATION_IN_PROGRESS, detail=detail):
            raise Refused(Reason.OPERATION_IN_PROGRESS, detail)

    async def _holder(self, read: ApplicationRead, *, environment: str) -> str:
        """Whose operation it is and what it does, as far as Argo CD has said; a new one is not described yet."""
        sync = read.operation if read.operation and read.operation.holds else None
        asked = await operations.get(self.steps.database, sync.request_id if sync else read.pending_request_id)
        if asked is not None:
            return f"It is the {asked.kind} of {asked.subject} that {asked.requested_name} asked for."
        if sync is None:
            return ""
        if sync.phase.ended:
            free = f"/terminate environment:{environment}"
            return f"It has ended, but still holds the Application: {free} sets that free."
        return f"{sync.initiated_by or 'Somebody'} syncs {sync.revision[:7]} since {sync.started_at:%H:%M} UTC."


def _content(operation: Operation) -> Content:
    """What people consented to. Nothing is approved without it, but the row is JSON, and this is about production."""
    if operation.order is None:
        raise Refused(Reason.CONTENT_CHANGED)
    return operation.order


def _after(marked: Operation, read: ApplicationRead) -> Operation:
    """The mark of a rollback of Argo CD's own, with what came before it: it has no id to know it by."""
    if marked.rollback is None or marked.way is not Way.HISTORY:
        return marked
    before = read.operation.started_at if read.operation else None
    return replace(marked, rollback=replace(marked.rollback, after=before))


def _shows(read: ApplicationRead, operation: Operation) -> bool:
    """Whether the order can be seen in the Application: asked for, running or done."""
    if operation.way is Way.HISTORY and operation.dispatched_at is not None and read.operation is None:
        return read.pending and read.pending_request_id is None  # It has no id, and nothing has begun that tells more.
    return read.pending_request_id == operation.id or verdicts.is_ours(operation, read.operation)


def _ours(operation: Operation, event: ApplicationObserved | None) -> SyncOperation | None:
    """Argo CD's operation for this one, as this read shows it or else as it was seen before."""
    sync = event.operation if event else None
    return sync if verdicts.is_ours(operation, sync) else operation.sync
