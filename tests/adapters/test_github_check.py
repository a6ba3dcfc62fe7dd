"""What the credentials may do on GitHub: an App's grants, a token's scopes, its owner's rights; nothing is tried."""

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.github import App, GitHub
from bot.adapters.github_check import check
from sandbox.world import World
from tests.adapters.hub import Scripted, connected

Found = list[tuple[str, bool, str]]
OWNER = "whoever the token belongs to may not write to the repository"


async def found(github: GitHub, hub: Scripted) -> Found:
    answer = await check(github, pull_requests=True)
    assert await check(github, pull_requests=False) == [one for one in answer if one[0] != "GitHub Pull requests"]
    assert [asked for asked in hub.wrote if "/app/" not in asked] == []
    return answer


def writable() -> Found:
    return [
        ("GitHub Contents", True, "files may be read and written"),
        ("GitHub Pull requests", True, "pull requests may be read and opened"),
        ("GitHub Actions", True, "runs may be looked at and run again"),
    ]


def refused(*, why: str) -> Found:
    return [
        ("GitHub Contents", False, f"files cannot be written; {why}"),
        ("GitHub Pull requests", False, f"pull requests cannot be opened; {why}"),
        ("GitHub Actions", False, f"runs cannot be run again; {why}"),
    ]


async def test_of_a_fine_grained_token_its_owner_is_known(repository: GitHub, hub: Scripted) -> None:
    assert await found(repository, hub) == [
        ("GitHub Contents", True, "files are readable; writing one needs Contents: Read and write"),
        ("GitHub Pull requests", True, "pull requests are readable; opening one needs Pull requests: Read and write"),
        ("GitHub Actions", True, "runs are readable; running one again needs Actions: Read and write"),
    ]
    hub.faults.forbidden = frozenset({"push"})
    assert await found(repository, hub) == refused(why=OWNER)


@pytest.mark.parametrize(("scopes", "enough"), [("repo, workflow", True), ("public_repo, gist", False), ("", False)])
async def test_of_a_classic_token_the_scopes_are_known(
    repository: GitHub, hub: Scripted, scopes: str, *, enough: bool
) -> None:
    hub.faults.scopes = scopes
    assert await found(repository, hub) == (writable() if enough else refused(why="the token needs the scope repo"))
    hub.faults.forbidden = frozenset({"push"})
    assert await found(repository, hub) == refused(why=OWNER)


async def test_public_repo_is_enough_for_a_public_repository(world: World) -> None:
    class Public(Scripted):
        async def intercept(self, request: web.Request) -> web.StreamResponse | None:
            answer = await super().intercept(request)
            if isinstance(answer, web.Response) and answer.text:
                answer.text = answer.text.replace('"private": true', '"private": false')
            return answer

    async with Public(world) as server, connected(server) as github:
        server.faults.scopes = "public_repo"
        assert await found(github, server) == writable()


async def test_of_an_app_all_is_known(hub: Scripted) -> None:
    app = App(id=hub.app_id, private_key=lambda: SecretStr(hub.private_key), installation_id=hub.installation_id)
    async with connected(hub, token=None, app=app) as github:
        assert await found(github, hub) == writable()
        for number, right in enumerate(("contents", "pulls", "actions")):
            hub.faults.forbidden = frozenset({right})
            expected = writable()
            name = expected[number][0].removeprefix("GitHub ")
            expected[number] = refused(why=f"needed is {name}: Read and write")[number]
            assert await found(github, hub) == expected


@pytest.mark.parametrize("status", [403, 404])
async def test_what_cannot_even_be_read(world: World, status: int) -> None:
    class Closed(Scripted):
        async def intercept(self, request: web.Request) -> web.StreamResponse | None:
            if request.path.endswith(("/commits", "/pulls", "/actions/runs")):
                return web.json_response({"message": "Resource not accessible"}, status=status)
            return await super().intercept(request)

    async with Closed(world) as server, connected(server) as github:
        assert await found(github, server) == [
            ("GitHub Contents", False, "files cannot be read; needed is Contents: Read and write"),
            ("GitHub Pull requests", False, "pull requests cannot be read; needed is Pull requests: Read and write"),
            ("GitHub Actions", False, "runs cannot be read; needed is Actions: Read and write"),
        ]


async def test_without_an_answer_there_is_no_finding(repository: GitHub, hub: Scripted) -> None:
    for status in (401, 403, 503):
        hub.faults.status = status
        assert await check(repository, pull_requests=True) == []
    hub.faults.status = None
    hub.answers = [web.json_response(["a proxy's"])]
    assert await check(repository, pull_requests=True) == []
    async with connected(hub, repository="ORGANIZATION/other") as other:
        assert await check(other, pull_requests=True) == []
