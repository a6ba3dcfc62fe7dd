"""Answers of an OCI registry that a test writes: challenges, ways to other places, tokens, and what is no answer."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters import registry_http, registry_oci
from bot.adapters.registry import RegistryForbidden, RegistryUnreachable
from bot.adapters.registry_oci import OciRegistry
from sandbox import serving

REPOSITORY = "tiketi-backend"
LOGIN = ("chatops", "hunter2")


class Told(serving.Server):
    """Answers what it is told to, in order, and remembers who was let in how."""

    def __init__(self, *answers: web.Response) -> None:
        super().__init__()
        self.answers = [*answers]
        self.authorizations: list[str | None] = []

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Every request is answered alike."""
        return [web.get("/{path:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        self.authorizations.append(request.headers.get("Authorization"))
        return self.answers.pop(0)


def challenge(text: str) -> web.Response:
    return web.Response(status=401, headers={"WWW-Authenticate": text})


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ('Bearer realm="http://127.0.0.1:9/token"', "which is not HTTPS"),
        ('Bearer realm="http://registry.evil.test/token",service="x"', "which is not HTTPS"),
        ('Bearer realm="ftp://registry.evil.test/token"', "which is not HTTPS"),
        ('Bearer service="x"', "which is not HTTPS"),
        ("Negotiate", "401: Negotiate challenge; credentials: set"),
        ("", "401: no challenge; credentials: set"),
    ],
)
async def test_credentials_go_nowhere_else(header: str, reason: str) -> None:
    async with Told(challenge(header)) as server:
        adapter = OciRegistry(url=server.url, username=LOGIN[0], password=lambda: SecretStr(LOGIN[1]))
        with pytest.raises(RegistryForbidden) as caught:
            await adapter.names(REPOSITORY)
        await adapter.aclose()
        assert reason in caught.value.log
        assert "hunter2" not in caught.value.log
        assert server.authorizations == [None]


async def test_a_registry_that_wants_the_password_itself_gets_it() -> None:
    good = web.json_response({"tags": ["a"]})
    async with Told(challenge('Basic realm="here"'), good, web.json_response({"tags": []})) as server:
        adapter = OciRegistry(url=server.url, username=LOGIN[0], password=lambda: SecretStr(LOGIN[1]))
        assert (await adapter.names(REPOSITORY)).pushed == {"a": None}
        basic = f"Basic {base64.b64encode(b'chatops:hunter2').decode()}"
        assert server.authorizations == [None, basic]
        await adapter.aclose()


async def test_the_next_page_is_of_the_same_registry() -> None:
    async with Told(web.json_response({"tags": ["a"]})) as other:
        link = {"Link": f'<{other.url}/v2/{REPOSITORY}/tags/list?last=a>; rel="next"'}
        async with Told(web.json_response({"tags": ["a"]}, headers=link)) as server:
            adapter = OciRegistry(url=server.url)
            with pytest.raises(RegistryUnreachable) as caught:
                await adapter.names(REPOSITORY)
            await adapter.aclose()
    assert "points to another place" in caught.value.log
    assert other.requests == []


async def test_a_blob_elsewhere_is_read_without_credentials_and_not_over_plain_http() -> None:
    token = web.json_response({"access_token": "t0ken"})
    manifest = {"config": {"digest": "sha256:" + "2" * 64}}
    async with Told() as other, Told() as server:
        bearer = challenge(f'Bearer realm="{server.url}/token"')
        away = web.Response(status=307, headers={"Location": f"{other.url}/blob"})
        near = web.Response(status=307, headers={"Location": "/elsewhere"})
        created = web.json_response({"created": "2026-01-05T00:00:00Z"})
        server.answers = [bearer, token, web.json_response(manifest), away, near, created]
        adapter = OciRegistry(url=server.url)
        with pytest.raises(RegistryUnreachable, match="registry_unreachable") as caught:
            await adapter.images(REPOSITORY, ["v1"])
        assert "sends its readers to" in caught.value.log
        [found] = await adapter.images(REPOSITORY, ["v1"])
        await adapter.aclose()
    assert found.pushed_at == datetime(2026, 1, 5, tzinfo=UTC)
    assert other.requests == []
    assert server.authorizations == [None, None, "Bearer t0ken", "Bearer t0ken", "Bearer t0ken", None]


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>"},
        {"text": "[]"},
        {"text": "[" * 100_000},
        {"status": 204},
    ],
)
async def test_what_is_no_answer_is_no_answer(answer: dict[str, object]) -> None:
    async with Told(web.Response(**answer)) as server:  # type: ignore[arg-type]  # keywords of the response
        adapter = OciRegistry(url=server.url)
        with pytest.raises(RegistryUnreachable):
            await adapter.names(REPOSITORY)
        await adapter.aclose()


async def test_names_that_are_no_tags_are_left_out() -> None:
    names = ["v1", "../etc", 7, None, "x" * 129, "a b"]
    async with Told(web.json_response({"tags": names}), web.json_response({"tags": None})) as server:
        adapter = OciRegistry(url=server.url, prefix="acme/")
        assert (await adapter.names("backend")).pushed == {"v1": None}
        assert (await adapter.names("other")).pushed == {}
        assert server.requests[0].path == "/v2/acme/backend/tags/list"
        await adapter.aclose()


async def test_a_long_answer_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_oci, "_LARGEST_LIST", 1000)  # the same bound, reached sooner
    async with Told(web.json_response({"tags": ["a" * 100] * 100})) as server:
        adapter = OciRegistry(url=server.url)
        with pytest.raises(RegistryUnreachable) as caught:
            await adapter.names(REPOSITORY)
        await adapter.aclose()
    assert "more than 1000 bytes" in caught.value.log


@pytest.mark.parametrize("said", [{}, {"token": 5}, {"token": "a b"}, {"token": "x", "expires_in": "soon"}, []])
async def test_a_token_that_is_none_is_no_answer(said: object) -> None:
    async with Told() as server:
        server.answers = [challenge(f'Bearer realm="{server.url}/token"'), web.json_response(said)]
        adapter = OciRegistry(url=server.url)
        with pytest.raises(RegistryUnreachable) as caught:
            await adapter.names(REPOSITORY)
        await adapter.aclose()
    assert caught.value.log.startswith("no token")


async def test_a_token_is_not_used_to_its_very_end(monkeypatch: pytest.MonkeyPatch) -> None:
    time = [100.0]
    monkeypatch.setattr(registry_http, "monotonic", lambda: time[0])  # a minute has to pass
    async with Told() as server:
        token = {"token": "one", "expires_in": 60}
        lists = [web.json_response({"tags": []}) for _ in range(3)]
        bearer = [challenge(f'Bearer realm="{server.url}/token"') for _ in range(2)]
        server.answers = [bearer[0], web.json_response(token), lists[0], lists[1]]
        server.answers += [bearer[1], web.json_response(token | {"token": "two"}), lists[2]]
        transport = registry_http.Transport(url=server.url, username=None, password=None, timeout=5)
        for later in (0, 49, 51):
            time[0] = 100.0 + later
            await transport.get("/v2/x/tags/list", repository="x", largest=1000)
        await transport.aclose()
        assert server.authorizations == [None, None, "Bearer one", "Bearer one", None, None, "Bearer two"]
