"""Workers: they claim operations and take them step by step to their end.

One task per operation, a bounded number at once. An operation with nothing to do right now is put down until the next
look, so that those which wait for a rollout hinder none that has just been asked for; and no environment has all the
places, because its Argo CD or its cluster may not answer. Some places are kept for what stops something.

A claim is time-limited and prolonged while a step lasts, so the operations of a process that died are taken up by the
next one after the claim ran out.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import aftermaths, operations, rests, tending
from bot.storage import operations as rows
from bot.storage.engine import Database

AT_ONCE, IN_ONE_ENVIRONMENT, KEPT = 16, 6, 2
CANDIDATES = 100
MAX_FAULTS = 5
PAUSE = timedelta(seconds=1)
TENDED_EACH = 5
"""After so many pauses it is tidied up and people are reminded: nothing that is decided waits for that."""
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
        catalog: Catalog,
        steps: Mapping[OperationKind, Step],
        clock: Callable[[], datetime],
        observe: Callable[[str, str], None],
        pause: timedelta = PAUSE,
        claim: timedelta = CLAIM,
    ) -> None:
        self._database = database
        self._name = name
        self._catalog = catalog
        self._steps = steps
        self._clock = clock
        self._observe = observe
        self._pause = pause.total_seconds()
        self._claim = claim
        self._in_hand: dict[str, str] = {}  # the environments, by operation
        self._faults: dict[str, int] = {}

    async def run(self) -> None:
        """Work until cancelled; beside that, what is over is tidied up and people are reminded."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tend(), name="tending")
            while True:
                for operation in await self._claimed():
                    group.create_task(self._take(operation), name=f"operation-{operation.id}")
                await self._database.wait("operations", seconds=self._pause)

    async def _tend(self) -> None:
        while True:
            await tending.tend(self._database, catalog=self._catalog, now=self._clock())
            await asyncio.sleep(TENDED_EACH * self._pause)

    async def _claimed(self) -> list[Operation]:
        """As many operations as there are places for."""
        places = Counter(self._in_hand.values())
        if places.total() >= AT_ONCE:
            return []
        now, taken = self._clock(), []
        full = [name for name, number in places.items() if number >= IN_ONE_ENVIRONMENT]
        async with self._database.transaction() as connection:
            for operation in await rows.free(connection, now=now, limit=CANDIDATES, full=full):
                if operation.id not in self._in_hand and _has_place(operation, places):
                    places[operation.environment] += 1
                    taken.append(operation)
            until = now + self._claim
            await rows.claim(connection, [operation.id for operation in taken], worker=self._name, until=until)
        self._in_hand |= {operation.id: operation.environment for operation in taken}
        return taken

    async def _take(self, operation: Operation) -> None:
        """Step one operation until there is nothing to do right now, it waits for a person, or it has ended."""
        try:
            current: Operation | None = operation
            while current is not None and not current.state.ended and current.state not in _PATIENT:
                after = await self._step(current)
                if after is not None and after.state is current.state:
                    now = self._clock()
                    await self._put_down(operation.id, until=now + rests.rest(after, now=now))
                    break
                await self._hold(operation.id)
                current = after
            else:
                await self._put_down(operation.id, until=None)
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
            self._in_hand.pop(operation.id, None)

    async def _count_fault(self, operation: Operation) -> None:
        """End what keeps failing: whoever waits for it must hear so."""
        count = self._faults[operation.id] = self._faults.get(operation.id, 0) + 1
        if count < MAX_FAULTS:
            return
        del self._faults[operation.id]
        async with self._database.transaction("cards") as connection:
            current = await rows.get(connection, operation.id)
            if current is not None and not current.state.ended:
                failed, now = OperationState.FAILED, self._clock()
                if await operations.close(connection, current, state=failed, reason=Reason.FAULT, now=now):
                    await aftermaths.begin(connection, current, state=failed, now=now)

    async def _step(self, operation: Operation) -> Operation | None:
        """Take one step, keeping the claim for as long as it lasts, and return what the row says after it."""
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep(operation.id), name=f"claim-{operation.id}")
            await self._steps[operation.kind](operation)
            keeping.cancel()
        async with self._database.reading() as connection:
            return await rows.get(connection, operation.id)

    async def _keep(self, operation_id: str) -> None:
        while True:
            await asyncio.sleep(self._claim.total_seconds() / 3)
            await self._hold(operation_id)

    async def _hold(self, operation_id: str) -> None:
        until = self._clock() + self._claim
        async with self._database.transaction() as connection:
            if not await rows.hold(connection, operation_id, worker=self._name, until=until):
                raise _ClaimLost(operation_id)

    async def _put_down(self, operation_id: str, *, until: datetime | None) -> None:
        async with self._database.transaction() as connection:
            if not await rows.put_down(connection, operation_id, worker=self._name, until=until):
                raise _ClaimLost(operation_id)


def _has_place(operation: Operation, places: Counter[str]) -> bool:
    """Whether one more may be in hand beside so many in each environment."""
    if operation.kind is OperationKind.TERMINATE:
        return places.total() < AT_ONCE
    return places.total() < AT_ONCE - KEPT and places[operation.environment] < IN_ONE_ENVIRONMENT


class _ClaimLost(Exception):
    """Another worker has taken the operation, because this one did not get on with it in time."""
