"""Answers kept for a moment: several people who look at once cause one question, and so does one who looks twice.

A failure is not kept. Whoever gives up waiting does not end the question for the others.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Answer = TypeVar("_Answer")


class Remembering(Generic[_Key, _Answer]):
    """At most `most` answers, each for `seconds`."""

    def __init__(self, *, seconds: float, most: int, clock: Callable[[], float] = monotonic) -> None:
        self._seconds = seconds
        self._most = most
        self._clock = clock
        self._known: OrderedDict[_Key, tuple[float, _Answer]] = OrderedDict()
        self._asked: dict[_Key, asyncio.Task[_Answer]] = {}

    async def get(self, key: _Key, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """The answer from memory, from a question that is under way, or from a new one. Raises what `ask` raises."""
        known = self._known.get(key)
        if known is not None and self._clock() < known[0]:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, ask), name=f"remembering {key}")
            self._asked[key] = task
            task.add_done_callback(lambda done: self._over(key, done))
        return await asyncio.shield(task)

    async def _ask(self, key: _Key, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        answer = await ask()
        self._known[key] = (self._clock() + self._seconds, answer)
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return answer

    def _over(self, key: _Key, task: asyncio.Task[_Answer]) -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # Whoever waited has it; if nobody does any more, it is nobody's loss.

    async def aclose(self) -> None:
        """End what is still being asked."""
        asked = [*self._asked.values()]
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
