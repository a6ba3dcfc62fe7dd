"""Commits taken back on GitHub: the exact objects, several in a row, conflicts by name, races and lost answers."""

import pytest
from aiohttp import web

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_requests import Unanswered
from bot.adapters.github_reverts import find_reverted, revert
from bot.adapters.github_writes import Written
from bot.domain.reasons import Reason, Refused
from sandbox import git_objects
from sandbox.git import Commit
from sandbox.github_writes import RULES
from sandbox.world import World
from tests.adapters.hub import OPERATION, OVERLAY, Scripted, connected, made_by, signed, tags

OLD, NEW, NEWER = (f"{letter * 7}-20260105-143022" for letter in "abc")


def bump(world: World, service: str = "backend", *, tag: str = NEW) -> Commit:
    return world.commit_tag(service, "prod", tag=tag)


async def back(github: GitHub, *commits: Commit | str) -> tuple[Written, ...]:
    revisions = [commit if isinstance(commit, str) else commit.sha for commit in commits]
    return await revert(github, branch="main", revisions=revisions, signature=signed())


async def test_a_commit_is_taken_back_as_git_revert_does(repository: GitHub, hub: Scripted, world: World) -> None:
    before = world.git.head("main")
    made = bump(world)
    later = world.commit_source("backend", branch="main", login="minji", subject="fix: elsewhere")

    (written,) = await back(repository, made)

    head = world.git.head("main")
    assert (written.revision, written.changed) == (head.sha, True)
    assert written.url.endswith(f"/commit/{head.sha}")
    assert (head.parents, head.changed) == ((later.sha,), {OVERLAY: "modified"})
    assert head.tree == {**later.tree, OVERLAY: before.tree[OVERLAY]}
    assert head.message == (
        f'Revert "chore(prod): backend {NEW}"\n'
        "\n"
        f"This reverts commit {made.sha}.\n"
        "\n"
        f"Chatops-Operation: {OPERATION}\n"
        "Requested-by: minji (Discord 7)\n"
        "Approved-by: jisoo"
    )
    assert hub.wrote == ["POST /git/trees", "POST /git/commits", "PATCH /git/refs/heads/main"]
    tree, commit, moved = (item.body for item in hub.requests if item.method != "GET")
    blob = git_objects.blob(before.tree[OVERLAY])
    assert tree == {
        "base_tree": later.tree_sha,
        "tree": [{"path": OVERLAY, "mode": "100644", "type": "blob", "sha": blob}],
    }
    assert commit == {"message": head.message, "tree": head.tree_sha, "parents": [later.sha]}
    assert moved == {"sha": head.sha, "force": False}


async def test_several_are_taken_back_the_newest_first_in_one_step(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    before = world.git.head("main")
    first, second, third = bump(world), bump(world, tag=NEWER), bump(world, "stats-service")
    written = await back(repository, first, third, second)
    history = list(world.git.history("main"))[:3]
    assert [commit.sha for commit in reversed(history)] == [item.revision for item in written]
    assert [commit.message.split("\n")[2] for commit in reversed(history)] == [
        f"This reverts commit {commit.sha}." for commit in (third, second, first)
    ]
    assert world.git.head("main").tree == before.tree
    assert hub.wrote.count("PATCH /git/refs/heads/main") == 1


async def test_files_that_came_go_and_files_that_went_come_back(repository: GitHub, world: World) -> None:
    old = world.git.head("main")
    gone = "services/stats-service/src/server.js"
    changes = {"a/new.yaml": "new", gone: None, "services/stats-service/src/main.js": old.tree[gone]}
    made = world.git.commit("main", changes, message="refactor: x", login="minji", at=world.timeline.after())
    await back(repository, made)
    assert world.git.head("main").tree == old.tree


async def test_what_was_changed_since_is_a_conflict_that_says_by_whom(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    made, later = bump(world), bump(world, tag=NEWER)
    world.commit_source("backend", branch="main", login="minji", subject="fix: elsewhere")
    with pytest.raises(Refused) as refused:
        await back(repository, made)
    assert refused.value.reason is Reason.REVERT_CONFLICT
    assert refused.value.detail == f"`{OVERLAY}` of `{made.sha[:7]}` was changed again by `{later.sha[:7]}`."
    assert hub.wrote == []


async def test_one_conflict_among_several_stops_all(repository: GitHub, hub: Scripted, world: World) -> None:
    first, _, third = bump(world), bump(world, tag=OLD), bump(world, "stats-service")
    tip = world.git.branches["main"]
    with pytest.raises(Refused) as refused:
        await back(repository, first, third)
    assert f"of `{first.sha[:7]}` was changed again" in refused.value.detail
    assert world.git.branches["main"] == tip
    assert "PATCH /git/refs/heads/main" not in hub.wrote


async def test_a_file_in_the_way_of_a_directory_is_a_conflict(repository: GitHub, hub: Scripted, world: World) -> None:
    def commit(files: dict[str, str | None]) -> Commit:
        return world.git.commit("main", files, message="x", login="minji", at=world.timeline.after())

    commit({"x": "file", "y/z`@everyone": "below"})
    made = commit({"x": None})
    other = commit({"y/z`@everyone": None})
    later = commit({"x/below": "new"})
    with pytest.raises(Refused) as refused:
        await back(repository, made)
    assert refused.value.reason is Reason.REVERT_CONFLICT
    assert refused.value.detail == f"`x` of `{made.sha[:7]}` was changed again by `{later.sha[:7]}`."
    commit({"y": "file"})
    with pytest.raises(Refused) as refused:
        await back(repository, other)
    assert refused.value.detail.startswith("`y/z??everyone` of ")
    assert hub.wrote == []


async def test_what_was_taken_back_already_is_said(repository: GitHub, hub: Scripted, world: World) -> None:
    old = tags(world)["backend"]
    made = bump(world)
    bump(world, tag=old)
    with pytest.raises(Refused) as refused:
        await back(repository, made)
    assert (refused.value.reason, refused.value.detail) == (Reason.ALREADY_REVERTED, f"It was `{made.sha[:7]}`.")
    assert hub.wrote == []


async def test_what_cannot_be_reverted_is_refused(repository: GitHub, hub: Scripted, world: World) -> None:
    *_, first = world.git.history("main")
    parents = (world.git.branches["main"], bump(world).sha)
    at = world.timeline.after()
    tree = world.git.head("main").tree_sha
    merge = world.git.create(tree, parents=parents, message="Merge", login="minji", at=at)
    world.git.branches["main"] = merge.sha
    elsewhere = world.commit_source("backend", branch="develop", login="minji", subject="x")
    cases = {
        first.sha: (Reason.CANNOT_REVERT, f"`{first.sha[:7]}` is the first commit."),
        merge.sha: (Reason.CANNOT_REVERT, f"`{merge.sha[:7]}` is a merge of several branches."),
        elsewhere.sha: (Reason.NOT_ON_BRANCH, ""),
        "f" * 40: (Reason.REVISION_UNKNOWN, ""),
        "main": (Reason.CANNOT_REVERT, "Name one to 10 whole revisions."),
    }
    for revision, expected in cases.items():
        with pytest.raises(Refused) as refused:
            await back(repository, revision)
        assert (refused.value.reason, refused.value.detail) == expected
    for many in ([], [f"{number:040x}" for number in range(11)]):
        with pytest.raises(Refused):
            await back(repository, *many)
    assert hub.wrote == []


async def test_a_repository_of_too_many_files_is_refused(repository: GitHub, hub: Scripted, world: World) -> None:
    made = bump(world)
    hub.faults.trees_truncated = True
    with pytest.raises(Refused) as refused:
        await back(repository, made)
    assert refused.value.reason is Reason.CANNOT_REVERT


async def test_a_branch_that_moves_is_read_again(repository: GitHub, hub: Scripted, world: World) -> None:
    made = bump(world)
    hub.faults.meanwhile = [
        lambda: world.commit_source("backend", branch="main", login="minji", subject="fix: a"),
        lambda: world.commit_source("backend", branch="main", login="minji", subject="fix: b"),
    ]
    (written,) = await back(repository, made)
    assert made_by(world) == [written.revision]
    assert "fix: b" in world.git.head("main").tree["backend/src/server.js"]
    assert hub.wrote.count("PATCH /git/refs/heads/main") == 3


async def test_a_conflict_that_comes_in_between_ends_it(repository: GitHub, hub: Scripted, world: World) -> None:
    made = bump(world)
    hub.faults.meanwhile = [lambda: bump(world, tag=NEWER)]
    with pytest.raises(Refused) as refused:
        await back(repository, made)
    assert refused.value.reason is Reason.REVERT_CONFLICT
    assert tags(world)["backend"] == NEWER


@pytest.mark.parametrize("fault", ["writes_lost", "writes_unanswered", "writes_cut", "writes_busy"])
async def test_a_lost_answer_is_looked_for(repository: GitHub, hub: Scripted, world: World, fault: str) -> None:
    one, two = bump(world), bump(world, "stats-service")
    setattr(hub.faults, fault, 1)
    written = await back(repository, one, two)
    assert made_by(world) == [item.revision for item in reversed(written)]
    assert await find_reverted(repository, branch="main", operation=OPERATION) == written
    assert await back(repository, one, two) == written
    assert len(made_by(world)) == 2


async def test_objects_whose_answers_are_lost_are_made_again(repository: GitHub, hub: Scripted, world: World) -> None:
    made = bump(world)
    hub.method, hub.answers = "POST", [web.json_response({"message": "Server Error"}, status=502) for _ in range(2)]
    await back(repository, made)
    assert hub.wrote.count("POST /git/trees") == 3
    bump(world, tag=NEWER)
    hub.answers = [web.json_response({"message": "Server Error"}, status=502) for _ in range(3)]
    with pytest.raises(GithubError) as caught:
        await revert(repository, branch="main", revisions=[world.git.branches["main"]], signature=signed("another"))
    assert caught.value.reason is Reason.GITHUB_UNREACHABLE


async def test_a_doubt_stays_one_until_somebody_can_look(repository: GitHub, hub: Scripted, world: World) -> None:
    made = bump(world)
    hub.faults.writes_cut = 1
    hub.faults.meanwhile = [lambda: setattr(hub.faults, "status", 503)]
    with pytest.raises(Unanswered):
        await back(repository, made)
    hub.faults.status = None
    async with connected(hub) as another:
        found = await find_reverted(another, branch="main", operation=OPERATION)
    assert found is not None
    assert [item.revision for item in found] == made_by(world)


async def test_a_protected_or_missing_branch_and_a_limit(repository: GitHub, hub: Scripted, world: World) -> None:
    made = bump(world)
    hub.faults.protected["main"] = RULES
    with pytest.raises(GithubError) as caught:
        await back(repository, made)
    assert caught.value.reason is Reason.BRANCH_PROTECTED
    hub.faults.protected = {}
    with pytest.raises(GithubError) as caught:
        await revert(repository, branch="mian", revisions=[made.sha], signature=signed())
    assert caught.value.reason is Reason.BRANCH_MISSING
    hub.faults.writes_limited = 30
    with pytest.raises(Limited) as limited:
        await back(repository, made)
    assert limited.value.retry_after == 30
    assert made_by(world) == []
    async with connected(hub) as restarted:
        assert await find_reverted(restarted, branch="main", operation=OPERATION) is None
