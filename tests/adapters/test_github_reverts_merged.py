"""Commits taken back although their files were changed since: merged by lines, checked and shown before."""

from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_objects import LONGEST
from bot.adapters.github_reverts import Check, preview, revert
from bot.adapters.github_writes import Written
from bot.domain.reasons import Reason, Refused
from sandbox import git_objects
from sandbox.git import Commit
from sandbox.world import World
from tests.adapters.hub import OVERLAY, Scripted, connected, made_by, signed, tags

NEW, NEWER = (f"{letter * 7}-20260105-143022" for letter in "bc")
FILE = "docs/notes.txt"


def bump(world: World, service: str = "backend", *, tag: str = NEW) -> Commit:
    return world.commit_tag(service, "prod", tag=tag)


def put(world: World, files: dict[str, str | None]) -> Commit:
    return world.git.commit("main", files, message="docs: x", login="minji", at=world.timeline.after())


async def back(github: GitHub, *revisions: str, operation: str = "op", check: Check | None = None) -> Sequence[Written]:
    return await revert(github, branch="main", revisions=revisions, signature=signed(operation), check=check)


async def refused(github: GitHub, *revisions: str) -> tuple[Reason, str]:
    """Why they are refused: shown, checked and written alike."""
    answers = []
    for call in (
        preview(github, branch="main", revisions=revisions),
        back(github, *revisions, check=lambda path, before, after: None),
    ):
        with pytest.raises(Refused) as caught:
            await call
        answers.append((caught.value.reason, caught.value.detail))
    assert answers[0] == answers[1]
    return answers[0]


async def test_what_other_services_got_since_stays(repository: GitHub, hub: Scripted, world: World) -> None:
    before = tags(world)
    made = bump(world)
    later = bump(world, "stats-service")
    text = later.tree[OVERLAY]
    wanted = text.replace(NEW, before["backend"], 1)
    shown = await preview(repository, branch="main", revisions=[made.sha])
    assert shown == {OVERLAY: (text, wanted)}
    assert hub.wrote == []
    checked: list[tuple[str, str, str]] = []

    (written,) = await back(repository, made.sha, check=lambda *what: checked.append(what))

    head = world.git.head("main")
    assert checked == [(OVERLAY, text, wanted)]
    assert (head.sha, head.parents, head.tree) == (written.revision, (later.sha,), {**later.tree, OVERLAY: wanted})
    assert tags(world) == before | {"stats-service": NEW}
    assert hub.wrote == ["POST /git/blobs", "POST /git/trees", "POST /git/commits", "PATCH /git/refs/heads/main"]
    (tree,) = [item.body for item in hub.requests if item.method == "POST" and item.path.endswith("/git/trees")]
    entry = {"path": OVERLAY, "mode": "100644", "type": "blob", "sha": git_objects.blob(wanted)}
    assert tree == {"base_tree": later.tree_sha, "tree": [entry]}


async def test_several_with_others_in_between_and_after(repository: GitHub, hub: Scripted, world: World) -> None:
    before = tags(world)
    one, _, two, _ = (
        bump(world, service) for service in ("backend", "auth-service", "stats-service", "payment-service")
    )
    written = await back(repository, one.sha, two.sha)
    assert tags(world) == before | {"auth-service": NEW, "payment-service": NEW}
    assert tags(world, written[0].revision)["backend"] == NEW
    assert hub.wrote.count("POST /git/blobs") == 2


async def test_reverts_are_commits_like_others(repository: GitHub, world: World) -> None:
    before = tags(world)
    made = bump(world)
    (first,) = await back(repository, made.sha, operation="1")
    bump(world, "stats-service")
    assert await refused(repository, made.sha) == (Reason.ALREADY_REVERTED, f"It was `{made.sha[:7]}`.")
    await back(repository, first.revision, operation="2")
    assert tags(world) == before | {"backend": NEW, "stats-service": NEW}
    bump(world, "auth-service")
    await back(repository, made.sha, operation="3")
    assert tags(world) == before | {"auth-service": NEW, "stats-service": NEW}

    newer = bump(world, "auth-service", tag=NEWER)
    (undone,) = await back(repository, newer.sha, operation="4")
    older = bump(world, "ticket-service")
    assert await refused(repository, newer.sha, older.sha) == (Reason.ALREADY_REVERTED, f"It was `{newer.sha[:7]}`.")
    now = tags(world)
    assert await preview(repository, branch="main", revisions=[newer.sha, undone.revision]) == {}
    await back(repository, newer.sha, undone.revision, older.sha, operation="5")
    assert tags(world) == now | {"ticket-service": before["ticket-service"]}


async def test_line_ends_stay_as_they_are(repository: GitHub, world: World) -> None:
    put(world, {FILE: "a\r\nb\r\nc\r\nd"})
    made = put(world, {FILE: "A\r\nb\r\nc\r\nd"})
    put(world, {FILE: "A\r\nb\r\nc\r\nD", "other": "new"})
    assert await preview(repository, branch="main", revisions=[made.sha]) == {
        FILE: ("A\r\nb\r\nc\r\nD", "a\r\nb\r\nc\r\nD")
    }
    await back(repository, made.sha)
    assert world.git.head("main").tree[FILE] == "a\r\nb\r\nc\r\nD"


async def test_a_check_is_asked_about_what_will_be_and_may_refuse(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    put(world, {FILE: "a\n", "gone": "x\n"})
    made = put(world, {FILE: "b\n", "gone": None, "come": "y\n"})
    seen: list[tuple[str, str, str]] = []

    def refuse(*what: str) -> None:
        path, before, after = what
        seen.append((path, before, after))
        if len(seen) == 3:
            raise Refused(Reason.CONTENT_CHANGED, "Not this.")

    tip = world.git.branches["main"]
    with pytest.raises(Refused) as caught:
        await back(repository, made.sha, check=refuse)
    assert (caught.value.reason, caught.value.detail) == (Reason.CONTENT_CHANGED, "Not this.")
    assert seen == [("come", "y\n", ""), (FILE, "b\n", "a\n"), ("gone", "", "x\n")]
    assert (world.git.branches["main"], hub.wrote) == (tip, [])

    seen.clear()
    hub.faults.meanwhile = [lambda: put(world, {FILE: "b\n", "come": "z\n"})]
    with pytest.raises(Refused) as caught:  # at the second look, after the lost race
        await back(repository, made.sha, check=lambda *what: seen.append(what))
    assert caught.value.reason is Reason.REVERT_CONFLICT
    assert len(seen) == 3


async def test_after_a_lost_answer_nothing_is_checked_again(repository: GitHub, hub: Scripted, world: World) -> None:
    made, _ = bump(world), bump(world, "stats-service")
    hub.faults.writes_cut = 1
    seen: list[str] = []
    await back(repository, made.sha, check=lambda path, before, after: seen.append(path))
    assert seen == [OVERLAY]
    assert len(made_by(world, "op")) == 1


BINARY = "\udcff\udcfe"
"""Bytes that are no UTF-8, as the stand-in keeps them."""


@pytest.mark.parametrize("content", [BINARY, "\0", "x" * (LONGEST + 1)], ids=["not UTF-8", "NUL", "long"])
async def test_what_is_no_text_is_put_back_whole_or_not_at_all(
    repository: GitHub, hub: Scripted, world: World, content: str
) -> None:
    put(world, {FILE: "a\n"})
    made = put(world, {FILE: content})
    reason, detail = await refused(repository, made.sha)
    assert (reason, detail) == (Reason.CANNOT_REVERT, f"At `{FILE}` more than a text would change.")
    later = put(world, {FILE: f"{content}\nmore"})
    reason, detail = await refused(repository, made.sha)
    assert reason is Reason.REVERT_CONFLICT
    assert detail.endswith(f"changed again by `{later.sha[:7]}`.")
    put(world, {FILE: content})
    assert hub.wrote == []
    await back(repository, made.sha)
    assert world.git.head("main").tree[FILE] == "a\n"
    asked = hub.asked.count(f"GET /git/blobs/{git_objects.blob(content)}")
    assert (asked == 0) is (len(content) > LONGEST)  # the tree says how long it is


class WithModes(Scripted):
    """GitHub, where a file has another mode in some trees."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.modes: dict[str, str] = {}

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        answer = await super().intercept(request)
        mode = self.modes.get(request.path.rpartition("/")[2])
        if mode and isinstance(answer, web.Response) and answer.text:
            whole = f'"path": "{FILE}", "mode": "'
            assert f"{whole}100644" in answer.text
            answer.text = answer.text.replace(f"{whole}100644", f"{whole}{mode}")
        return answer


@pytest.fixture
async def moded(world: World) -> AsyncIterator[WithModes]:
    async with WithModes(world) as server:
        yield server


@pytest.mark.parametrize("mode", ["100755", "120000"])
async def test_modes_are_not_merged_and_not_hidden(moded: WithModes, world: World, mode: str) -> None:
    put(world, {FILE: "a\nb\nc\n"})
    made = put(world, {FILE: "A\nb\nc\n"})
    async with connected(moded) as github:
        moded.modes = {made.tree_sha: mode}
        assert await refused(github, made.sha) == (
            Reason.CANNOT_REVERT,
            f"At `{FILE}` more than a text would change.",
        )
        later = put(world, {FILE: "A\nb\nC\n"})
        for changed in ({made.tree_sha: mode}, {later.tree_sha: mode}):
            moded.modes = changed
            assert (await refused(github, made.sha))[0] is Reason.REVERT_CONFLICT
        moded.modes = {}
        assert await preview(github, branch="main", revisions=[made.sha]) == {FILE: ("A\nb\nC\n", "a\nb\nC\n")}


async def test_more_texts_than_anybody_reads_are_refused(repository: GitHub, world: World) -> None:
    names = [f"many/{number}" for number in range(76)]
    put(world, {name: f"old {name}" for name in names})
    made = put(world, {name: f"new {name}" for name in names})
    assert await refused(repository, made.sha) == (
        Reason.CANNOT_REVERT,
        "More than 150 texts would have to be compared.",
    )


async def test_a_blob_is_made_again_and_never_trusted(repository: GitHub, hub: Scripted, world: World) -> None:
    made, _ = bump(world), bump(world, "stats-service")
    hub.method, hub.answers = "POST", [web.json_response({"sha": "f" * 40}, status=201)]
    with pytest.raises(GithubError) as caught:
        await back(repository, made.sha)
    assert "not that of its content" in caught.value.log
    assert world.git.head("main").sha != made.sha
    hub.answers = [web.json_response({"message": "Server Error"}, status=502)]
    await back(repository, made.sha)
    assert hub.wrote.count("POST /git/blobs") == 3
    for answer in ({"content": "!"}, {"content": ""}, ["x"]):

        class Lying(Scripted):
            said = answer

            async def intercept(self, request: web.Request) -> web.StreamResponse | None:
                if "/git/blobs/" in request.path:
                    return web.json_response(self.said)
                return await super().intercept(request)

        async with Lying(world) as server, connected(server) as github:
            with pytest.raises(GithubError) as caught:
                await preview(github, branch="main", revisions=[world.git.head("main").sha])
            assert "blob" in caught.value.log
