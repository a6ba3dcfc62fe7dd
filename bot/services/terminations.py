"""Stopping the operation that runs on an Application: exactly the one that was shown, and waiting until it has ended.

    requested  -> is it still that one? mark, tell Argo CD to stop it     -> dispatching -> running
    dispatching-> after a crash, a cut connection or an order that came too early: look, and tell again if it still runs
    running    -> until the slot is free                                  -> succeeded | failed

Argo CD answers at once and stops later. Told before its controller has picked the operation up, it says that there is
none; then it is told again. Telling it twice stops nothing else, because an operation is known by when it began, or
by having begun soon after it was shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError, NothingRunning, OrderUncertain
from bot.adapters.argocd_values import ApplicationRead
from bot.domain.events import Phase, SyncOperation
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.services.steps import Steps

WAIT_FOR = timedelta(minutes=5)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminator:
    """What the steps need."""

    steps: Steps
    argocds: Mapping[str, ArgoCD]

    async def step(self, operation: Operation) -> None:
        """Take the operation one step further. A system that does not answer leaves it where it is."""
        match operation.state:
            case OperationState.REQUESTED:
                await self.steps.guarded(operation, self._dispatch)
            case OperationState.DISPATCHING | OperationState.RUNNING:
                await self.steps.guarded(operation, self._follow)
            case _:
                log.warning("terminate.no_step", operation=operation.id, state=operation.state)

    async def _dispatch(self, operation: Operation) -> None:
        read = await self._read(operation)
        if not read.pending:
            raise Refused(Reason.NOTHING_RUNNING)
        if not _is_asked(operation, read):
            raise Refused(Reason.OPERATION_CHANGED)
        current = read.operation if read.operation and read.operation.holds else None
        marked = replace(self.steps.marked(operation, within=WAIT_FOR), sync=current)
        if await self.steps.save(marked, expected=OperationState.REQUESTED):
            await self._tell(marked)

    async def _tell(self, operation: Operation) -> None:
        environment = self.steps.place(operation)
        try:
            await self.argocds[environment.argocd].terminate(environment.application)
        except (OrderUncertain, NothingRunning) as error:
            log.warning("terminate.uncertain", operation=operation.id, answer=error.log)
        except ArgocdError as error:
            log.warning("terminate.refused", operation=operation.id, reason=error.reason, answer=error.log)
            await self.steps.end(operation, OperationState.REFUSED, error.reason)
        else:
            await self.steps.accepted(operation)

    async def _follow(self, operation: Operation) -> None:
        """Wait until the slot is free; an order that did not take effect is given again."""
        read = await self._read(operation)
        if not read.pending or not _is_asked(operation, read):
            await self.steps.end(replace(operation, sync=_seen(operation, read)), OperationState.SUCCEEDED, None)
        elif operation.deadline is not None and self.steps.clock() >= operation.deadline:
            await self.steps.end(operation, OperationState.FAILED, Reason.TERMINATE_TIMED_OUT)
        elif operation.state is OperationState.DISPATCHING and not _is_ending(read):
            await self._tell(operation)

    async def _read(self, operation: Operation) -> ApplicationRead:
        environment = self.steps.place(operation)
        return await self.argocds[environment.argocd].read(environment.application)


def _is_asked(operation: Operation, read: ApplicationRead) -> bool:
    """Whether the operation in the slot is the one that was shown.

    One that nobody had picked up then has no beginning to know it by, so it is only taken for one that began soon.
    """
    current = read.operation if read.operation and read.operation.holds else None
    if operation.ends is not None:
        return current is not None and current.started_at == operation.ends
    return current is None or (operation.ends_by is not None and current.started_at <= operation.ends_by)


def _seen(operation: Operation, read: ApplicationRead) -> SyncOperation | None:
    """How the operation that was shown is now, or was when it was seen last: another one may have taken its place."""
    now, before = read.operation, operation.sync
    if now is None or (before is not None and now.started_at != before.started_at):
        return before
    too_late = operation.ends is None and (operation.ends_by is None or now.started_at > operation.ends_by)
    return before if before is None and too_late else now


def _is_ending(read: ApplicationRead) -> bool:
    return read.operation is not None and read.operation.phase is Phase.TERMINATING
