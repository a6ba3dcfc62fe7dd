"""Workers: they claim operations and take them step by step to their end.

One task per operation, a bounded number at once. A claim is time-limited and prolonged while a step lasts, so the
operations of a process that died are taken up by the next one after the claim ran out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import approvals, operations
from bot.storage import operations as rows
from bot.storage.engine import Database

AT_ONCE = 16
MAX_FAULTS = 5
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
        self._in_hand: set[str] = set()
        self._faults: dict[str, int] = {}

    async def run(self) -> None:
        """Work until cancelled; requests whose time is over are closed on the way."""
        async with asyncio.TaskGroup() as group:
            while True:
                await approvals.expire_overdue(self._database, now=self._clock())
                for operation in await self._claimed():
                    if operation.id not in self._in_hand:
                        self._in_hand.add(operation.id)
                        group.create_task(self._take(operation), name=f"operation-{operation.id}")
                await self._database.wait("operations", seconds=self._pause)

    async def _claimed(self) -> list[Operation]:
        now = self._clock()
        async with self._database.transaction() as connection:
            return await rows.claim(
                connection, worker=self._name, now=now, until=now + self._claim, limit=AT_ONCE - len(self._in_hand)
            )

    async def _take(self, operation: Operation) -> None:
        """Step one operation until it waits for a person or has ended, holding the claim."""
        try:
            current: Operation | None = operation
            while current is not None and not current.state.ended and current.state not in _PATIENT:
                after = await self._step(current)
                if after is not None and after.state is current.state:
                    await asyncio.sleep(self._pause)
                current = after
            await self._hold(operation.id, until=None)
            if current is not None and current.state.ended:
                self._observe(current.kind, current.state)
        except* _ClaimLost:
            log.warning("worker.claim_lost", operation=operation.id)
        except* Exception:
            # A step that fails in a way nobody thought of leaves its row as it was: it is tried again after the claim
            # ran out, a few times, and the log says why.
            log.exception("worker.step_failed", operation=operation.id)
            await self._count_fault(operation)
        else:
            self._faults.pop(operation.id, None)
        finally:
            self._in_hand.discard(operation.id)

    async def _count_fault(self, operation: Operation) -> None:
        """End what keeps failing: whoever waits for it must hear so."""
        count = self._faults[operation.id] = self._faults.get(operation.id, 0) + 1
        if count < MAX_FAULTS:
            return
        del self._faults[operation.id]
        async with self._database.transaction("cards") as connection:
            current = await rows.get(connection, operation.id)
            if current is not None and not current.state.ended:
                await operations.close(
                    connection, current, state=OperationState.FAILED, reason=Reason.FAULT, now=self._clock()
                )

    async def _step(self, operation: Operation) -> Operation | None:
        """Take one step, keeping the claim for as long as it lasts, and return what the row says then."""
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep(operation.id), name=f"claim-{operation.id}")
            await self._steps[operation.kind](operation)
            keeping.cancel()
        await self._hold(operation.id, until=self._clock() + self._claim)
        async with self._database.reading() as connection:
            return await rows.get(connection, operation.id)

    async def _keep(self, operation_id: str) -> None:
        while True:
            await asyncio.sleep(self._claim.total_seconds() / 3)
            await self._hold(operation_id, until=self._clock() + self._claim)

    async def _hold(self, operation_id: str, *, until: datetime | None) -> None:
        async with self._database.transaction() as connection:
            if not await rows.hold(connection, operation_id, worker=self._name, until=until):
                raise _ClaimLost(operation_id)


class _ClaimLost(Exception):
    """Another worker has taken the operation, because this one did not get on with it in time."""
