"""Answers are kept for a moment, asked for once, and never for ever."""

import asyncio

import pytest

from bot.adapters.remembering import Remembering


class Source:
    """Answers with how often it was asked, when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.asked += 1
        await self.go.wait()
        if self.error:
            raise self.error
        return self.asked


@pytest.fixture
def time() -> list[float]:
    """The time, in a list so that a test can change it."""
    return [0.0]


@pytest.fixture
def memory(time: list[float]) -> Remembering[str, int]:
    """A memory of two answers for ten seconds."""
    return Remembering(seconds=10, most=2, clock=lambda: time[0])


async def test_an_answer_is_good_for_its_time(memory: Remembering[str, int], time: list[float]) -> None:
    source = Source()
    source.go.set()
    found = []
    for now in (0.0, 9.9, 10.0, 19.0):
        time[0] = now
        found.append(await memory.get("a", source))
    assert found == [1, 1, 2, 2]


async def test_the_oldest_answer_makes_room(memory: Remembering[str, int]) -> None:
    sources = {name: Source() for name in "abc"}
    for name in "abcba":
        sources[name].go.set()
        await memory.get(name, sources[name])
    assert [source.asked for source in sources.values()] == [2, 1, 1]


async def test_a_failure_reaches_everybody_and_is_not_kept(memory: Remembering[str, int]) -> None:
    source = Source()
    source.error = OSError("down")
    waiting = [asyncio.create_task(memory.get("a", source)) for _ in range(3)]
    await asyncio.sleep(0)
    source.go.set()
    assert [type(one) for one in await asyncio.gather(*waiting, return_exceptions=True)] == [OSError] * 3
    source.error = None
    assert await memory.get("a", source) == 2


async def test_who_gives_up_does_not_end_the_question_for_others(memory: Remembering[str, int]) -> None:
    source = Source()
    first, second = (asyncio.create_task(memory.get("a", source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.go.set()
    assert await second == 1
    assert first.cancelled()


async def test_closing_ends_what_is_asked(memory: Remembering[str, int]) -> None:
    source = Source()
    waiting = asyncio.create_task(memory.get("a", source))
    await asyncio.sleep(0)
    await memory.aclose()
    with pytest.raises(asyncio.CancelledError):
        await waiting
