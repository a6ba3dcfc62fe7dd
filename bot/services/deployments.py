"""A deploy, step by step: prepare, dispatch, follow. Each function takes an operation one state further.

    requested  -> prepare: read what would change, ask for consent         -> waiting (or approved, or refused)
    approved   -> dispatch: look again, mark, order the sync once          -> dispatching -> running
    dispatching-> resolve: found after a crash or a cut connection; look for the effect before anything is sent again
    running    -> follow: until pods run the image and are healthy, or it failed   -> succeeded | failed

A step returns when there is nothing to do right now; the worker calls it again. Steps write with compare-and-set, so
a step that a second worker took meanwhile changes nothing.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.adapters.argocd import ArgoCD, ArgocdError, InProgress, SyncUncertain
from bot.adapters.github import GitHub, GithubError, NotFound
from bot.domain import images, releases, verdicts
from bot.domain.approvals import Approval
from bot.domain.catalog import Catalog, Environment
from bot.domain.operations import Content, Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.domain.releases import Release
from bot.domain.verdicts import Verdict
from bot.services import contents, operations
from bot.services.observations import Observer
from bot.storage import applications
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from bot.storage import releases as release_rows
from bot.storage.engine import Database

WAIT_FOR_OTHERS = timedelta(minutes=15)
FOLLOW_FOR = timedelta(minutes=20)
GRACE = timedelta(seconds=10)
MAX_SENDS = 2
MAX_ATTEMPTS = 5
TRANSIENT = frozenset({Reason.ARGOCD_UNREACHABLE, Reason.GITHUB_UNREACHABLE, Reason.REFRESH_TIMED_OUT})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployer:
    """What the steps need."""

    database: Database
    argocd: ArgoCD
    github: GitHub
    observer: Observer
    catalog: Catalog
    clock: Callable[[], datetime]
    grace: timedelta = GRACE

    async def step(self, operation: Operation) -> None:
        """Take the operation one step further. A system that does not answer leaves it where it is."""
        match operation.state:
            case OperationState.REQUESTED:
                await self._guarded(operation, self._prepare)
            case OperationState.APPROVED:
                await self._guarded(operation, self._dispatch)
            case OperationState.DISPATCHING:
                await self._guarded(operation, self._resolve)
            case OperationState.RUNNING:
                await self._guarded(operation, self._follow)
            case _:
                log.warning("deploy.no_step", operation=operation.id, state=operation.state)

    async def _guarded(self, operation: Operation, step: Callable[[Operation], Awaitable[None]]) -> None:
        """Run a step that changes nothing outside; end the operation when it refuses, retry when nobody answered."""
        try:
            await step(operation)
        except Refused as refusal:
            await self._end(operation, OperationState.REFUSED, refusal.reason, detail=refusal.detail)
        except (ArgocdError, GithubError) as error:
            log.warning("deploy.unanswered", operation=operation.id, reason=error.reason, answer=error.log)
            if error.reason not in TRANSIENT or operation.attempts + 1 >= MAX_ATTEMPTS:
                await self._end(operation, OperationState.REFUSED, error.reason)
                return
            await self._save(
                replace(operation, attempts=operation.attempts + 1, reason=error.reason), expected=operation.state
            )

    async def _prepare(self, operation: Operation) -> None:
        """Read what would change and ask for consent to exactly that."""
        environment, service = self._place(operation)
        read = await self.argocd.read(environment.application, refresh="normal")
        content = contents.of_service(read, service=service)
        if not await self.github.contains(environment.branch, content.revision):
            raise Refused(Reason.NOT_ON_BRANCH)
        source_revision = await self._source_revision(content)
        now = self.clock()
        async with self.database.transaction("cards", "operations") as connection:
            stored = await release_rows.change(
                connection,
                environment=environment.name,
                service=service,
                source_revision=source_revision,
                now=now,
                step=lambda release: release,
            )
            consent = environment.required_approvals > 0
            after = replace(
                operation,
                state=OperationState.WAITING if consent else OperationState.APPROVED,
                content=content,
                release_id=stored.id,
                reason=None,
                attempts=0,
                updated_at=now,
            )
            if not await rows.save(connection, after, expected=OperationState.REQUESTED):
                return
            if consent:
                await approval_rows.add(connection, self._approval(after, content, stored.release, now=now))
            await applications.hint(connection, environment.name, now=now)
            await operations.refresh_card(connection, after, now=now)

    async def _source_revision(self, content: Content) -> str:
        """The full commit that the image was built from; its tag tells the beginning."""
        short = images.short_revision(content.new_image.tag) if content.new_image else None
        if short is None:
            raise Refused(Reason.UNTRACEABLE_IMAGE)
        try:
            return (await self.github.commit(short)).revision
        except NotFound as error:
            raise Refused(Reason.UNTRACEABLE_IMAGE) from error

    def _approval(self, operation: Operation, content: Content, release: Release, *, now: datetime) -> Approval:
        """A consent nobody gave yet; whoever asked, wrote the commit or started the run cannot give it."""
        environment, service = self._place(operation)
        run = releases.run_of(release)
        people = {operation.requested_by}
        if run is not None:
            people |= {self.catalog.discord_id_of(run.author), self.catalog.discord_id_of(run.actor)}
        return Approval(
            id=operation.id,
            operation_id=operation.id,
            environment=environment.name,
            service=service,
            digest=content.digest,
            required=environment.required_approvals,
            authors=frozenset(person for person in people if person is not None),
            requested_at=now,
            expires_at=now + environment.approval_lifetime,
        )

    async def _dispatch(self, operation: Operation) -> None:
        """Look again, mark, and order the sync: the only call of the bot that changes a cluster."""
        environment, service = self._place(operation)
        content = operation.content
        if content is None:
            raise Refused(Reason.CONTENT_CHANGED)
        read = await self.argocd.read(environment.application, refresh="normal")
        if (read.uid, read.source_digest) != (content.uid, content.source_digest):
            raise Refused(Reason.APPLICATION_CHANGED)
        if read.pending or (read.operation is not None and not read.operation.phase.ended):
            await self._wait_for_others(operation)
            return
        if not content.same_effect(contents.of_service(read, service=service)):
            raise Refused(Reason.CONTENT_CHANGED)
        if not await self.argocd.can_sync(environment.application):
            raise Refused(Reason.WINDOW_CLOSED)
        if not await self.github.contains(environment.branch, content.revision):
            raise Refused(Reason.NOT_ON_BRANCH)
        now = self.clock()
        marked = replace(
            operation,
            state=OperationState.DISPATCHING,
            dispatched_at=now,
            updated_at=now,
            deadline=now + FOLLOW_FOR,
            attempts=1,
            reason=None,
        )
        if await self._save(marked, expected=OperationState.APPROVED):
            await self._send(marked, content)

    async def _send(self, operation: Operation, content: Content) -> None:
        """Order the sync. Its mark is committed already; an answer that says nothing leaves it standing."""
        environment, _ = self._place(operation)
        async with self.database.reading() as connection:
            found = await approval_rows.of_operation(connection, operation.id)
        votes = found[0].votes if found else ()
        try:
            await self.argocd.sync(
                environment.application,
                revision=content.revision,
                resources=content.resources,
                request_id=operation.id,
                approved_by=tuple(f"discord:{vote.person}" for vote in votes),
                requested_by=f"discord:{operation.requested_by}"
                if operation.requested_by
                else operation.requested_name,
            )
        except SyncUncertain as error:
            log.warning("deploy.uncertain", operation=operation.id, answer=error.log)
            return
        except InProgress:
            back = replace(operation, state=OperationState.APPROVED, dispatched_at=None, deadline=None, attempts=0)
            if await self._save(back, expected=OperationState.DISPATCHING):
                await self._wait_for_others(back)
            return
        except ArgocdError as error:
            log.warning("deploy.refused", operation=operation.id, reason=error.reason, answer=error.log)
            await self._end(operation, OperationState.REFUSED, error.reason)
            return
        await self._accepted(operation)

    async def _accepted(self, operation: Operation) -> None:
        now = self.clock()
        running = replace(operation, state=OperationState.RUNNING, updated_at=now, reason=None)
        if await self._save(running, expected=OperationState.DISPATCHING):
            async with self.database.transaction(f"application:{operation.environment}") as connection:
                await applications.hint(connection, operation.environment, now=now)

    async def _resolve(self, operation: Operation) -> None:
        """Nobody knows whether the order arrived: look for its effect, and send again only if there is none."""
        environment, _ = self._place(operation)
        content, sent_at = operation.content, operation.dispatched_at
        if content is None or sent_at is None:
            await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            return
        try:
            read = await self.argocd.read(environment.application)
        except ArgocdError as error:
            log.warning("deploy.unresolved", operation=operation.id, reason=error.reason, answer=error.log)
            if operation.deadline is not None and self.clock() >= operation.deadline:
                await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
            return
        newest = read.operation
        if operation.id in (read.pending_request_id, newest.request_id if newest else None):
            await self._accepted(operation)
        elif read.pending or (newest is not None and newest.started_at >= sent_at.replace(microsecond=0)):
            # Somebody else's operation ran since; whether ours ran before it can no longer be seen.
            await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
        elif self.clock() - sent_at < self.grace:
            return
        elif operation.attempts >= MAX_SENDS:
            await self._end(operation, OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
        else:
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
        else:
            late = operation.deadline is not None and now >= operation.deadline
            verdict = Verdict(state=OperationState.FAILED, reason=Reason.ARGOCD_UNREACHABLE) if late else None
        if verdict is not None:
            await self._end(operation, verdict.state, verdict.reason)

    async def _wait_for_others(self, operation: Operation) -> None:
        """Another operation holds the Application. That is a state, not a failure: wait for a while."""
        now = self.clock()
        deadline = operation.deadline or now + WAIT_FOR_OTHERS
        if now >= deadline:
            raise Refused(Reason.OPERATION_IN_PROGRESS)
        waiting = replace(operation, deadline=deadline, reason=Reason.OPERATION_IN_PROGRESS)
        if waiting != operation:
            await self._save(waiting, expected=OperationState.APPROVED)

    async def _save(self, operation: Operation, *, expected: OperationState) -> bool:
        now = self.clock()
        async with self.database.transaction("cards", "operations") as connection:
            saved = await rows.save(connection, operation, expected=expected)
            if saved:
                await operations.refresh_card(connection, operation, now=now)
        return saved

    async def _end(
        self, operation: Operation, state: OperationState, reason: Reason | None, *, detail: str = ""
    ) -> None:
        async with self.database.transaction("cards") as connection:
            await operations.close(connection, operation, state=state, reason=reason, now=self.clock(), detail=detail)
        log.info("deploy.ended", operation=operation.id, state=state, reason=reason)

    def _place(self, operation: Operation) -> tuple[Environment, str]:
        """The environment and service, which may have left the topology since the operation was asked for."""
        environment = self.catalog.environments.get(operation.environment)
        if environment is None:
            raise Refused(Reason.UNKNOWN_ENVIRONMENT)
        if operation.service not in self.catalog.services:
            raise Refused(Reason.UNKNOWN_SERVICE)
        return environment, operation.service or ""
