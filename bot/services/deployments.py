"""A deploy, step by step: propose, dispatch, follow. Each function takes an operation one state further.

    requested  -> propose: read what would change, ask for consent         -> waiting (or approved, or refused)
    approved   -> dispatch: look again, mark, order the sync once          -> dispatching -> running
    dispatching-> resolve: found after a crash or a cut connection; look for the effect before anything is sent again
    running    -> follow: until pods run the image and are healthy, or it failed   -> succeeded | failed

A step returns when there is nothing to do right now; the worker calls it again. Steps write with compare-and-set, so
a step that a second worker took meanwhile changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.adapters.argocd import ApplicationRead, ArgoCD, ArgocdError, InProgress, SyncUncertain
from bot.adapters.github import GitHub, GithubError
from bot.domain import verdicts
from bot.domain.catalog import Catalog, Environment
from bot.domain.operations import Content, Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import contents, environments, operations, proposals
from bot.services.observations import Observer
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from bot.storage.engine import Database

PATIENCE = timedelta(minutes=15)
FOLLOW_FOR = timedelta(minutes=20)
GRACE = timedelta(seconds=30)
MAX_SENDS = 2
TRANSIENT = frozenset({Reason.ARGOCD_UNREACHABLE, Reason.GITHUB_UNREACHABLE, Reason.REFRESH_TIMED_OUT})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """What the steps need. `grace` is how long an order may take to show; longer than the order's own time-out."""

    database: Database
    argocds: Mapping[str, ArgoCD]
    github: GitHub
    observer: Observer
    catalog: Catalog
    clock: Callable[[], datetime]
    grace: timedelta = GRACE

    async def step(self, operation: Operation) -> None:
        """Take the operation one step further. A system that does not answer leaves it where it is."""
        match operation.state:
            case OperationState.REQUESTED:
                await self._guarded(operation, self._propose)
            case OperationState.APPROVED:
                await self._guarded(operation, self._dispatch)
            case OperationState.DISPATCHING:
                await self._guarded(operation, self._resolve)
            case OperationState.RUNNING:
                await self._guarded(operation, self._follow)
            case _:
                log.warning("deploy.no_step", operation=operation.id, state=operation.state)

    async def _guarded(self, operation: Operation, step: Callable[[Operation], Awaitable[None]]) -> None:
        """Run a step; end the operation when it refuses, and try again for `PATIENCE` when nobody answered."""
        try:
            await step(operation)
        except Refused as refusal:
            begun = operation.state in (OperationState.DISPATCHING, OperationState.RUNNING)
            state = OperationState.FAILED if begun else OperationState.REFUSED
            await self._end(operation, state, refusal.reason, detail=refusal.detail)
        except (ArgocdError, GithubError) as error:
            log.warning("deploy.unanswered", operation=operation.id, reason=error.reason, answer=error.log)
            if error.reason not in TRANSIENT or not await self._later(operation, error.reason):
                await self._end(operation, OperationState.REFUSED, error.reason)

    async def _propose(self, operation: Operation) -> None:
        environment, service = self._place(operation)
        await proposals.propose(
            operation,
            environment=environment,
            service=service,
            argocd=self.argocds[environment.argocd],
            github=self.github,
            database=self.database,
            catalog=self.catalog,
            clock=self.clock,
        )

    async def _dispatch(self, operation: Operation) -> None:
        """Look again, mark, and order the sync: the only call of the bot that changes a cluster."""
        environment, _ = self._place(operation)
        content = _content(operation)
        read = await self.argocds[environment.argocd].read(environment.application, refresh="normal")
        now = self.clock()
        marked = replace(operation, dispatched_at=now, deadline=now + FOLLOW_FOR, attempts=1, reason=None)
        if _shows(read, operation):
            # "In progress" was said of our own order, which something on the way had sent twice.
            await self._accepted(marked)
            return
        if _is_taken(read):
            await self._wait_for_others(operation)
            return
        await self._require_as_approved(operation, content, read=read)
        dispatching = replace(marked, state=OperationState.DISPATCHING)
        if not await self._save(dispatching, expected=OperationState.APPROVED):
            return
        try:
            await self._send(dispatching, content)
        except InProgress:
            # Somebody was faster between the look and the order: as if it had not been sent.
            if await self._save(operation, expected=OperationState.DISPATCHING):
                await self._wait_for_others(operation)

    async def _require_as_approved(self, operation: Operation, content: Content, *, read: ApplicationRead) -> None:
        """Return if ordering the content now does exactly what people consented to; refuse otherwise."""
        environment, service = self._place(operation)
        if (read.uid, read.source_digest) != (content.uid, content.source_digest):
            raise Refused(Reason.APPLICATION_CHANGED)
        if not content.same_effect(contents.of_service(read, service=service)):
            raise Refused(Reason.CONTENT_CHANGED)
        if not await self.argocds[environment.argocd].can_sync(environment.application):
            raise Refused(Reason.WINDOW_CLOSED)
        if not await self.github.contains(environment.branch, content.revision):
            raise Refused(Reason.NOT_ON_BRANCH)

    async def _send(self, operation: Operation, content: Content) -> None:
        """Order the sync. Its mark is committed already; an answer that says nothing leaves it standing.

        Raises InProgress when the order was refused because another operation runs.
        """
        environment, _ = self._place(operation)
        async with self.database.reading() as connection:
            found = await approval_rows.of_operation(connection, operation.id)
        votes = found[0].votes if found else ()
        person = operation.requested_by
        try:
            await self.argocds[environment.argocd].sync(
                environment.application,
                revision=content.revision,
                resources=content.resources,
                request_id=operation.id,
                approved_by=tuple(f"discord:{vote.person}" for vote in votes),
                requested_by=f"discord:{person}" if person else operation.requested_name,
            )
        except InProgress:
            raise
        except SyncUncertain as error:
            log.warning("deploy.uncertain", operation=operation.id, answer=error.log)
        except ArgocdError as error:
            log.warning("deploy.refused", operation=operation.id, reason=error.reason, answer=error.log)
            await self._end(operation, OperationState.REFUSED, error.reason)
        else:
            await self._accepted(operation)

    async def _accepted(self, operation: Operation) -> None:
        """Argo CD has the order; from here on it is followed."""
        running = replace(operation, state=OperationState.RUNNING, reason=None)
        await self._save(running, expected=operation.state)

    async def _resolve(self, operation: Operation) -> None:
        """Nobody knows whether the order arrived: look for its effect, and send again only if there is none."""
        environment, _ = self._place(operation)
        content, sent_at = _content(operation), operation.dispatched_at or operation.updated_at
        try:
            read = await self.argocds[environment.argocd].read(environment.application)
            newest = read.operation
            if _shows(read, operation):
                await self._accepted(operation)
            elif read.pending or (newest is not None and newest.started_at >= sent_at.replace(microsecond=0)):
                # Somebody else's operation ran since; whether ours ran before it can no longer be seen.
                await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            elif self.clock() - sent_at < self.grace:
                return
            elif operation.attempts >= MAX_SENDS:
                await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            else:
                await self._send_again(operation, content)
        except (ArgocdError, GithubError) as error:
            log.warning("deploy.unresolved", operation=operation.id, reason=error.reason, answer=error.log)
            if operation.deadline is not None and self.clock() >= operation.deadline:
                await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)

    async def _send_again(self, operation: Operation, content: Content) -> None:
        """The order left no trace: look at everything as before the first time, and send it with the same id."""
        environment, _ = self._place(operation)
        read = await self.argocds[environment.argocd].read(environment.application, refresh="normal")
        if _shows(read, operation) or _is_taken(read):
            return  # Something moved since the last look; the next one says what it was.
        await self._require_as_approved(operation, content, read=read)
        again = replace(operation, attempts=operation.attempts + 1, dispatched_at=self.clock())
        if await self._save(again, expected=OperationState.DISPATCHING):
            await self._send(again, content)

    async def _follow(self, operation: Operation) -> None:
        """Look at the Application and its pods, and end the operation when they show how it ended."""
        environment, _ = self._place(operation)
        event = await self.observer.observe(environment)
        now = self.clock()
        if event is not None:
            verdict = verdicts.judge(operation, event=event, now=now)
            if verdict is not None:
                await self._end(operation, verdict.state, verdict.reason)
        elif operation.deadline is not None and now >= operation.deadline:
            await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)

    async def _wait_for_others(self, operation: Operation) -> None:
        """Another operation holds the Application. That is a state, not a failure: wait for a while."""
        if not await self._later(operation, Reason.OPERATION_IN_PROGRESS):
            raise Refused(Reason.OPERATION_IN_PROGRESS)

    async def _later(self, operation: Operation, reason: Reason) -> bool:
        """Leave the operation where it is, with what hinders it. False when that has lasted for all of `PATIENCE`."""
        now = self.clock()
        deadline = operation.deadline or now + PATIENCE
        hindered = replace(operation, deadline=deadline, reason=reason)
        if now < deadline and hindered != operation:
            await self._save(hindered, expected=operation.state)
        return now < deadline

    async def _save(self, operation: Operation, *, expected: OperationState) -> bool:
        now = self.clock()
        async with environments.changing(self.database, operation.environment, wakes=("cards",)) as connection:
            saved = await rows.save(connection, replace(operation, updated_at=now), expected=expected)
            if saved:
                await operations.refresh_card(connection, operation, now=now)
        return saved

    async def _end(
        self, operation: Operation, state: OperationState, reason: Reason | None, *, detail: str = ""
    ) -> None:
        now = self.clock()
        async with environments.changing(self.database, operation.environment, wakes=("cards",)) as connection:
            ended = await operations.close(connection, operation, state=state, reason=reason, now=now, detail=detail)
        if ended:
            log.info("deploy.ended", operation=operation.id, state=state, reason=reason)

    def _place(self, operation: Operation) -> tuple[Environment, str]:
        """The environment and service, which may have left the topology since the operation was asked for."""
        environment = self.catalog.environments.get(operation.environment)
        if environment is None:
            raise Refused(Reason.UNKNOWN_ENVIRONMENT)
        if operation.service not in self.catalog.services:
            raise Refused(Reason.UNKNOWN_SERVICE)
        return environment, operation.service or ""


def _content(operation: Operation) -> Content:
    """What people consented to. Nothing is approved without it, but the row is JSON, and this is about production."""
    if operation.content is None:
        raise Refused(Reason.CONTENT_CHANGED)
    return operation.content


def _shows(read: ApplicationRead, operation: Operation) -> bool:
    """Whether the order can be seen in the Application: asked for, running or done."""
    return operation.id in (read.pending_request_id, read.operation.request_id if read.operation else None)


def _is_taken(read: ApplicationRead) -> bool:
    """Whether an operation holds the Application's only slot."""
    return read.pending or (read.operation is not None and not read.operation.phase.ended)
