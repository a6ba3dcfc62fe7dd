"""Pull requests that are refused or get no answer, and those that GitHub will not merge by itself."""

import pytest
from aiohttp import web

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_pulls import PullState, read_pull
from bot.adapters.github_requests import Unanswered
from bot.domain.reasons import Reason, Refused
from sandbox.github_writes import RULES
from sandbox.world import World
from tests.adapters.hub import Scripted, tagged
from tests.adapters.proposing import BRANCH, propose, proposed


async def test_a_branch_of_somebody_else_is_left_alone(repository: GitHub, hub: Scripted, world: World) -> None:
    world.git.branches[BRANCH] = world.git.branches["main"]
    theirs = world.commit_source("backend", branch=BRANCH, login="minji", subject="x")
    with pytest.raises(GithubError) as caught:
        await propose(repository)
    assert caught.value.reason is Reason.BRANCH_TAKEN
    assert (world.git.branches[BRANCH], hub.wrote) == (theirs.sha, [])


async def test_a_repository_without_auto_merge_leaves_it_open_and_says_so(repository: GitHub, hub: Scripted) -> None:
    hub.faults.auto_merge_allowed = False
    pull = await proposed(repository)
    assert (pull.state, pull.auto_merge, pull.unmerged) == (PullState.OPEN, False, Reason.AUTO_MERGE_UNAVAILABLE)
    hub.faults.auto_merge_allowed = True
    pull = await proposed(repository)
    assert (pull.auto_merge, pull.unmerged) == (True, None)


async def test_refusals_have_their_reasons(repository: GitHub, hub: Scripted) -> None:
    with pytest.raises(GithubError) as caught:
        await propose(repository, base="mian")
    assert caught.value.reason is Reason.BRANCH_MISSING
    with pytest.raises(Refused) as refused:
        await propose(repository, change=tagged("nobody"))
    assert refused.value.reason is Reason.IMAGE_NOT_LISTED
    assert hub.wrote == []
    hub.faults.forbidden = frozenset({"contents"})
    with pytest.raises(GithubError) as caught:
        await propose(repository)
    assert caught.value.reason is Reason.GITHUB_FORBIDDEN
    hub.faults.forbidden = frozenset()
    hub.faults.protected[BRANCH] = RULES
    with pytest.raises(GithubError) as caught:
        await propose(repository)
    assert caught.value.reason is Reason.BRANCH_PROTECTED
    hub.faults.writes_limited = 30
    with pytest.raises(Limited):
        await propose(repository)


@pytest.mark.parametrize("text", ["<html>", "[]", "{}", '[{"number": "x"}]'])
async def test_what_is_no_pull_request_is_no_answer(repository: GitHub, hub: Scripted, text: str) -> None:
    hub.answers = [web.Response(text=text, content_type="application/json")]
    with pytest.raises(GithubError):
        await read_pull(repository, 1)


async def test_an_answer_that_is_none_is_a_doubt(repository: GitHub, hub: Scripted) -> None:
    hub.method, hub.answers = "POST", [web.json_response({}) for _ in range(3)]
    with pytest.raises(Unanswered):
        await propose(repository)
    await proposed(repository)
    hub.pulls.all.clear()
    hub.answers = [web.json_response({}) for _ in range(3)]
    with pytest.raises(Unanswered):
        await propose(repository)
    assert hub.wrote.count("POST /pulls") == 4


async def test_graphql_has_its_own_limit(repository: GitHub, hub: Scripted) -> None:
    pull = await proposed(repository)
    hub.pulls.all[1].auto_merge = None
    hub.method = "POST"
    limit = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    hub.answers = [web.json_response(limit)]
    with pytest.raises(Limited) as caught:
        await propose(repository)
    assert caught.value.retry_after == 60
    hub.answers = [web.json_response({"data": None})]
    assert (await proposed(repository)).unmerged is Reason.AUTO_MERGE_UNAVAILABLE
    assert await proposed(repository) == pull
