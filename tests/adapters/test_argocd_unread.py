"""When an Application cannot be read: what kind of no it is, and how often it is asked."""

import pytest
from aiohttp import web

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import Forbidden, Missing, TokenRejected, Unreachable
from bot.domain.catalog import Catalog
from sandbox.world import World
from tests.adapters.conftest import PROD, Calls, Scripted, connected, paths


async def test_an_unavailable_server_is_asked_three_times(argocd: ArgoCD, server: Scripted, calls: Calls) -> None:
    server.faults.status = 503

    with pytest.raises(Unreachable) as caught:
        await argocd.read(PROD)

    assert paths(server) == ["", "", ""]
    assert calls.seen == [("argocd", "application", "argocd_unreachable")] * 3
    assert caught.value.log.startswith("503: {")


async def test_a_server_that_recovers_is_read(argocd: ArgoCD, server: Scripted) -> None:
    server.answers = [web.Response(status=503), web.Response(status=429)]

    assert (await argocd.read(PROD)).application == PROD


async def test_a_slow_server_is_not_waited_for_twice(server: Scripted, catalog: Catalog) -> None:
    server.faults.slow = 30

    async with connected(server, catalog, token=server.token, timeout=0.1) as argocd:
        with pytest.raises(Unreachable) as caught:
            await argocd.read(PROD)

    assert len(server.requests) == 1
    assert caught.value.log.endswith("no answer within 0.1 s")


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<!doctype html><title>Argo CD</title>", "content_type": "text/html"},
        {"text": "[]", "content_type": "application/json"},
        {"text": '{"metadata":', "content_type": "application/json"},
        {"text": "[" * 100_000, "content_type": "application/json"},
        {"text": "Not Found\n", "status": 404},
        {"text": "", "status": 302, "headers": {"Location": "https://sso.example.com/"}},
    ],
    ids=["page", "list", "cut", "deep", "no such path", "redirect"],
)
async def test_what_is_not_argocds_answer_is_no_answer(
    argocd: ArgoCD, server: Scripted, answer: dict[str, object]
) -> None:
    server.answers = [web.Response(**answer) for _ in range(3)]  # type: ignore[arg-type]

    with pytest.raises(Unreachable):
        await argocd.read(PROD)

    assert server.answers == []
    assert (await argocd.read(PROD)).application == PROD


async def test_a_wrong_base_path_is_no_answer(server: Scripted, catalog: Catalog) -> None:
    async with connected(server, catalog, token=server.token, url=f"{server.url}/argocd/") as argocd:
        with pytest.raises(Unreachable):
            await argocd.read(PROD)
    assert server.requests[0].path == f"/argocd/api/v1/applications/{PROD}"


async def test_nobody_listening_is_no_answer(server: Scripted, catalog: Catalog) -> None:
    url = server.url
    await server.stop()
    async with connected(server, catalog, token=server.token, url=url) as argocd:
        with pytest.raises(Unreachable):
            await argocd.read(PROD)


async def test_states_that_cannot_be_read_are_no_answer(argocd: ArgoCD, server: Scripted, world: World) -> None:
    application = web.json_response(world.applications[PROD].document())
    diff = web.json_response({"items": [{"kind": "Deployment", "name": "backend", "targetState": "{"}]})
    again = web.json_response(world.applications[PROD].document())
    server.answers = [application, diff, again]

    with pytest.raises(Unreachable, match="argocd_unreachable"):
        await argocd.read(PROD)


async def test_missing_and_forbidden_differ(argocd: ArgoCD, server: Scripted, catalog: Catalog) -> None:
    with pytest.raises(Missing):
        await argocd.read("tiketi-pord")
    other = server.accounts.issue("other", actions=("get",), applications="tiketi-dev")
    async with connected(server, catalog, token=other) as narrow:
        with pytest.raises(Forbidden):
            await narrow.read(PROD)
        assert (await narrow.read("tiketi-dev")).application == "tiketi-dev"


async def test_a_revoked_token_is_rejected_and_a_new_one_is_used_at_once(server: Scripted, catalog: Catalog) -> None:
    tokens = [server.token]
    argocd = ArgoCD(url=server.url, token=lambda: f"{tokens[-1]}\n", project=catalog.project, services=catalog.services)
    try:
        assert (await argocd.read(PROD)).application == PROD
        server.accounts.revoke(server.token)
        with pytest.raises(TokenRejected):
            await argocd.read(PROD)
        tokens.append(server.accounts.issue("chatops", actions=("get", "sync")))
        assert (await argocd.read(PROD)).application == PROD
    finally:
        await argocd.aclose()


@pytest.mark.parametrize("token", ["", "s3cret\nwith a line", "sécret"])
async def test_a_token_that_cannot_be_sent_is_rejected_and_not_quoted(
    server: Scripted, catalog: Catalog, token: str
) -> None:
    async with connected(server, catalog, token=token) as argocd:
        with pytest.raises(TokenRejected) as caught:
            await argocd.read(PROD)
    assert caught.value.log == "the token is empty, or has characters that a header cannot carry"
    assert server.requests == []
