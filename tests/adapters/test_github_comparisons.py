"""What lies between two commits, asked of GitHub's stand-in: both directions, long ones, and who brought what."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from pydantic import SecretStr

from bot.adapters import github_comparisons
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, NotFound
from bot.domain.comparisons import Commit, Comparison, Pull, Side
from bot.domain.people import People
from sandbox.github import Github
from sandbox.github_shapes import Pull as Merged
from sandbox.world import World
from tests.adapters.conftest import Calls

REPOSITORY = "ORGANIZATION/project-ticketing"
WEB = f"https://github.com/{REPOSITORY}"


@pytest.fixture
async def server(world: World) -> AsyncIterator[Github]:
    """The API."""
    async with Github(world) as server:
        yield server


@pytest.fixture
async def github(server: Github, calls: Calls) -> AsyncIterator[GitHub]:
    """The adapter, with a token; nothing is repeated."""
    adapter = GitHub(
        url=server.url, repository=REPOSITORY, token=lambda: SecretStr(server.token), retries=0, observe=calls
    )
    yield adapter
    await adapter.aclose()


def push(world: World, subject: str, *, service: str = "backend", login: str = "minji", branch: str = "main") -> str:
    """Somebody pushes a change of a service."""
    return world.commit_source(service, branch=branch, login=login, subject=subject).sha


def asked(server: Github) -> list[str]:
    """What was asked, in short."""
    return [
        request.path.removeprefix(f"/repos/{REPOSITORY}/")
        + "".join(f" {key}={request.query[key]}" for key in sorted(request.query.keys() & {"page", "path", "sha"}))
        for request in server.requests
    ]


async def compare(github: GitHub, base: str, head: str) -> Comparison:
    """What lies between, for backend."""
    return await github_comparisons.compare(github, base=base, head=head, paths=["backend"])


async def test_what_comes_in_is_told_newest_first_with_its_pull_requests(
    github: GitHub, server: Github, world: World
) -> None:
    base = world.git.head("main").sha
    first = push(world, "feat: refund in instalments (#12)", login="hyunwoo")
    second = push(
        world, "Merge pull request #14 from ORGANIZATION/rows\n\nfix: rows that overlap\n", service="auth-service"
    )
    third = push(world, "fix: seats", login="sora")
    server.brought[third] = Merged(number=15, title="Fix seats", login="jisoo")

    assert await compare(github, base, third) == Comparison(
        base=base,
        head=third,
        gained=Side(
            total=3,
            files=1,
            commits=(
                Commit(
                    revision=third,
                    subject="fix: seats",
                    author="sora",
                    url=f"{WEB}/commit/{third}",
                    pull=Pull(number=15, title="Fix seats", author="jisoo"),
                    touches=True,
                    people=People(logins=frozenset({"sora"})),
                ),
                Commit(
                    revision=second,
                    subject="Merge pull request #14 from ORGANIZATION/rows",
                    author="minji",
                    url=f"{WEB}/commit/{second}",
                    pull=Pull(number=14, title="fix: rows that overlap"),
                    touches=False,
                    people=People(logins=frozenset({"minji"})),
                ),
                Commit(
                    revision=first,
                    subject="feat: refund in instalments",
                    author="hyunwoo",
                    url=f"{WEB}/commit/{first}",
                    pull=Pull(number=12, title="feat: refund in instalments", author="hyunwoo"),
                    touches=True,
                    people=People(logins=frozenset({"hyunwoo"})),
                ),
            ),
        ),
        lost=Side(),
    )
    assert asked(server) == [
        f"compare/{base}...{third} page=1",
        f"commits path=backend sha={third}",
        f"commits/{third}/pulls",
    ]


async def test_without_pull_requests_the_beginning_of_the_base_is_enough(
    github: GitHub, server: Github, world: World
) -> None:
    base = world.git.head("main").sha
    push(world, "fix: rows\n\nCo-authored-by: J <7+Jisoo@users.noreply.github.com>", login="sora")
    push(world, "fix: aisles\n\nCo-authored-by: J <jisoo@example.com>")
    head = push(world, "fix: seats", service="auth-service", login="")

    found = await github_comparisons.between(github, base=base[:7], head=head, paths=["backend"])

    assert (found.base, found.head, found.gained.total, found.lost, found.named_only) == (base, head, 3, Side(), True)
    assert [(one.subject, one.touches, one.people) for one in found.gained.commits] == [
        ("fix: seats", False, People(others=True)),
        ("fix: aisles", True, People(logins=frozenset({"minji"}), others=True)),
        ("fix: rows", True, People(logins=frozenset({"sora", "jisoo"}))),
    ]
    assert asked(server) == [f"compare/{base[:7]}...{head} page=1", f"commits path=backend sha={head}"]

    world.git.force(base[:7], head)
    with pytest.raises(GithubError) as trapped:
        await github_comparisons.between(github, base=base[:7], head=head, paths=["backend"])
    assert trapped.value.log == f"{base[:7]} is a branch of that name"


async def test_going_back_tells_what_would_be_undone(github: GitHub, server: Github, world: World) -> None:
    base = world.git.head("main").sha
    head = push(world, "fix: seats (#1)")
    found = await compare(github, head, base)
    assert (found.gained, found.lost.total, [one.revision for one in found.lost.commits]) == (Side(), 1, [head])
    assert found.lost.files == 1
    assert asked(server) == [
        f"compare/{head}...{base} page=1",
        f"compare/{base}...{head} page=1",
        f"commits path=backend sha={head}",
    ]


async def test_histories_that_parted_have_two_sides(github: GitHub, world: World) -> None:
    left, right = push(world, "fix: left (#1)"), push(world, "fix: right (#2)", branch="develop")
    found = await compare(github, left, right)
    assert [[one.subject for one in side.commits] for side in (found.gained, found.lost)] == [
        ["fix: right"],
        ["fix: left"],
    ]


async def test_the_same_commit_has_nothing_between(github: GitHub, server: Github, world: World) -> None:
    head = world.git.head("main").sha
    assert await compare(github, head, head) == Comparison(base=head, head=head, gained=Side(), lost=Side())
    assert len(server.requests) == 1


@pytest.mark.parametrize(("number", "pages"), [(100, [1]), (130, [1, 2]), (250, [1, 2, 3]), (430, [1, 4, 5])])
async def test_of_many_commits_the_newest_hundred_are_told(
    github: GitHub, server: Github, world: World, number: int, pages: list[int]
) -> None:
    base = world.git.head("main").sha
    made = [push(world, f"fix: {index} (#{index + 1})") for index in range(number)]

    found = await compare(github, base, made[-1])

    assert (found.gained.total, found.named_only) == (number, False)
    assert [one.revision for one in found.gained.commits] == made[::-1][:100]
    assert all(one.touches for one in found.gained.commits)
    assert [int(one.query["page"]) for one in server.requests if "/compare/" in one.path] == pages


async def test_only_ten_commits_are_asked_about_and_those_of_the_service_first(
    github: GitHub, server: Github, world: World
) -> None:
    base = world.git.head("main").sha
    mine = [push(world, f"fix: {index}") for index in range(4)]
    others = [push(world, f"feat: {index}", service="auth-service") for index in range(12)]

    found = await compare(github, base, others[-1])

    looked = {one.path.split("/")[-2] for one in server.requests if one.path.endswith("/pulls")}
    assert (found.named_only, looked) == (True, {*mine, *others[-6:]})


async def test_without_the_right_to_pull_requests_the_rest_is_told(
    github: GitHub, server: Github, world: World
) -> None:
    base = world.git.head("main").sha
    push(world, "feat: refund (#12)")
    head = push(world, "fix: seats")
    server.faults.forbidden = frozenset({"pulls"})
    found = await compare(github, base, head)
    assert [one.pull and one.pull.number for one in found.gained.commits] == [None, 12]
    assert found.named_only


async def test_files_that_were_cut_are_said_to_be_at_least_so_many(github: GitHub, world: World) -> None:
    base = world.git.head("main").sha
    files: dict[str, str | None] = {f"backend/{number}.js": "//" for number in range(400)}
    head = world.git.commit("main", files, message="x (#1)", login="minji", at=world.timeline.after()).sha
    found = await compare(github, base, head)
    assert (found.gained.files, found.gained.files_cut) == (300, True)


async def test_a_service_whose_name_begins_like_the_directory_is_another_one(github: GitHub, world: World) -> None:
    base = world.git.head("main").sha
    files: dict[str, str | None] = {"backend-tools/x.js": "//"}
    head = world.git.commit("main", files, message="x (#1)", login="minji", at=world.timeline.after()).sha
    found = await compare(github, base, head)
    assert (found.gained.files, [one.touches for one in found.gained.commits]) == (0, [False])


async def test_no_answer_is_no_answer(github: GitHub, server: Github, world: World, calls: Calls) -> None:
    head = world.git.head("main").sha
    with pytest.raises(NotFound):
        await compare(github, head, "f" * 40)
    server.faults.status = 502
    with pytest.raises(GithubError):
        await compare(github, head, head)
    assert calls.seen == [("github", "compare", "github_unreachable")] * 2


@pytest.mark.parametrize("text", ["<html>", "[]", "null", '{"status": "unheard of"}'])
async def test_what_is_no_comparison_is_no_answer(world: World, text: str) -> None:
    class Proxy(Github):
        async def intercept(self, request: web.Request) -> web.StreamResponse | None:
            return web.Response(text=text, content_type="application/json")

    async with Proxy(world) as server:
        github = GitHub(url=server.url, repository=REPOSITORY, token=lambda: SecretStr(server.token))
        with pytest.raises(GithubError):
            await compare(github, "a" * 40, "b" * 40)
        await github.aclose()
