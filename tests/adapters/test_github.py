"""Commits and branches, asked of GitHub's stand-in by the real PyGithub."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters.github import App, Commit, GitHub
from bot.adapters.github_errors import GithubError, Limited, NotFound
from bot.domain.people import People
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.adapters.conftest import Calls
from tests.adapters.hub import REPOSITORY, Scripted, connected


@pytest.fixture
async def server(world: World) -> AsyncIterator[Scripted]:
    """The API."""
    async with Scripted(world) as server:
        yield server


@pytest.fixture
async def github(server: Scripted, calls: Calls) -> AsyncIterator[GitHub]:
    """The adapter, with a token."""
    async with connected(server, observe=calls) as adapter:
        yield adapter


async def test_says_who_made_a_commit(github: GitHub, server: Scripted, world: World, calls: Calls) -> None:
    made = world.commit_source("backend", branch="main", login="minji", subject="fix: seats\n\nLong story.")

    assert await github.commit(made.sha) == Commit(
        revision=made.sha,
        subject="fix: seats",
        author_login="minji",
        author_name="minji",
        url=f"https://github.com/{REPOSITORY}/commit/{made.sha}",
        people=People(logins=frozenset({"minji"})),
    )

    (request,) = server.requests
    assert request.headers["x-github-api-version"] == "2022-11-28"
    assert request.headers["user-agent"] == "tiketi-chatops"
    assert calls.seen == [("github", "commit", "ok")]


async def test_a_commit_never_changes_so_it_is_asked_for_once(github: GitHub, server: Scripted, world: World) -> None:
    head = world.git.head("main").sha
    assert await github.commit(head) == await github.commit(head)
    assert len(server.requests) == 1


async def test_a_shortened_revision_is_resolved_each_time(github: GitHub, server: Scripted, world: World) -> None:
    head = world.git.head("main").sha
    assert (await github.commit(head[:7])).revision == (await github.commit(head[:7])).revision == head
    assert len(server.requests) == 2


@pytest.mark.parametrize(("author", "login"), [(None, None), ({}, None), ({"login": "minji"}, "minji")])
async def test_an_author_without_an_account(
    github: GitHub, server: Scripted, author: object, login: str | None
) -> None:
    server.answers = [web.json_response({"sha": "a" * 40, "author": author, "commit": {"message": " \n"}})]
    found = await github.commit("a" * 40)
    assert (found.author_login, found.author_name, found.subject) == (login, "", "")


async def test_a_subject_is_cut(github: GitHub, server: Scripted) -> None:
    server.answers = [web.json_response({"sha": "a" * 40, "commit": {"message": "x" * 5000}})]
    assert (await github.commit("a" * 40)).subject == "x" * 200


async def test_an_unknown_revision_is_not_found(github: GitHub) -> None:
    with pytest.raises(NotFound) as caught:
        await github.commit("f" * 40)
    assert caught.value.reason is Reason.GITHUB_UNREACHABLE
    assert "No commit found" in caught.value.log


async def test_a_branch_contains_its_tip_and_what_came_before(github: GitHub, world: World) -> None:
    older = world.git.head("main").sha
    newer = world.commit_source("backend", branch="main", login="minji", subject="fix: seats").sha
    elsewhere = world.commit_source("backend", branch="develop", login="minji", subject="fix: rows").sha
    assert [await github.contains("main", revision) for revision in (older, newer, elsewhere)] == [True, True, False]
    assert await github.contains("develop", elsewhere)


async def test_a_forced_branch_no_longer_contains_what_it_lost(github: GitHub, world: World) -> None:
    before = world.git.head("main").sha
    lost = world.commit_source("backend", branch="main", login="minji", subject="fix: seats").sha
    assert await github.contains("main", lost)
    world.git.force("main", before)
    assert not await github.contains("main", lost)
    assert await github.contains("main", before)


async def test_a_revision_nobody_knows_is_on_no_branch(github: GitHub) -> None:
    assert not await github.contains("main", "f" * 40)


async def test_a_branch_or_repository_nobody_sees_is_not_an_answer(
    github: GitHub, server: Scripted, world: World
) -> None:
    head = world.git.head("main").sha
    with pytest.raises(NotFound):
        await github.contains("mian", head)
    async with connected(server, repository="ORGANIZATION/other") as other:
        with pytest.raises(NotFound):
            await other.contains("main", head)
    assert await github.contains("main", head)


async def test_a_failure_is_tried_again(github: GitHub, server: Scripted, world: World) -> None:
    server.faults.failures = 1
    assert (await github.commit(world.git.head("main").sha)).author_login
    assert len(server.requests) == 2


async def test_a_failure_that_stays_is_reported(github: GitHub, server: Scripted, world: World, calls: Calls) -> None:
    server.faults.status = 502
    with pytest.raises(GithubError) as caught:
        await github.contains("main", world.git.head("main").sha)
    assert not isinstance(caught.value, NotFound)
    assert len(server.requests) == 2
    assert calls.seen == [("github", "compare", "github_unreachable")]


@pytest.mark.parametrize("limit", [{"status": 403}, {"secondary_limit": 3600}], ids=["primary", "secondary"])
async def test_a_limit_is_an_answer_and_github_is_asked_nothing_until_its_end(
    github: GitHub, server: Scripted, world: World, limit: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("bot.adapters.github.monotonic", lambda: now)  # half an hour, in test time
    head = world.git.head("main").sha
    for name, value in limit.items():
        setattr(server.faults, name, value)
    with pytest.raises(Limited) as caught:
        await github.commit(head)
    assert "rate limit" in caught.value.log
    assert caught.value.reason is Reason.GITHUB_LIMITED
    server.faults.status = server.faults.secondary_limit = None
    wait = caught.value.retry_after
    assert wait > 1700
    now += wait - 0.5
    with pytest.raises(Limited) as caught:
        await github.contains("main", head)
    assert (caught.value.log, caught.value.retry_after) == ("limited for 1 more s", 1)
    assert len(server.requests) == 1
    now += 0.5
    assert await github.contains("main", head)
    assert len(server.requests) == 2


async def test_bad_credentials_are_reported(server: Scripted, world: World) -> None:
    async with connected(server, token=lambda: SecretStr("ghp_wrong")) as github:
        with pytest.raises(GithubError) as caught:
            await github.commit(world.git.head("main").sha)
    assert "Bad credentials" in caught.value.log
    assert "ghp_wrong" not in caught.value.log


async def test_a_slow_answer_is_not_waited_for(server: Scripted, world: World) -> None:
    server.faults.slow = 60
    async with connected(server, timeout=0.2) as github:
        with pytest.raises(GithubError) as caught:
            await github.commit(world.git.head("main").sha)
        assert caught.value.log == "no answer within 0.2 s"


async def test_the_socket_has_a_time_out_of_its_own(server: Scripted, world: World) -> None:
    server.faults.slow = 60
    async with connected(server, socket_timeout=1, retries=0) as github:
        with pytest.raises(GithubError) as caught:
            await github.commit(world.git.head("main").sha)
    assert "Read timed out. (read timeout=1)" in caught.value.log


async def test_nobody_listening_is_reported(server: Scripted) -> None:
    async with connected(server) as github:
        await server.stop()
        with pytest.raises(GithubError):
            await github.contains("main", "a" * 40)


@pytest.mark.parametrize("text", ["<html>", "[]", "null"])
async def test_what_is_no_commit_is_no_answer(github: GitHub, server: Scripted, text: str) -> None:
    server.answers = [web.Response(text=text, content_type="application/json")]
    with pytest.raises(GithubError):
        await github.commit("a" * 40)


@pytest.mark.parametrize("text", ["<html>", "[]", '{"status": "unheard of"}'])
async def test_what_is_no_comparison_is_no_answer(github: GitHub, server: Scripted, text: str) -> None:
    server.answers = [web.Response(text=text, content_type="application/json")]
    with pytest.raises(GithubError):
        await github.contains("main", "a" * 40)


def app_of(server: Scripted, **changes: Any) -> App:
    key = SecretStr(server.private_key)
    return replace(App(id=server.app_id, private_key=lambda: key, installation_id=server.installation_id), **changes)


async def test_an_app_gets_itself_a_token(server: Scripted, world: World) -> None:
    async with connected(server, token=None, app=app_of(server)) as github:
        head = world.git.head("main").sha
        assert (await github.commit(head)).revision == head
        assert await github.contains("main", head)
    asked = [request.path for request in server.requests if request.method == "POST"]
    assert set(asked) == {f"/app/installations/{server.installation_id}/access_tokens"}
    assert len(asked) <= 2  # one for each thread that had a question


async def test_a_key_that_was_changed_is_used_for_the_next_token(server: Scripted, world: World) -> None:
    keys = ["-----BEGIN x"]
    app = app_of(server, private_key=lambda: SecretStr(keys[-1]))
    async with connected(server, token=None, app=app) as github:
        head = world.git.head("main").sha
        with pytest.raises(GithubError):
            await github.commit(head)
        keys.append(server.private_key)
        assert (await github.commit(head)).revision == head


@pytest.mark.parametrize(
    "wrong", [{"installation_id": 1}, {"id": 1}, {"private_key": lambda: SecretStr("-----BEGIN x")}]
)
async def test_an_app_that_is_set_up_wrongly_is_reported(server: Scripted, world: World, wrong: dict[str, Any]) -> None:
    async with connected(server, token=None, app=app_of(server, **wrong)) as github:
        with pytest.raises(GithubError):
            await github.commit(world.git.head("main").sha)


async def test_check_says_who_sees_what(server: Scripted) -> None:
    async with connected(server) as github:
        assert await github.check() == [("GitHub", True, f"reads {REPOSITORY} as a token")]
    async with connected(server, repository="ORGANIZATION/other") as other:
        assert await other.check() == [
            ("GitHub", False, "ORGANIZATION/other does not exist, or cannot be seen as a token")
        ]
    async with connected(server, token=None) as nobody:
        ((_, good, text),) = await nobody.check()
        assert not good
        assert text.endswith("cannot be seen as nobody: set CHATOPS_GITHUB_TOKEN")
    async with connected(server, token=lambda: SecretStr("ghp_wrong")) as stranger:
        ((_, good, text),) = await stranger.check()
        assert not good
        assert text.startswith("does not answer as a token (401 ")
