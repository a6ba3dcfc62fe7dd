"""What every step of every operation has in common: its errors, its patience, and how it is written down.

Steps write with compare-and-set, so a step that a second worker took meanwhile changes nothing. What changes an
operation also marks the cards that show it.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.adapters.calls import CallFailed
from bot.domain.catalog import Catalog, Environment
from bot.domain.operations import BEGUN, NOT_BEGUN, Operation, OperationState
from bot.domain.reasons import SENTENCES, Reason, Refused
from bot.services import aftermaths, environments, obstacles, operations, own_requests, showing
from bot.storage import applications, audit
from bot.storage import operations as rows
from bot.storage.applications import Known
from bot.storage.engine import Connection, Database

PATIENCE = timedelta(minutes=15)
TRANSIENT = frozenset(
    {
        Reason.ARGOCD_UNREACHABLE,
        Reason.GITHUB_UNREACHABLE,
        Reason.CLUSTER_UNREACHABLE,
        Reason.REFRESH_TIMED_OUT,
        Reason.REGISTRY_UNREACHABLE,
        Reason.REGISTRY_BUSY,
        Reason.GITHUB_LIMITED,
        Reason.BRANCH_BUSY,
        Reason.COMMIT_UNKNOWN,  # whoever writes looks for the commit first, so another try does nothing twice
    }
)
_LOST = {
    OperationState.APPROVED: Reason.COMMIT_UNKNOWN,
    OperationState.DISPATCHING: Reason.OUTCOME_UNKNOWN,
    OperationState.RUNNING: Reason.OUT_OF_SIGHT,
}

log = structlog.get_logger(__name__)

Step = Callable[[Operation], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What a step works with."""

    database: Database
    catalog: Catalog
    clock: Callable[[], datetime]

    async def guarded(self, operation: Operation, step: Step) -> None:
        """Run a step; end the operation when it refuses, and try again for `PATIENCE` when nobody answered.

        Once the order is out, a question that is refused is no end either: what goes on outside goes on all the same.
        While everything is stopped, what is not under way takes no step, and what comes to an order waits before it.
        """
        try:
            if operation.state in NOT_BEGUN and not operation.under_way:
                await self._require_running(operation)
            await step(operation)
        except Refused as refusal:
            if refusal.reason is Reason.STOPPED:
                await self.hold(replace(operation, writing=False), detail=refusal.detail)
                return
            moved = refusal.reason is Reason.CONTENT_CHANGED and operation.state is OperationState.APPROVED
            if moved and await self.ask_again(operation):
                return
            # A rollback whose commit is in Git has begun: it is not as if nothing had happened.
            begun = operation.state in BEGUN or (operation.rollback is not None and operation.written is not None)
            state = OperationState.FAILED if begun else OperationState.REFUSED
            await self.end(operation, state, refusal.reason, detail=refusal.detail)
        except CallFailed as error:
            log.warning("operation.unanswered", operation=operation.id, reason=error.reason, answer=error.log)
            await self._unanswered(
                replace(operation, writing=operation.writing or error.reason is Reason.COMMIT_UNKNOWN), error.reason
            )

    async def _unanswered(self, operation: Operation, reason: Reason) -> None:
        """Have what got no answer wait, try again, or end: what may be out already fails, the rest is refused."""
        begun = operation.state in BEGUN or operation.writing
        if operation.state in NOT_BEGUN:
            try:
                await self._require_running(operation)
            except Refused as stopped:
                await self.hold(operation, detail=stopped.detail)
                return
        if (begun or reason in TRANSIENT) and await self.later(operation, reason):
            return
        if begun:
            await self.end(operation, OperationState.FAILED, _LOST[operation.state], detail=SENTENCES[reason])
        else:
            await self.end(operation, OperationState.REFUSED, reason)

    async def ask_again(self, operation: Operation) -> bool:
        """Ask for the same as it is now, in place of what was consented to. False when it is not asked again."""
        wakes = ("cards", "operations")
        async with environments.changing(self.database, operation.environment, wakes=wakes) as connection:
            return await own_requests.ask_again(connection, operation, now=self.clock())

    async def later(self, operation: Operation, reason: Reason, *, detail: str = "") -> bool:
        """Leave the operation where it is, with what hinders it. False when that has lasted for all of `PATIENCE`."""
        now = self.clock()
        deadline = operation.deadline or now + PATIENCE
        hindered = replace(operation, deadline=deadline, reason=reason, detail=detail)
        if now < deadline and hindered != operation:
            await self.save(hindered, expected=operation.state)
        return now < deadline

    async def hold(self, operation: Operation, *, detail: str) -> None:
        """Leave the operation where it is. Its patience begins anew when everything goes on, and never ends before."""
        deadline, now = None, self.clock()
        if operation.state in BEGUN:
            long = operation.deadline is not None and now + PATIENCE / 2 < operation.deadline
            deadline = operation.deadline if long else now + PATIENCE
        held = replace(operation, deadline=deadline, reason=Reason.STOPPED, detail=detail)
        if held != operation:
            await self.save(held, expected=operation.state)

    def marked(self, operation: Operation, *, within: timedelta) -> Operation:
        """The operation as it is written down before its order goes out; `within` says how long it may take."""
        now = self.clock()
        return replace(
            operation,
            state=OperationState.DISPATCHING,
            dispatched_at=now,
            deadline=now + within,
            attempts=1,
            reason=None,
            detail="",
        )

    async def order(self, marked: Operation, *, expected: OperationState, done: str = "") -> bool:
        """Write the mark of an order, which may then be sent. False when its row has moved on already.

        It is audited as by `save`. Refuses in the mark's transaction what somebody has stopped, locked or frozen.
        """
        async with self._changing(marked) as connection:
            await obstacles.require_still_clear(connection, marked, now=self.clock())
            return await self._write(connection, marked, expected=expected, done=done)

    async def accepted(self, operation: Operation, *, expected: OperationState = OperationState.DISPATCHING) -> None:
        """Argo CD has the order; from here on the operation is followed."""
        await self.save(replace(operation, state=OperationState.RUNNING, reason=None, detail=""), expected=expected)

    async def save(self, operation: Operation, *, expected: OperationState, done: str = "") -> bool:
        """Write the operation and mark its cards. False when its row has moved on already.

        A step into another state is audited, and so is what was `done` without one.
        """
        async with self._changing(operation) as connection:
            return await self._write(connection, operation, expected=expected, done=done)

    async def end(
        self, operation: Operation, state: OperationState, reason: Reason | None, *, detail: str = ""
    ) -> None:
        """End the operation, unless its row has moved on already."""
        now = self.clock()
        async with environments.changing(self.database, operation.environment, wakes=("cards",)) as connection:
            ended = await operations.close(connection, operation, state=state, reason=reason, now=now, detail=detail)
            if ended:
                await aftermaths.begin(connection, operation, state=state, now=now)
        if ended:
            log.info("operation.ended", operation=operation.id, kind=operation.kind, state=state, reason=reason)

    async def seen(self, operation: Operation) -> Known:
        """What is known of the operation's Application; the observer looks often while an operation is open."""
        async with self.database.reading() as connection:
            return await applications.get(connection, operation.environment)

    def _changing(self, operation: Operation) -> AbstractAsyncContextManager[Connection]:
        return environments.changing(self.database, operation.environment, wakes=("cards", "applications"))

    async def _write(
        self, connection: Connection, operation: Operation, *, expected: OperationState, done: str = ""
    ) -> bool:
        """The same in a transaction. Once the order is out, the Application is looked at soon."""
        now = self.clock()
        saved = await rows.save(connection, replace(operation, updated_at=now), expected=expected)
        if saved:
            outcome = done or (operation.state if operation.state is not expected else "")
            if outcome:
                await audit.note(
                    connection,
                    at=now,
                    actor="chatops",
                    action=operation.kind,
                    outcome=outcome,
                    operation=operation,
                    reason=operation.reason,
                    detail=f"commit {operation.written}" if operation.written else "",
                )
            await showing.refresh_card(connection, operation, now=now)
            if operation.state is OperationState.RUNNING and expected is not OperationState.RUNNING:
                await applications.hint(connection, operation.environment, now=now)
        return saved

    async def _require_running(self, operation: Operation) -> None:
        async with self.database.reading() as connection:
            await obstacles.require_running(connection, operation)

    def hindrance(self, known: Known) -> Reason | None:
        """Why the newest read says less than it should, or None when it says everything."""
        silent = known.observation.cluster_error if known.observation else None
        if known.failure is not None or silent is None:
            return known.failure
        return Reason.CLUSTER_FORBIDDEN if silent == Reason.CLUSTER_FORBIDDEN else Reason.CLUSTER_UNREACHABLE

    def place(self, operation: Operation) -> Environment:
        """The environment, which may have left the topology since the operation was asked for, as may the service."""
        environment = self.catalog.environments.get(operation.environment)
        if environment is None:
            raise Refused(Reason.UNKNOWN_ENVIRONMENT)
        if operation.service is not None and operation.service not in self.catalog.services:
            raise Refused(Reason.UNKNOWN_SERVICE)
        return environment
