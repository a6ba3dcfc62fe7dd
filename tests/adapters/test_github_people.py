"""Who merged and who wrote a file: the questions to GitHub, and every answer that does not say it."""

from dataclasses import replace

import pytest
from aiohttp import web

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_people import mergers, touched
from bot.domain.people import People
from sandbox.github_shapes import Pull
from sandbox.world import World
from tests.adapters.hub import OVERLAY, Scripted

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
    assert await mergers(repository, source.sha) == People()

    hub.brought[source.sha] = MERGED
    assert await mergers(repository, source.sha) == People(logins=frozenset({"minji-k"}))
    assert hub.asked[-2:] == [f"GET /commits/{source.sha}/pulls", "GET /pulls/7"]


async def test_the_one_that_made_the_commit_is_asked_about_first_and_three_at_most(
    repository: GitHub, hub: Scripted
) -> None:
    hub.answers = [listed(1, merged=False)]
    assert await mergers(repository, "a" * 40) == People()

    hub.answers = [listed(1, 2, 3, 4), single("a"), single("B"), single("a")]
    assert await mergers(repository, "b" * 40) == People(logins=frozenset({"a", "b"}))
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
        [listed(1), web.json_response([])],
    ],
    ids=["unknown", "forbidden", "no list", "no pull request"],
)
async def test_what_is_not_said_is_an_error(repository: GitHub, hub: Scripted, answers: list[web.Response]) -> None:
    hub.answers = answers
    with pytest.raises(GithubError):
        await mergers(repository, "a" * 40)


async def test_whose_account_is_gone_is_somebody_else_and_the_others_are_asked_about(
    repository: GitHub, hub: Scripted
) -> None:
    hub.answers = [listed(1, 2), single(None), single("Sora")]
    assert await mergers(repository, "b" * 40) == People(logins=frozenset({"sora"}), others=True)


async def test_a_used_up_limit_is_told(repository: GitHub, hub: Scripted) -> None:
    hub.answers = [web.json_response({"message": "API rate limit exceeded"}, status=403)]
    with pytest.raises(Limited):
        await mergers(repository, "a" * 40)


async def test_who_touched_a_file_up_to_a_commit(repository: GitHub, world: World) -> None:
    overlay = world.overlay("prod")
    first = world.commit_overlay("prod", replace(overlay, replicas=7), message="more", login="Minji")
    world.commit_source("backend", branch="main", login="sora", subject="fix: seats")
    last = world.commit_overlay("prod", overlay, message="fewer", login="sora")

    async def found(revision: str, *, limit: int) -> list[tuple[str, People]]:
        listed = await touched(repository, path=OVERLAY, revision=revision, limit=limit)
        return [(one.revision, one.people) for one in listed]

    assert (await found(last.sha, limit=10))[:2] == [
        (last.sha, People(logins=frozenset({"sora"}))),
        (first.sha, People(logins=frozenset({"minji"}))),
    ]
    assert await found(first.sha, limit=1) == [(first.sha, People(logins=frozenset({"minji"})))]


async def test_what_is_no_commit_touched_nothing(repository: GitHub, hub: Scripted) -> None:
    answers: list[object] = [[{"sha": "main"}], ["a" * 40], {}]
    for answer in answers:
        hub.answers = [web.json_response(answer)]
        with pytest.raises(GithubError):
            await touched(repository, path=OVERLAY, revision="a" * 40, limit=1)
