"""The list and the stream of changes: small, told apart by what people see, and ended by whatever ends it."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest
from aiohttp import web

from bot.adapters import argocd_http, argocd_watch
from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError, TokenRejected, Unreachable
from bot.adapters.argocd_watch import Seen
from sandbox.world import World
from tests.adapters.conftest import PROD, Scripted


async def first(argocd: ArgoCD, number: int) -> list[Seen]:
    """The first frames of a watch."""
    found: list[Seen] = []
    async with asyncio.timeout(5):
        async for seen in argocd.watch():
            found.append(seen)
            if len(found) == number:
                break
    return found


async def until_it_ends(argocd: ArgoCD) -> list[str]:
    """The Applications of a watch, which must end by itself."""
    async with asyncio.timeout(5):
        return [seen.application async for seen in argocd.watch()]


async def parts(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_watch_begins_with_everything_as_it_is_listed(argocd: ArgoCD, server: Scripted) -> None:
    listed = await argocd.fingerprints()
    seen = await first(argocd, len(listed))
    assert {one.application: one.fingerprint for one in seen} == listed
    assert set(listed) == {"tiketi-dev", "tiketi-staging", PROD}
    request = server.requests[-1]
    assert request.headers["accept"] == "text/event-stream"
    assert request.query["projects"] == "tiketi"


async def test_a_change_that_people_see_is_another_fingerprint(argocd: ArgoCD, world: World) -> None:
    before = (await argocd.fingerprints())[PROD]
    world.controller.refresh(world.application("prod"))
    assert (await argocd.fingerprints())[PROD] == before  # compared anew, and nothing came of it
    looks = [before]
    world.release("prod", "backend")
    world.tick()
    looks.append((await argocd.fingerprints())[PROD])
    world.operate("prod")
    for _ in range(3):
        looks.append((await argocd.fingerprints())[PROD])
        world.tick()
    assert len(set(looks)) == len(looks)


async def test_changes_and_disappearances_arrive(argocd: ArgoCD, world: World) -> None:
    number = len(await argocd.fingerprints())
    found: list[Seen] = []
    async with asyncio.timeout(5):
        async for seen in argocd.watch():
            found.append(seen)
            if len(found) == number:
                world.operate("prod")
            if len(found) == number + 1:
                del world.applications["tiketi-dev"]
            if len(found) == number + 2:
                break
    assert [one.application for one in found[number:]] == [PROD, "tiketi-dev"]
    assert (found[number].fingerprint is None, found[number + 1].fingerprint) == (False, None)


async def test_a_cut_is_an_ordinary_end(argocd: ArgoCD, server: Scripted) -> None:
    server.faults.stream_cut = 2
    assert len(await until_it_ends(argocd)) == 2


async def test_an_error_frame_ends_it_with_an_error(argocd: ArgoCD, server: Scripted) -> None:
    server.faults.stream_error = (14, 503, "Service Unavailable", "etcd is away")
    with pytest.raises(Unreachable):
        await until_it_ends(argocd)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ({"error": {"grpc_code": 16, "http_code": 401, "message": "invalid session: x"}}, TokenRejected),
        ({"error": {"grpc_code": 16, "message": "no session information"}}, TokenRejected),
        ({}, Unreachable),
    ],
)
def test_an_error_frame_means_what_it_says(frame: dict[str, object], kind: type[ArgocdError]) -> None:
    with pytest.raises(ArgocdError) as caught:
        argocd_watch.seen(frame)
    assert type(caught.value) is kind


async def test_an_error_before_the_first_frame_is_an_answer(argocd: ArgoCD, server: Scripted) -> None:
    server.accounts.revoke(server.token)
    with pytest.raises(TokenRejected):
        await until_it_ends(argocd)


async def test_silence_ends_it(argocd: ArgoCD, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    # In production the limit is three times the pause between two comments.
    monkeypatch.setattr(argocd_http, "SILENCE", 0.2)  # the same limit, in test time
    server.faults.stream_silent = True
    with pytest.raises(Unreachable):
        await until_it_ends(argocd)


async def test_comments_keep_it_alive(argocd: ArgoCD, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argocd_http, "SILENCE", 0.3)  # the same proportion to the pause between comments, in test time
    server.faults.heartbeat = 0.1
    number = len(await argocd.fingerprints())
    assert len(await first(argocd, number)) == number
    waiting = asyncio.create_task(first(argocd, number + 1))
    done, _ = await asyncio.wait([waiting], timeout=1)
    assert done == set()
    waiting.cancel()


async def test_frames_may_come_in_any_pieces() -> None:
    stream = b':\ndata: {"result": {"a": 1}} \n\n\n:\ndata: {"result": {"b": 2}} \n\n\n'
    for size in (1, 7, len(stream)):
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert [frame async for frame in argocd_watch.frames(parts(pieces))] == [
            {"result": {"a": 1}},
            {"result": {"b": 2}},
        ]


@pytest.mark.parametrize(
    "stream", [[b"data: {"] + [b"x" * 1_000_000] * 5, [b"data: nonsense\n"]], ids=["endless", "no JSON"]
)
async def test_what_is_no_frame_is_refused(stream: list[bytes]) -> None:
    with pytest.raises(Unreachable):
        [frame async for frame in argocd_watch.frames(parts(stream))]


async def test_no_application_is_no_error(argocd: ArgoCD, server: Scripted) -> None:
    server.answers = [web.json_response({"metadata": {}, "items": None})]
    assert await argocd.fingerprints() == {}
