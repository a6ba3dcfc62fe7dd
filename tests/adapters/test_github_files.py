"""Files on GitHub: the exact requests, writes whose answers are lost, and writers that meet."""

import asyncio
import base64
from typing import Any

import pytest
from aiohttp import web

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_files import File, find_written, read_file
from bot.adapters.github_requests import Unanswered
from bot.adapters.github_writes import Raced, Written
from bot.domain.reasons import Reason
from sandbox import git_objects
from sandbox.world import World
from tests.adapters.conftest import Calls
from tests.adapters.hub import (
    OPERATION,
    OVERLAY,
    REPOSITORY,
    SERVICES,
    TAG,
    Scripted,
    connected,
    deploy,
    made_by,
    message,
    tagged,
    tags,
)


async def test_reads_the_exact_bytes(repository: GitHub, hub: Scripted, world: World) -> None:
    raw = b"\xef\xbb\xbfa: \xec\x84\x9c\r\nb: \xff\n"
    world.git.commit(
        "main", {"x y/ä.yaml": git_objects.text(raw)}, message="x", login="minji", at=world.timeline.after()
    )
    found = await read_file(repository, path="x y/ä.yaml", ref="main")
    assert found == File(path="x y/ä.yaml", blob=git_objects.name("blob", raw), content=raw)
    (asked,) = hub.requests
    assert (asked.method, asked.path, asked.query) == (
        "GET",
        f"/repos/{REPOSITORY}/contents/x y/ä.yaml",
        {"ref": "main"},
    )
    older = await read_file(repository, path=OVERLAY, ref=world.git.head("main").parents[0])
    assert older.content.decode() == world.git.head("main").tree[OVERLAY]


@pytest.mark.parametrize(
    ("path", "ref", "reason"),
    [
        ("k8s/nothing.yaml", "main", Reason.FILE_MISSING),
        ("k8s/overlays", "main", Reason.FILE_MISSING),
        (OVERLAY, "mian", Reason.BRANCH_MISSING),
    ],
)
async def test_what_is_not_there(repository: GitHub, path: str, ref: str, reason: Reason) -> None:
    with pytest.raises(GithubError) as caught:
        await read_file(repository, path=path, ref=ref)
    assert caught.value.reason is reason
    with pytest.raises(GithubError) as caught:
        await deploy(repository, path=path, branch=ref)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "answer",
    [
        {"type": "file", "encoding": "none", "content": "", "sha": "a" * 40},
        {"type": "symlink", "sha": "a" * 40},
        {"type": "file", "encoding": "base64", "content": "YQ==", "sha": "a" * 40},
        {"type": "file", "encoding": "base64", "content": "x", "sha": "a" * 40},
        {"type": "file", "encoding": "base64", "sha": "a" * 40},
        [],
    ],
)
async def test_what_is_no_whole_file_is_none(repository: GitHub, hub: Scripted, answer: Any) -> None:
    hub.answers = [web.json_response(answer)]
    with pytest.raises(GithubError):
        await read_file(repository, path=OVERLAY, ref="main")


async def test_one_commit_changes_one_line(repository: GitHub, hub: Scripted, world: World, calls: Calls) -> None:
    before = world.git.head("main")
    old = before.tree[OVERLAY]
    written = await deploy(repository)

    head = world.git.head("main")
    assert written == Written(revision=head.sha, changed=True, url=f"https://github.com/{REPOSITORY}/commit/{head.sha}")
    assert (head.parents, head.message, head.changed) == ((before.sha,), message(), {OVERLAY: "modified"})
    assert tags(world) == tags(world, before.sha) | {"ticket-service": TAG}
    assert hub.asked == ["GET /commits", f"GET /contents/{OVERLAY}", f"PUT /contents/{OVERLAY}"]
    assert hub.requests[0].query == {"sha": "main", "per_page": "100", "path": OVERLAY}
    body = hub.requests[-1].body
    assert base64.b64decode(body.pop("content")).decode() == tagged()(old)
    assert body == {"message": message(), "sha": git_objects.blob(old), "branch": "main"}
    assert calls.seen == [("github", call, "ok") for call in ("commits", "contents", "write_file")]


async def test_what_is_so_already_is_not_written(repository: GitHub, hub: Scripted, world: World) -> None:
    last = world.commit_tag("ticket-service", "prod", tag=TAG)
    world.commit_source("backend", branch="main", login="minji", subject="fix: elsewhere")
    assert await deploy(repository) == Written(revision=last.sha, changed=False)
    assert hub.wrote == []


async def test_asked_again_the_commit_is_found_even_after_others(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    written = await deploy(repository)
    world.commit_tag("ticket-service", "prod", tag="bbbbbbb-20260105-150000")
    assert await deploy(repository) == written
    assert await find_written(repository, path=OVERLAY, branch="main", operation=OPERATION) == written
    assert await find_written(repository, path=OVERLAY, branch="main", operation="another") is None
    assert await find_written(repository, path="k8s/other.yaml", branch="main", operation=OPERATION) is None
    assert tags(world)["ticket-service"] == "bbbbbbb-20260105-150000"
    assert len(hub.wrote) == 1


@pytest.mark.parametrize("fault", ["writes_lost", "writes_unanswered", "writes_cut", "writes_busy"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_write_that_goes_wrong_is_looked_for_and_made_once(
    repository: GitHub, hub: Scripted, world: World, fault: str, times: int
) -> None:
    setattr(hub.faults, fault, times)
    written = await deploy(repository)
    assert made_by(world) == [written.revision]
    assert tags(world)["ticket-service"] == TAG
    carried_out = fault in ("writes_unanswered", "writes_cut")
    assert len(hub.wrote) == (1 if carried_out else times + 1)


async def test_a_moved_file_is_read_again_and_the_change_made_on_it(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    hub.faults.meanwhile = [
        lambda: world.commit_tag("backend", "prod", tag="bbbbbbb-20260105-150000"),
        lambda: world.commit_tag("stats-service", "prod", tag="ccccccc-20260105-150000"),
    ]
    await deploy(repository)
    found = tags(world)
    assert (found["ticket-service"], found["backend"], found["stats-service"]) == (
        TAG,
        "bbbbbbb-20260105-150000",
        "ccccccc-20260105-150000",
    )
    assert len(hub.wrote) == 3


async def test_a_race_that_is_lost_three_times_is_given_up(repository: GitHub, hub: Scripted, world: World) -> None:
    hub.faults.writes_busy = 9
    with pytest.raises(GithubError) as caught:
        await deploy(repository)
    assert caught.value.reason is Reason.BRANCH_BUSY
    assert "is at" in caught.value.log
    assert (len(hub.wrote), made_by(world)) == (3, [])


async def test_three_lost_answers_leave_a_doubt(repository: GitHub, hub: Scripted, world: World) -> None:
    hub.faults.writes_lost = 9
    with pytest.raises(Unanswered) as caught:
        await deploy(repository)
    assert caught.value.reason is Reason.COMMIT_UNKNOWN
    assert (len(hub.wrote), made_by(world)) == (3, [])


async def test_what_cannot_be_looked_at_stays_unknown_and_is_found_after_a_restart(
    repository: GitHub, hub: Scripted, world: World
) -> None:
    hub.faults.writes_unanswered = 1
    hub.faults.meanwhile = [lambda: setattr(hub.faults, "status", 503)]
    with pytest.raises(Unanswered) as caught:
        await deploy(repository)
    assert "then 503" in caught.value.log
    assert len(hub.wrote) == 1

    hub.faults.status = None
    async with connected(hub) as another:
        found = await find_written(another, path=OVERLAY, branch="main", operation=OPERATION)
        assert found is not None
        assert made_by(world) == [found.revision]
        assert await deploy(another) == found
    assert len(hub.wrote) == 1


async def test_a_write_whose_asker_is_gone_is_found(repository: GitHub, hub: Scripted, world: World) -> None:
    asker: list[asyncio.Task[Written]] = []
    hub.faults.meanwhile = [lambda: asker[0].cancel()]
    asker.append(asyncio.create_task(deploy(repository)))
    with pytest.raises(asyncio.CancelledError):
        await asker[0]
    async with asyncio.timeout(5):
        while not made_by(world):  # noqa: ASYNC110 - the server shares this loop
            await asyncio.sleep(0.001)
        found = await deploy(repository)
    assert [found.revision] == made_by(world)


async def test_nobody_answers_in_time(hub: Scripted, world: World) -> None:
    async with connected(hub, timeout=0.3) as hasty:
        hub.faults.meanwhile = [lambda: setattr(hub.faults, "slow", 60)]
        hub.faults.writes_unanswered = 1
        with pytest.raises(Unanswered):
            await deploy(hasty)
        assert len(hub.wrote) == 1


async def test_five_services_at_the_same_second_lose_nothing(repository: GitHub, hub: Scripted, world: World) -> None:
    await asyncio.gather(*(deploy(repository, service, operation=f"op-{service}") for service in SERVICES))
    assert tags(world) == dict.fromkeys(SERVICES, TAG)
    assert [len(made_by(world, f"op-{service}")) for service in SERVICES] == [1] * 5
    assert len(hub.wrote) == 5  # one writer at a time, so nobody lost a race


async def test_two_processes_race_and_lose_nothing(hub: Scripted, world: World) -> None:
    async def insist(github: GitHub, service: str) -> None:
        while True:
            try:
                await deploy(github, service, operation=f"op-{service}")
                return
            except Raced:
                pass

    async with connected(hub) as one, connected(hub) as other, asyncio.timeout(30):
        await asyncio.gather(*(insist(one if number % 2 else other, name) for number, name in enumerate(SERVICES)))
    assert tags(world) == dict.fromkeys(SERVICES, TAG)
    assert [len(made_by(world, f"op-{service}")) for service in SERVICES] == [1] * 5


async def test_two_processes_with_one_operation_make_one_commit(hub: Scripted, world: World) -> None:
    async with connected(hub) as one, connected(hub) as other:
        first, second = await asyncio.gather(deploy(one), deploy(other))
    assert first.revision == second.revision
    assert made_by(world) == [first.revision]


async def test_a_writer_waits_its_turn_for_a_bounded_time(repository: GitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.adapters.github._QUEUE", 0.01)  # the same limit, in test time
    async with repository.writing("main"):
        with pytest.raises(GithubError) as caught:
            await deploy(repository)
        assert caught.value.reason is Reason.BRANCH_BUSY
        async with repository.writing("develop"):
            pass
    assert (await deploy(repository)).changed
