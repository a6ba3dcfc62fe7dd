"""Workers: they claim operations and take them step by step to their end.

One task per operation, a bounded number at once. A claim is time-limited and prolonged while the task lives, so the
operations of a process that died are taken up by the next one after the claim ran out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.domain.operations import Operation, OperationKind, OperationState
from bot.services import approvals
from bot.storage import operations as rows
from bot.storage.engine import Database

AT_ONCE = 16
PAUSE = timedelta(seconds=1)
CLAIM = timedelta(seconds=20)
_PATIENT = frozenset({OperationState.WAITING})

log = structlog.get_logger(__name__)

Step = Callable[[Operation], Awaitable[None]]


class Worker:
    """Claims operations and steps them; `steps` has one function per kind, which takes an operation further."""

    def __init__(
        self,
        database: Database,
        *,
        name: str,
        steps: Mapping[OperationKind, Step],
        clock: Callable[[], datetime],
        observe: Callable[[str, str], None],
        pause: timedelta = PAUSE,
        claim: timedelta = CLAIM,
    ) -> None:
        self._database = database
        self._name = name
        self._steps = steps
        self._clock = clock
        self._observe = observe
        self._pause = pause.total_seconds()
        self._claim = claim

    async def run(self) -> None:
        """Work until cancelled; requests whose time is over are closed on the way."""
        tasks: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while True:
                now = self._clock()
                await approvals.expire_overdue(self._database, now=now)
                async with self._database.transaction() as connection:
                    claimed = await rows.claim(
                        connection,
                        worker=self._name,
                        now=now,
                        until=now + self._claim,
                        limit=AT_ONCE - len(tasks),
                    )
                for operation in claimed:
                    task = group.create_task(self._take(operation), name=f"operation-{operation.id}")
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                await self._database.wait("operations", seconds=self._pause)

    async def _take(self, operation: Operation) -> None:
        """Step one operation until it waits for a person or has ended, holding the claim."""
        current: Operation | None = operation
        while current is not None and not current.state.ended and current.state not in _PATIENT:
            try:
                await self._steps[current.kind](current)
            except Exception:
                # A step that fails in a way nobody thought of leaves its row as it was: it is tried again after the
                # claim ran out, and the log says why.
                log.exception("worker.step_failed", operation=operation.id, state=current.state)
                return
            async with self._database.transaction() as connection:
                held = await rows.hold(connection, operation.id, worker=self._name, until=self._clock() + self._claim)
                after = await rows.get(connection, operation.id)
            if not held:
                log.warning("worker.claim_lost", operation=operation.id)
                return
            if after is not None and after.state is current.state:
                await asyncio.sleep(self._pause)
            current = after
        async with self._database.transaction() as connection:
            await rows.hold(connection, operation.id, worker=self._name, until=None)
        if current is not None and current.state.ended:
            self._observe(current.kind, current.state)
