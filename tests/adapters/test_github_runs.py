"""Workflow runs: looked at and run again, against GitHub's stand-in, with what GitHub says when it will not."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters import github_runs
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_runs import Run, RunRefused
from bot.domain.reasons import Reason
from sandbox import actions
from sandbox.github import Github
from sandbox.world import World
from tests.adapters.conftest import Calls

REPOSITORY = "ORGANIZATION/project-ticketing"


@pytest.fixture
async def server(world: World) -> AsyncIterator[Github]:
    """The API."""
    async with Github(world) as server:
        yield server


@pytest.fixture
async def github(server: Github, calls: Calls) -> AsyncIterator[GitHub]:
    """The adapter, with a token; reads are repeated once."""
    adapter = GitHub(
        url=server.url, repository=REPOSITORY, token=lambda: SecretStr(server.token), retries=1, observe=calls
    )
    yield adapter
    await adapter.aclose()


@pytest.fixture
def failed(world: World) -> actions.Run:
    """A run that failed."""
    commit = world.commit_source("backend", branch="main", login="sora", subject="build: node 24")
    run = world.actions.request("backend", branch="main", commit=commit, event="push", at=world.timeline.after())
    run.status, run.conclusion = "completed", "failure"
    return run


def posted(server: Github) -> list[str]:
    """Where orders went."""
    return [request.path for request in server.requests if request.method == "POST"]


async def test_a_run_is_looked_at(github: GitHub, failed: actions.Run, calls: Calls) -> None:
    assert await github_runs.look(github, failed.id) == Run(
        run_id=failed.id,
        attempt=1,
        completed=True,
        conclusion="failure",
        created_at=failed.created_at.replace(microsecond=0),
        url=f"https://github.com/{REPOSITORY}/actions/runs/{failed.id}",
    )
    assert calls.seen == [("github", "run", "ok")]


@pytest.mark.parametrize(("everything", "verb"), [(False, "rerun-failed-jobs"), (True, "rerun")])
async def test_a_run_is_run_again_by_one_request(
    github: GitHub, server: Github, failed: actions.Run, everything: bool, verb: str
) -> None:
    await github_runs.order(github, failed.id, everything=everything)

    [request] = server.requests
    assert (request.method, request.path, request.body) == (
        "POST",
        f"/repos/{REPOSITORY}/actions/runs/{failed.id}/{verb}",
        None,
    )
    assert (failed.attempt, failed.status) == (2, "queued")


async def test_each_no_of_github_has_its_reason(
    github: GitHub, server: Github, failed: actions.Run, calls: Calls
) -> None:
    async def said(run_id: int = failed.id) -> Reason:
        with pytest.raises(RunRefused) as caught:
            await github_runs.order(github, run_id, everything=False)
        return caught.value.reason

    failed.status = "in_progress"
    assert await said() is Reason.RUN_IN_PROGRESS
    failed.status = "completed"
    failed.created_at -= timedelta(days=31)
    assert await said() is Reason.RERUN_LIMIT
    failed.created_at += timedelta(days=31)
    failed.conclusion = "success"
    assert await said() is Reason.GITHUB_REFUSED
    server.faults.forbidden = frozenset({"actions"})
    assert await said() is Reason.GITHUB_FORBIDDEN
    assert await said(1) is Reason.RUN_GONE
    server.faults.status = 403
    assert await said() is Reason.GITHUB_UNREACHABLE
    server.faults.status = 401
    assert await said() is Reason.GITHUB_UNREACHABLE
    assert (failed.attempt, len(posted(server))) == (1, 7)
    assert calls.seen[0] == ("github", "rerun", "run_in_progress")


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_order_without_an_answer_is_uncertain_and_not_repeated(
    github: GitHub, server: Github, failed: actions.Run, arrived: bool
) -> None:
    server.faults.rerun_cut, server.faults.rerun_lost = arrived, not arrived

    with pytest.raises(GithubError) as caught:
        await github_runs.order(github, failed.id, everything=False)

    assert not isinstance(caught.value, RunRefused)
    assert (len(posted(server)), failed.attempt) == (1, 2 if arrived else 1)


async def test_a_slow_answer_is_uncertain_too(server: Github, failed: actions.Run) -> None:
    server.faults.slow = 60
    github = GitHub(url=server.url, repository=REPOSITORY, token=lambda: SecretStr(server.token), timeout=0.2)
    with pytest.raises(GithubError) as caught:
        await github_runs.order(github, failed.id, everything=False)
    assert not isinstance(caught.value, RunRefused)
    await github.aclose()


async def test_a_run_that_is_gone_or_no_run_at_all(github: GitHub, server: Github) -> None:
    with pytest.raises(RunRefused) as caught:
        await github_runs.look(github, 1)
    assert caught.value.reason is Reason.RUN_GONE


@pytest.mark.parametrize("text", ["<html>", "[]", "null", '{"id": "x"}'])
async def test_what_is_no_run_is_no_answer(world: World, text: str) -> None:
    class Proxy(Github):
        async def intercept(self, request: web.Request) -> web.StreamResponse | None:
            return web.Response(text=text, content_type="application/json")

    async with Proxy(world) as server:
        github = GitHub(url=server.url, repository=REPOSITORY, token=lambda: SecretStr(server.token))
        with pytest.raises(GithubError) as caught:
            await github_runs.look(github, 1)
        assert not isinstance(caught.value, RunRefused)
        await github.aclose()


async def test_a_run_before_its_end_and_of_an_old_server(github: GitHub, failed: actions.Run) -> None:
    failed.status, failed.conclusion = "queued", None
    found = await github_runs.look(github, failed.id)
    assert (found.completed, found.conclusion) == (False, None)
    assert isinstance(found.created_at, datetime)
