"""Who merged and who wrote: the questions to GitHub, and every answer that does not say it."""

from dataclasses import replace

import pytest
from aiohttp import web

from bot.adapters.github import GitHub, GithubError
from bot.adapters.github_people import LISTED, Touched, brought, mergers, touched
from bot.adapters.github_requests import Limited
from sandbox.github_shapes import Pull
from sandbox.world import World
from tests.adapters.hub import OVERLAY, Scripted

BASE = {"sha": "b" * 40}
MERGED = Pull(number=7, title="Fix seats", login="sora", merger="Minji-K")


def listed(*numbers: int, merged: bool = True) -> web.Response:
    moment = "2026-01-05T14:30:22Z" if merged else None
    return web.json_response(
        [{"number": number, "merged_at": moment, "merge_commit_sha": "b" * 40} for number in numbers]
    )


def single(login: str | None) -> web.Response:
    return web.json_response({"number": 1, "merged_by": {"login": login} if login else None})


async def test_who_merged_the_pull_request_of_a_commit(repository: GitHub, hub: Scripted, world: World) -> None:
    source = world.commit_source("backend", branch="main", login="sora", subject="fix: seats")
    assert await mergers(repository, source.sha) == frozenset()

    hub.brought[source.sha] = MERGED
    assert await mergers(repository, source.sha) == {"minji-k"}
    assert hub.asked[-2:] == [f"GET /commits/{source.sha}/pulls", "GET /pulls/7"]


async def test_the_one_that_made_the_commit_is_asked_about_first_and_three_at_most(
    repository: GitHub, hub: Scripted
) -> None:
    hub.answers = [listed(1, merged=False)]
    assert await mergers(repository, "a" * 40) == frozenset()

    hub.answers = [listed(1, 2, 3, 4), single("a"), single("B"), single("a")]
    assert await mergers(repository, "b" * 40) == {"a", "b"}
    assert [path.rpartition("/")[2] for path in hub.asked[-3:]] == ["1", "2", "3"]

    hub.answers = [listed(1, 2, 3, 4), single("a"), single("b"), single("c")]
    mixed = [{"number": number, "merged_at": "2026", "merge_commit_sha": str(number) * 40} for number in range(1, 6)]
    hub.answers[0] = web.json_response(mixed)
    await mergers(repository, "5" * 40)
    assert [path.rpartition("/")[2] for path in hub.asked[-3:]] == ["5", "1", "2"]


@pytest.mark.parametrize(
    "answers",
    [
        [web.json_response({"message": "Not Found"}, status=404)],
        [web.json_response({"message": "Resource not accessible by integration"}, status=403)],
        [web.json_response({})],
        [listed(1), single(None)],
        [listed(1), web.json_response([])],
    ],
    ids=["unknown", "forbidden", "no list", "account gone", "no pull request"],
)
async def test_what_is_not_said_is_an_error(repository: GitHub, hub: Scripted, answers: list[web.Response]) -> None:
    hub.answers = answers
    with pytest.raises(GithubError):
        await mergers(repository, "a" * 40)


async def test_a_used_up_limit_is_told(repository: GitHub, hub: Scripted) -> None:
    hub.answers = [web.json_response({"message": "API rate limit exceeded"}, status=403)]
    with pytest.raises(Limited):
        await mergers(repository, "a" * 40)


async def test_who_touched_a_file_up_to_a_commit(repository: GitHub, world: World) -> None:
    overlay = world.overlay("prod")
    first = world.commit_overlay("prod", replace(overlay, replicas=7), message="more", login="Minji")
    world.commit_source("backend", branch="main", login="sora", subject="fix: seats")
    last = world.commit_overlay("prod", overlay, message="fewer", login="sora")

    assert (await touched(repository, path=OVERLAY, revision=last.sha, limit=10))[:2] == [
        Touched(revision=last.sha, logins=frozenset({"sora"})),
        Touched(revision=first.sha, logins=frozenset({"minji"})),
    ]
    assert await touched(repository, path=OVERLAY, revision=first.sha, limit=1) == [
        Touched(revision=first.sha, logins=frozenset({"minji"}))
    ]


async def test_who_wrote_what_a_commit_brings_to_a_directory(repository: GitHub, world: World) -> None:
    base, first, _other, last = [
        world.commit_source(service, branch="main", login=login, subject="fix: seats")
        for service, login in [
            ("backend", "sora"),
            ("backend", "Minji"),
            ("ticket-service", "sora"),
            ("backend", "sora"),
        ]
    ]
    assert await brought(repository, base=base.sha[:7], head=last.sha, directory="backend") == (
        [
            Touched(revision=last.sha, logins=frozenset({"sora"})),
            Touched(revision=first.sha, logins=frozenset({"minji"})),
        ],
        False,
    )
    assert await brought(repository, base=last.sha, head=first.sha, directory="backend") == ([], False)


@pytest.mark.parametrize(
    ("total", "login", "more"), [(LISTED, "sora", False), (LISTED + 1, "sora", True), (1, None, True)]
)
async def test_there_may_be_more_people(
    repository: GitHub, hub: Scripted, total: int, login: str | None, more: bool
) -> None:
    commit = {"sha": "a" * 40, "author": {"login": login} if login else None}
    hub.answers = [
        web.json_response({"base_commit": BASE, "commits": [commit] * min(total, LISTED), "total_commits": total}),
        web.json_response([commit]),
    ]
    assert (await brought(repository, base="b" * 7, head="a" * 40, directory="apps"))[1] is more


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"base_commit": BASE, "commits": [], "total_commits": None},
        {"commits": [], "total_commits": 0},
        {"base_commit": {"sha": "a" * 40}, "commits": [], "total_commits": 0},
        {"message": "Not Found"},
    ],
    ids=["nothing", "a list", "no number", "no base", "a branch called like the base", "unknown"],
)
async def test_what_is_no_comparison_is_an_error(repository: GitHub, hub: Scripted, answer: object) -> None:
    hub.answers = [web.json_response(answer, status=404 if "message" in answer else 200)]  # type: ignore[operator]
    with pytest.raises(GithubError):
        await brought(repository, base="b" * 7, head="a" * 40, directory="apps")
