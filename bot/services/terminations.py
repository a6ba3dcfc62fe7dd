"""Stopping the operation that runs on an Application: exactly the one that was shown, and waiting until it has ended.

    requested  -> is it still that one? mark, tell Argo CD to stop it     -> dispatching -> running
    dispatching-> after a crash, a cut connection or an order that came too early: look, and tell again if it still runs
    running    -> until the slot is free                                  -> succeeded | failed

Argo CD answers at once and stops later. Told before its controller has picked the operation up, it says that there is
none; then it is told again. Telling it twice stops nothing else, because an operation is known by when it began.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import NothingRunning, OrderUncertain
from bot.adapters.argocd_values import ApplicationRead
from bot.domain.events import Phase
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
        marked = replace(self.steps.marked(operation, within=WAIT_FOR), sync=read.operation)
        if await self.steps.save(marked, expected=OperationState.REQUESTED):
            await self._tell(marked)

    async def _tell(self, operation: Operation) -> None:
        environment = self.steps.place(operation)
        try:
            await self.argocds[environment.argocd].terminate(environment.application)
        except (OrderUncertain, NothingRunning) as error:
            log.warning("terminate.uncertain", operation=operation.id, answer=error.log)
            return
        await self.steps.accepted(operation)

    async def _follow(self, operation: Operation) -> None:
        """Wait until the slot is free; an order that did not take effect is given again."""
        read = await self._read(operation)
        if not read.pending or not _is_asked(operation, read):
            await self.steps.end(replace(operation, sync=read.operation), OperationState.SUCCEEDED, None)
        elif operation.deadline is not None and self.steps.clock() >= operation.deadline:
            await self.steps.end(operation, OperationState.FAILED, Reason.TERMINATE_TIMED_OUT)
        elif operation.state is OperationState.DISPATCHING and not _is_ending(read):
            await self._tell(operation)

    async def _read(self, operation: Operation) -> ApplicationRead:
        environment = self.steps.place(operation)
        return await self.argocds[environment.argocd].read(environment.application)


def _is_asked(operation: Operation, read: ApplicationRead) -> bool:
    """Whether the operation in the slot is the one that was shown; one that nobody picked up has no beginning yet."""
    begun = read.operation.started_at if read.operation and not read.operation.phase.ended else None
    return begun is None or operation.ends is None or begun == operation.ends


def _is_ending(read: ApplicationRead) -> bool:
    return read.operation is not None and read.operation.phase is Phase.TERMINATING
