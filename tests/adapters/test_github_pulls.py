"""Pull requests: the exact requests, what is there already, merges at once or by themselves, lost answers."""

import asyncio

import pytest

from bot.adapters.github import GitHub
from bot.adapters.github_pulls import Pull, PullState, branch_of, disable_auto_merge, find_pull, read_pull
from bot.adapters.github_reverts import revert
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.adapters.hub import OPERATION, OVERLAY, REPOSITORY, TAG, Scripted, connected, made_by, message, signed, tags
from tests.adapters.proposing import BRANCH, propose, proposed

STEPS = [
    "POST /git/refs",
    f"PUT /contents/{OVERLAY}",
    "POST /pulls",
    "POST /graphql",
]


async def test_a_branch_a_commit_and_a_pull_request_that_merges_by_itself(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    base = world.git.head("main")
    pull = await proposed(repository)

    head = world.git.head(BRANCH)
    assert pull == Pull(
        number=1,
        url=f"https://github.com/{REPOSITORY}/pull/1",
        state=PullState.OPEN,
        head=head.sha,
        node_id="PR_1",
        auto_merge=True,
    )
    assert (head.parents, head.message, tags(world, BRANCH)["ticket-service"]) == ((base.sha,), message(), TAG)
    assert world.git.head("main") is base
    assert hub.wrote == STEPS
    begun, _, opened, merging = (item.body for item in hub.requests if item.method != "GET")
    assert begun == {"ref": f"refs/heads/{BRANCH}", "sha": base.sha}
    title = f"chatops: Deploy ticket-service {TAG} to prod"
    assert opened == {"title": title, "head": BRANCH, "base": "main", "body": "For minji."}
    assert merging == {
        "query": "mutation($input: EnablePullRequestAutoMergeInput!) "
        "{ enablePullRequestAutoMerge(input: $input) { clientMutationId } }",
        "variables": {
            "input": {
                "pullRequestId": "PR_1",
                "mergeMethod": "SQUASH",
                "expectedHeadOid": head.sha,
                "commitHeadline": f"{title} (#1)",
                "commitBody": message().partition("\n\n")[2],
            }
        },
    }


async def test_a_merge_leaves_a_commit_that_is_found_and_can_be_reverted(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    before = tags(world)
    await proposed(repository)
    world.commit_source("backend", branch="main", login="minji", subject="fix: elsewhere")
    merged = hub.pulls.merge(1)
    pull = await read_pull(repository, 1)
    assert (pull.state, pull.revision, pull.unmerged) == (PullState.MERGED, merged, None)
    assert made_by(world) == [merged]
    assert tags(world)["ticket-service"] == TAG
    await revert(repository, branch="main", revisions=[merged], signature=signed("another"))
    assert tags(world) == before


async def test_that_it_merges_by_itself_is_taken_back_and_asked_for_again(repository: GitHub, hub: Scripted) -> None:
    pull = await proposed(repository)
    held = await disable_auto_merge(repository, pull)
    assert (held.auto_merge, await find_pull(repository, operation=OPERATION)) == (False, held)
    assert hub.requests[-2].body == {
        "query": "mutation($input: DisablePullRequestAutoMergeInput!) "
        "{ disablePullRequestAutoMerge(input: $input) { clientMutationId } }",
        "variables": {"input": {"pullRequestId": "PR_1"}},
    }
    assert await disable_auto_merge(repository, pull) == held  # somebody was faster
    hub.faults.writes_unanswered = 1
    assert await proposed(repository) == pull
    hub.faults.writes_lost = 1
    assert await disable_auto_merge(repository, pull) == pull
    merged = hub.pulls.merge(1)
    assert (await disable_auto_merge(repository, pull)).revision == merged
    assert hub.wrote[:4] == STEPS


@pytest.mark.parametrize(("end", "state"), [("merge", PullState.MERGED), ("close", PullState.CLOSED)])
async def test_asked_again_it_opens_nothing_twice(
    repository: GitHub, hub: Scripted, world: World, end: str, state: PullState
) -> None:
    pull = await proposed(repository)
    assert await propose(repository) == pull
    assert await find_pull(repository, operation=OPERATION) == pull
    getattr(hub.pulls, end)(1)
    del world.git.branches[BRANCH]
    again = await proposed(repository)
    assert (again.number, again.state, again.unmerged) == (1, state, None)
    assert (again.revision is None) == (state is PullState.CLOSED)
    assert hub.wrote == STEPS


async def test_the_merge_commit_of_an_open_one_is_not_its_revision(repository: GitHub, hub: Scripted) -> None:
    await proposed(repository)
    assert hub.received("GET", "/pulls/1") == []
    assert (await read_pull(repository, 1)).revision is None


async def test_what_is_so_already_needs_no_pull_request(repository: GitHub, hub: Scripted, world: World) -> None:
    world.commit_tag("ticket-service", "prod", tag=TAG)
    assert await propose(repository) is None
    assert hub.wrote == []


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("fault", ["writes_lost", "writes_unanswered", "writes_cut"])
async def test_every_lost_answer_is_looked_for(
    repository: GitHub, hub: Scripted, world: World, step: int, fault: str
) -> None:
    hub.faults.meanwhile = [*([lambda: None] * step), lambda: setattr(hub.faults, fault, 1)]
    pull = await proposed(repository)
    if (fault, step) == ("writes_lost", 3):
        assert (pull.auto_merge, pull.unmerged) == (False, Reason.AUTO_MERGE_UNAVAILABLE)
        pull = await proposed(repository)
    assert (pull.number, pull.auto_merge, pull.unmerged) == (1, True, None)
    assert list(hub.pulls.all) == [1]
    assert made_by(world, branch=BRANCH) == [world.git.branches[BRANCH]]


@pytest.mark.parametrize("step", range(1, 4))
async def test_after_a_crash_it_goes_on_from_what_is_there(
    repository: GitHub, hub: Scripted, world: World, step: int
) -> None:
    asker: list[asyncio.Task[Pull | None]] = []
    hub.faults.meanwhile = [*([lambda: None] * step), lambda: asker[0].cancel()]
    asker.append(asyncio.create_task(propose(repository)))
    with pytest.raises(asyncio.CancelledError):
        await asker[0]
    async with connected(hub) as another:
        pull = await proposed(another)
    assert (pull.number, pull.auto_merge) == (1, True)
    assert list(hub.pulls.all) == [1]
    assert len(made_by(world, branch=BRANCH)) == 1


async def test_two_processes_open_one(hub: Scripted, world: World) -> None:
    async with connected(hub) as one, connected(hub) as other:
        first, second = await asyncio.gather(proposed(one), proposed(other))
    assert first.number == second.number == 1
    assert list(hub.pulls.all) == [1]
    assert len(made_by(world, branch=BRANCH)) == 1


@pytest.mark.parametrize("fault", ["", "writes_lost", "writes_unanswered", "writes_cut"])
async def test_what_waits_for_nothing_is_merged_at_once(
    repository: GitHub, hub: Scripted, world: World, fault: str
) -> None:
    hub.faults.nothing_awaited = True
    hub.faults.meanwhile = [*([lambda: None] * 4), lambda: setattr(hub.faults, fault or "slow", 1 if fault else 0)]
    pull = await proposed(repository)
    asked = hub.received("PUT", "/pulls/1/merge")
    title, _, body = message().partition("\n")
    assert asked == [
        {
            "commit_title": f"{title} (#1)",
            "commit_message": body.strip(),
            "sha": world.git.branches[BRANCH],
            "merge_method": "squash",
        }
    ]
    if fault == "writes_lost":
        assert (pull.state, pull.unmerged) == (PullState.OPEN, Reason.AUTO_MERGE_UNAVAILABLE)
    else:
        assert (pull.state, pull.revision) == (PullState.MERGED, world.git.branches["main"])
        assert made_by(world) == [pull.revision]


async def test_what_somebody_pushed_meanwhile_is_not_merged(repository: GitHub, hub: Scripted, world: World) -> None:
    hub.faults.nothing_awaited = True
    hub.faults.meanwhile = [
        *([lambda: None] * 4),
        lambda: world.commit_source("backend", branch=BRANCH, login="minji", subject="x"),
    ]
    pull = await proposed(repository)
    assert (pull.state, pull.unmerged) == (PullState.OPEN, Reason.AUTO_MERGE_UNAVAILABLE)


def test_a_branch_has_the_name_of_an_operation() -> None:
    assert branch_of(OPERATION) == BRANCH
    with pytest.raises(ValueError, match="not an operation id"):
        branch_of("../main")
