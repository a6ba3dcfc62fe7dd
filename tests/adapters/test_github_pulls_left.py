"""Closing a pull request that nobody wants any more: once, and only where it is open and the bot's own."""

import pytest

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_pulls import Pull, PullState, close_pull
from bot.adapters.github_requests import Unanswered
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.adapters.hub import OPERATION, Scripted
from tests.adapters.proposing import BRANCH, proposed

CLOSE = "PATCH /pulls/1"
WHY = "Nobody wants it."


async def closed(github: GitHub) -> Pull | None:
    return await close_pull(github, operation=OPERATION, why=WHY)


async def test_an_open_one_is_closed_once_and_says_why(repository: GitHub, hub: Scripted) -> None:
    assert await closed(repository) is None
    await proposed(repository)
    for _ in range(2):
        pull = await closed(repository)
        assert pull is not None
        assert (pull.number, pull.state, pull.auto_merge) == (1, PullState.CLOSED, False)
    assert hub.wrote.count(CLOSE) == 1
    assert hub.received("PATCH", "/pulls/1") == [{"state": "closed", "body": f"For minji.\n\n{WHY}"}]


@pytest.mark.parametrize(("end", "state"), [("merge", PullState.MERGED), ("close", PullState.CLOSED)])
async def test_what_is_not_open_any_more_is_left_alone(
    repository: GitHub, hub: Scripted, end: str, state: PullState
) -> None:
    await proposed(repository)
    getattr(hub.pulls, end)(1)
    pull = await closed(repository)
    assert pull is not None
    assert (pull.state, CLOSE in hub.wrote) == (state, False)


async def test_somebody_elses_commits_are_not_thrown_away(repository: GitHub, hub: Scripted, world: World) -> None:
    await proposed(repository)
    world.commit_source("backend", branch=BRANCH, login="minji", subject="x")
    with pytest.raises(GithubError) as caught:
        await closed(repository)
    assert caught.value.reason is Reason.BRANCH_TAKEN
    assert (CLOSE in hub.wrote, hub.pulls.all[1].state) == (False, "open")


@pytest.mark.parametrize(("fault", "writes"), [("writes_lost", 2), ("writes_unanswered", 1), ("writes_cut", 1)])
async def test_a_lost_answer_is_looked_for_the_next_time(
    repository: GitHub, hub: Scripted, fault: str, writes: int
) -> None:
    await proposed(repository)
    setattr(hub.faults, fault, 1)
    with pytest.raises(Unanswered):
        await closed(repository)
    pull = await closed(repository)
    assert pull is not None
    assert (pull.state, hub.wrote.count(CLOSE)) == (PullState.CLOSED, writes)
    assert hub.pulls.all[1].body == f"For minji.\n\n{WHY}"


async def test_refusals_have_their_reasons(repository: GitHub, hub: Scripted) -> None:
    await proposed(repository)
    hub.faults.forbidden = frozenset({"contents"})
    with pytest.raises(GithubError) as caught:
        await closed(repository)
    assert caught.value.reason is Reason.GITHUB_FORBIDDEN
    hub.faults.forbidden, hub.faults.writes_limited = frozenset(), 30
    with pytest.raises(Limited):
        await closed(repository)
    assert hub.pulls.all[1].state == "open"
