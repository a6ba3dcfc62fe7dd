"""The watch of the stand-in, byte for byte: its frames, its pulse, where it begins and how it ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from sandbox.argocd import Argocd
from sandbox.world import World

PATH = "/api/v1/stream/applications"
EVENTS = {"Accept": "text/event-stream"}
NAMES = "result.type,result.application.metadata.name"


def frame(kind: str, environment: str) -> bytes:
    """A frame of which only the type and the name were asked for."""
    body = f'{{"result":{{"type":"{kind}","application":{{"metadata":{{"name":"tiketi-{environment}"}}}}}}}}'
    return f"data: {body} \n\n\n".encode()


@asynccontextmanager
async def watched(api: httpx.AsyncClient, query: str = f"?fields={NAMES}") -> AsyncIterator[AsyncIterator[bytes]]:
    """The bytes of a watch that asks for events, as they come."""
    async with asyncio.timeout(5), api.stream("GET", PATH + query, headers=EVENTS) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert "Content-Encoding" not in answer.headers
        yield answer.aiter_bytes()


async def read(content: AsyncIterator[bytes], size: int) -> bytes:
    """That many bytes or more."""
    found = b""
    while len(found) < size:
        found += await anext(content)
    return found


async def test_every_application_is_added_and_its_changes_follow(api: httpx.AsyncClient, world: World) -> None:
    added = b"".join(frame("ADDED", environment) for environment in ("dev", "staging", "prod"))
    async with watched(api) as content:
        assert await read(content, len(added)) == added
        world.release("prod", "backend")
        world.tick()
        assert await read(content, 1) == frame("MODIFIED", "prod")


async def test_a_watch_from_a_version_replays_nothing(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    version = (await api.get("/api/v1/applications")).json()["metadata"]["resourceVersion"]
    world.release("staging", "backend")
    await world.settle()
    argocd.faults.heartbeat = 0.05
    async with watched(api, f"?fields={NAMES}&resourceVersion={version}") as content:
        assert await read(content, 1) == b":\n"
        world.release("prod", "backend")
        world.tick()
        told = b""
        while not told.replace(b":\n", b""):
            told = await read(content, 1)
        assert told.replace(b":\n", b"") == frame("MODIFIED", "prod")


async def test_a_named_application_is_added_whatever_its_version(api: httpx.AsyncClient) -> None:
    async with watched(api, f"?fields={NAMES}&resourceVersion=999999&name=tiketi-prod") as content:
        assert await read(content, 1) == frame("ADDED", "prod")


async def test_an_application_that_is_deleted_is_told(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    gone = world.applications["tiketi-dev"]
    async with watched(api) as content:
        await read(content, len(frame("ADDED", "dev")) * 3)
        del world.applications[gone.name]
        assert await read(content, 1) == frame("DELETED", "dev")


async def test_without_fields_the_whole_application_comes(api: httpx.AsyncClient) -> None:
    async with watched(api, "?name=tiketi-prod") as content:
        told = (await read(content, 1)).removeprefix(b"data: ")
    result = json.loads(told)["result"]
    stored = (await api.get("/api/v1/applications/tiketi-prod")).json()
    assert result == {"type": "ADDED", "application": stored}


async def test_the_pulse_comes_when_nothing_else_does(api: httpx.AsyncClient, argocd: Argocd) -> None:
    argocd.faults.heartbeat = 0.05
    async with watched(api, f"?fields={NAMES}&resourceVersion=999999") as content:
        assert await read(content, 6) == b":\n:\n:\n"


async def test_lines_have_no_pulse_and_no_data(api: httpx.AsyncClient, argocd: Argocd) -> None:
    argocd.faults.heartbeat, argocd.faults.stream_cut = 0.02, 1
    async with asyncio.timeout(5):
        answer = await api.get(f"{PATH}?fields={NAMES}&name=tiketi-prod")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.content == b'{"result":{"type":"ADDED","application":{"metadata":{"name":"tiketi-prod"}}}}\n'


async def test_a_cut_is_an_end_without_a_word(api: httpx.AsyncClient, argocd: Argocd) -> None:
    argocd.faults.stream_cut = 2
    async with watched(api) as content:
        assert b"".join([piece async for piece in content]) == frame("ADDED", "dev") + frame("ADDED", "staging")


@pytest.mark.parametrize(
    ("query", "last"),
    [
        (
            "?name=tiketi-prod",
            b'data: {"error":{"grpc_code":14,"http_code":503,"message":"gone","http_status":"Gone"}} \n\n',
        ),
        (f"?name=tiketi-prod&fields={NAMES}", b"data: {} \n\n"),
    ],
    ids=["whole", "filtered"],
)
async def test_an_error_is_the_last_frame_and_the_filter_empties_it(
    api: httpx.AsyncClient, argocd: Argocd, query: str, last: bytes
) -> None:
    argocd.faults.stream_error = (14, 503, "Gone", "gone")
    async with watched(api, query) as content:
        assert b"".join([piece async for piece in content]).partition(b"\n\n\n")[2] == last


async def test_a_token_watches_what_it_may_see(argocd: Argocd, api: httpx.AsyncClient) -> None:
    token = argocd.accounts.issue("narrow", actions=["get"], applications="tiketi-dev")
    api.headers["Authorization"] = f"Bearer {token}"
    argocd.faults.stream_cut = 1
    async with watched(api) as content:
        assert b"".join([piece async for piece in content]) == frame("ADDED", "dev")
    argocd.accounts.revoke(token)
    assert (await api.get(PATH, headers=EVENTS)).status_code == 401
