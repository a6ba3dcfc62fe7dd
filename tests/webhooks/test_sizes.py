"""Large bodies: how large, where they are worked on, and how long they may take."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.webhooks import receipt, signatures
from bot.webhooks.receipt import OFF_THE_LOOP_BYTES
from bot.webhooks.server import MAX_BODY
from tests.webhooks.doors import ARGOCD, CI, Doors, out_of_reach, sign


class Errands(ThreadPoolExecutor):
    """The loop's threads; they remember which functions were taken off the loop."""

    def __init__(self) -> None:
        super().__init__(max_workers=2)
        self.done: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        inner = getattr(fn, "args", (fn,))[0]  # to_thread wraps its function to carry the context along
        self.done.append(inner.__name__)
        return super().submit(fn, *args, **kwargs)


@pytest.fixture
async def errands(doors: Doors) -> Errands:
    """Put under the loop after the doors have opened."""
    threads = Errands()
    asyncio.get_running_loop().set_default_executor(threads)
    return threads


async def test_a_body_of_a_megabyte_is_worked_on_in_place(doors: Doors, errands: Errands) -> None:
    answer = await doors.github(b" " * OFF_THE_LOOP_BYTES)
    assert (answer.status, errands.done) == (202, [])


async def test_a_larger_body_is_verified_and_packed_off_the_loop(doors: Doors, errands: Errands) -> None:
    body = b" " * (OFF_THE_LOOP_BYTES + 1)
    assert (await doors.github(body)).status == 202
    assert errands.done == [signatures.github.__name__, zlib.compress.__name__]
    assert (await doors.github(body, secret="wrong")).status == 401
    assert errands.done[2:] == [signatures.github.__name__]
    assert (await doors.report("ci", body, token=CI)).status == 202
    assert errands.done[3:] == ["update", zlib.compress.__name__]
    assert (await doors.report("argocd", body, token=ARGOCD)).status == 202
    assert errands.done[5:] == ["update", zlib.compress.__name__]
    assert [delivery.body == body for delivery in await doors.stored()] == [True] * 3


async def test_no_more_large_bodies_are_held_than_memory_is_meant_for(doors: Doors, errands: Errands) -> None:
    body = b" " * (OFF_THE_LOOP_BYTES + 1)
    async with out_of_reach(doors.database):
        posts = [asyncio.create_task(doors.github(body)) for _ in range(6)]
        async with asyncio.timeout(5):
            while len(errands.done) < 8:  # four were verified and packed, and wait for the disk
                assert (await doors.request("GET", "/healthz")).status == 200
        for _ in range(10):
            assert (await doors.request("GET", "/healthz")).status == 200
        assert len(errands.done) == 8
    assert {answer.status for answer in await asyncio.gather(*posts)} == {202}
    assert len(errands.done) == 12


async def test_the_largest_body_is_kept_and_one_byte_more_is_refused(doors: Doors) -> None:
    largest = b" " * MAX_BODY
    assert (await doors.github(largest)).status == 202
    (stored,) = await doors.stored()
    assert stored.body == largest
    answer = await doors.github(largest + b" ")
    assert answer.status == 413
    assert answer.body == {"status": "refused", "reason": f"the body is larger than {MAX_BODY} bytes"}


async def test_a_body_that_does_not_say_how_large_it_is_stops_at_the_limit(doors: Doors) -> None:
    async def chunks() -> Any:
        for _ in range(26):
            yield b" " * 1024 * 1024

    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {ARGOCD}"}
    answer = await doors.request("POST", "/webhooks/argocd", data=chunks(), headers=headers)
    assert answer.status == 413
    assert await doors.stored() == []


async def test_a_wrong_length_is_refused_before_the_body_comes(doors: Doors) -> None:
    host, port = doors.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}X-Hub-Signature-256: {sign(b'', 'x')}\r\nContent-Length: {MAX_BODY + 1}\r\n\r\n".encode())
    assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
    writer.close()
    await writer.wait_closed()


async def test_a_body_that_dawdles_is_given_up(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipt, "_READ_SECONDS", 0.05)  # not a stand-in: the same limit, in test time
    host, port = doors.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /webhooks/argocd HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ARGOCD}\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{{".encode())
    assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
    writer.close()
    await writer.wait_closed()
    assert doors.outcomes == [("argocd", "refused")]


@asynccontextmanager
async def dawdling(doors: Doors, *, senders: int, length: int) -> AsyncIterator[None]:
    """Strangers at GitHub's door who promise a body and send one byte of it."""
    head = b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Hub-Signature-256: x\r\n"
    host, port = doors.url.removeprefix("http://").split(":")
    writers = []
    for _ in range(senders):
        _reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + f"Content-Length: {length}\r\n\r\n ".encode())
        await writer.drain()
        writers.append(writer)
    for _ in range(10):
        assert (await doors.request("GET", "/healthz")).status == 200
    yield
    for writer in writers:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(5):
        while doors.outcomes.count(("github", "refused")) < senders:  # noticed that they are gone
            doors.heard.clear()
            await doors.heard.wait()


async def test_strangers_with_large_bodies_keep_others_waiting_for_a_bounded_time(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt, "_WAIT_SECONDS", 0.05)  # not a stand-in: the same limit, in test time
    large = b" " * (OFF_THE_LOOP_BYTES + 1)
    async with dawdling(doors, senders=4, length=len(large)):
        late = await doors.github(large)
        assert (late.status, late.headers["Retry-After"]) == (503, "5")
        assert late.body == {"status": "failed", "reason": "too many bodies are being read"}
        assert doors.outcomes == [("github", "overloaded")]
        assert (await doors.github(b"{}")).status == 202
    assert (await doors.github(large)).status == 202


async def test_no_more_small_bodies_are_read_at_a_time_than_memory_is_meant_for(
    doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipt, "_WAIT_SECONDS", 0.05)
    body = b" " * 500_000  # does not come along with the headers
    async with dawdling(doors, senders=128, length=OFF_THE_LOOP_BYTES):
        assert (await doors.github(body)).status == 503
        assert (await doors.report("argocd", body, token=ARGOCD)).status == 202
        assert (await doors.report("ci", body, token=CI)).status == 202
    assert (await doors.github(body)).status == 202
    assert doors.outcomes.count(("github", "overloaded")) == 1
