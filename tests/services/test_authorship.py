"""Whoever merged or wrote what would be deployed does not consent to it, as far as GitHub tells who that is."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.catalog import Catalog
from bot.domain.events import RunReported, RunStatus
from bot.domain.operations import Operation
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, releases
from bot.services.authorship import COMMITS
from sandbox.git import Commit
from sandbox.github_shapes import Pull
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.outside import Outside
from tests.services.tagging import asked


@pytest.fixture
async def bot(outside: Outside, database_url: str, catalog: Catalog) -> AsyncIterator[Bot]:
    """A bot that knows who Minji and Sora are on GitHub."""
    known = {**catalog.logins, MINJI.id: "minji", SORA.id: "sora"}
    async with bot_in(outside, database_url, catalog=replace(catalog, logins=known)) as bot:
        yield bot


def merged(outside: Outside, commit: Commit, *, by: str | None, number: int = 7) -> None:
    outside.github.brought[commit.sha] = Pull(number=number, title="Fix seats", login="sora", merger=by)


def asked_of(outside: Outside) -> list[str]:
    """What GitHub was asked from here on, in short; the list is emptied."""
    requests = outside.github.requests
    found = [
        item.path.partition("/project-ticketing/")[2]
        + "".join(f" {key}={item.query[key]}" for key in sorted(item.query.keys() & {"path", "sha"}))
        for item in requests
    ]
    requests.clear()
    return found


async def barred(bot: Bot, operation: Operation) -> tuple[set[int], bool]:
    """Who may not consent, and whether there may be more of them."""
    approval = await bot.approval(operation.id)
    return set(approval.authors), approval.unsure


async def test_who_merged_the_pull_request_has_somebody_else_approve(bot: Bot, outside: Outside, world: World) -> None:
    merged(outside, world.release("prod", TICKETS, login="dependabot[bot]").source, by="Minji")
    waiting = await bot.propose(HYUNWOO)

    assert await barred(bot, waiting) == ({HYUNWOO.id, MINJI.id}, False)
    with pytest.raises(Refused) as refused:
        await bot.approve(waiting, actor=MINJI)
    assert refused.value.reason is Reason.OWN_REQUEST
    assert (await bot.approve(waiting, actor=SORA)) != waiting


async def test_who_wrote_the_tag_by_hand_and_who_merged_that_are_authors(
    bot: Bot, outside: Outside, world: World
) -> None:
    released = world.release("prod", TICKETS, login="hyunwoo")
    world.release("prod", "backend", login="hyunwoo")
    assert await barred(bot, await bot.propose(HYUNWOO)) == ({HYUNWOO.id}, False)  # The pipeline wrote it.

    back = world.commit_tag(TICKETS, "prod", tag="0000000-20260101-000000")
    again = world.commit_tag(TICKETS, "prod", tag=released.tag, login="Minji")
    merged(outside, again, by="sora")
    world.release("prod", "stats-service", login="hyunwoo")
    assert back.sha != again.sha
    await approvals.withdraw(bot.database, (await bot.operations())[0].id, actor=HYUNWOO, now=bot.clock())

    assert await barred(bot, await bot.propose(HYUNWOO)) == ({HYUNWOO.id, MINJI.id, SORA.id}, False)


async def test_who_changed_only_configuration_is_an_author(bot: Bot, world: World) -> None:
    before = world.overlay("prod")
    world.commit_overlay(
        "prod", replace(before, config={TICKETS: {"LOG_LEVEL": "debug"}}), message="tune", login="minji"
    )
    waiting = await bot.propose(HYUNWOO)

    assert await barred(bot, waiting) == ({HYUNWOO.id, MINJI.id}, False)


@pytest.mark.parametrize("silent", ["no merger", "no right", "long ago"])
async def test_what_github_does_not_tell_bars_nobody_and_is_said(
    bot: Bot, outside: Outside, world: World, silent: str
) -> None:
    source = world.release("prod", TICKETS, login="hyunwoo").source
    if silent != "long ago":
        merged(outside, source, by=None if silent == "no merger" else "minji")
    if silent == "no right":
        outside.github.faults.forbidden |= {"pulls"}
    for _ in range(10 if silent == "long ago" else 0):
        world.release("prod", "backend", login="hyunwoo")
    waiting = await bot.propose(HYUNWOO)

    assert await barred(bot, waiting) == ({HYUNWOO.id}, True)
    assert (await bot.approve(waiting, actor=MINJI)) != waiting


async def test_of_a_chosen_tag_the_merger_counts_and_nobody_has_written_it(
    bot: Bot, outside: Outside, world: World, earlier: str
) -> None:
    merged(outside, world.git.find(earlier[:7]), by="minji")

    assert await barred(bot, await bot.step(await asked(bot, earlier))) == ({HYUNWOO.id, MINJI.id}, False)


async def test_who_wrote_an_older_commit_of_the_image_and_who_merged_it_are_authors(
    bot: Bot, outside: Outside, world: World
) -> None:
    """The image is built from the newest of several commits; another service's commits are none of its own."""
    older = world.commit_source(TICKETS, branch="main", login="minji", subject="fix: prices")
    merged(outside, older, by="sora")
    world.commit_source("backend", branch="main", login="jiwon", subject="fix: seats")
    world.release("prod", TICKETS, login="hyunwoo")

    assert await barred(bot, await bot.propose(HYUNWOO)) == ({HYUNWOO.id, MINJI.id, SORA.id}, False)


@pytest.mark.parametrize("path", ["packages/common/money.js", f".github/workflows/{TICKETS}-ci-cd.yml"])
async def test_who_changed_what_is_shared_or_how_it_is_built_is_an_author(bot: Bot, world: World, path: str) -> None:
    at = world.timeline.after()
    world.git.commit("main", {path: "1"}, message="fix: cents", login="minji", at=at)
    world.git.commit("main", {"packages/other/money.js": "1"}, message="fix: elsewhere", login="sora", at=at)
    world.release("prod", TICKETS, login="hyunwoo")

    assert await barred(bot, await bot.propose(HYUNWOO)) == ({HYUNWOO.id, MINJI.id}, False)


async def test_of_what_is_promoted_who_started_the_run_elsewhere_is_an_author(
    bot: Bot, world: World, earlier: str
) -> None:
    revision, now = world.git.find(earlier[:7]).sha, bot.clock()
    run = RunReported(
        service=TICKETS,
        environment="staging",
        run_id=7,
        run_attempt=1,
        branch="develop",
        source_revision=revision,
        status=RunStatus.COMPLETED,
        conclusion="success",
        url="",
        title="fix",
        author="sora",
        actor="Minji",
        started_at=now,
        updated_at=now,
    )
    async with bot.database.transaction() as connection:
        await releases.record(connection, run, environment="staging", now=now)

    assert await barred(bot, await bot.step(await asked(bot, earlier))) == ({HYUNWOO.id, MINJI.id, SORA.id}, False)


async def test_who_is_named_as_co_author_of_a_commit_is_an_author(bot: Bot, world: World) -> None:
    named = "fix: prices\n\nCo-authored-by: M <22+Minji@users.noreply.github.com>"
    world.commit_source(TICKETS, branch="main", login="hyunwoo", subject=named)
    world.release("prod", TICKETS, login="hyunwoo")
    assert await barred(bot, await bot.propose(HYUNWOO)) == ({HYUNWOO.id, MINJI.id}, False)

    world.release("prod", "backend", subject="fix: rows\n\nCo-authored-by: S <sora@example.com>")
    assert await barred(bot, await bot.propose(HYUNWOO, service="backend")) == ({HYUNWOO.id}, True)


async def test_a_comparison_is_read_once_and_shown_and_judged(bot: Bot, outside: Outside, world: World) -> None:
    """Of a chosen tag people see the commits in between, and who wrote and merged those may not consent."""
    ran = world.deployment("prod", TICKETS).image.rpartition(":")[2]
    short = ran.partition("-")[0]
    older = world.commit_source(TICKETS, branch="main", login="minji", subject="fix: prices")
    world.commit_source("backend", branch="main", login="jiwon", subject="fix: seats")
    merged(outside, older, by="sora")
    released = world.release("prod", TICKETS, login="hyunwoo")
    head, file = released.source.sha, bot.catalog.environments["prod"].kustomization
    tip = world.commit_tag(TICKETS, "prod", tag=ran).sha
    asked_of(outside)

    waiting = await bot.step(await asked(bot, released.tag))

    assert waiting.between is not None
    assert (waiting.between.base, waiting.between.head) == (world.git.find(short).sha, head)
    assert waiting.between.lines[:2] == ("fix: seats by hyunwoo", "fix: prices by minji")
    assert await barred(bot, waiting) == ({HYUNWOO.id, MINJI.id, SORA.id}, False)
    asked_for = asked_of(outside)
    assert sorted(asked_for[4:7]) == [
        f"commits path=.github/workflows/{TICKETS}-ci-cd.yml sha={head}",
        f"commits path=packages/common sha={head}",
        f"commits path=services/{TICKETS} sha={head}",
    ]
    assert asked_for[:4] + asked_for[7:] == [
        f"contents/{file}",
        f"compare/{tip}...main",
        f"commits/{head[:7]}",
        f"compare/{short}...{head}",
        f"compare/{head}...main",
        f"commits/{head}/pulls",
        f"commits/{older.sha}/pulls",
        "pulls/7",
    ]


async def test_of_more_commits_than_are_asked_about_the_writers_count_and_it_is_said(
    bot: Bot, outside: Outside, world: World
) -> None:
    oldest = world.commit_source(TICKETS, branch="main", login="minji", subject="fix: prices")
    merged(outside, oldest, by="sora")
    for _ in range(COMMITS):
        world.commit_source(TICKETS, branch="main", login="hyunwoo", subject="fix: seats")
    world.release("prod", TICKETS, login="hyunwoo")

    assert await barred(bot, await bot.propose(HYUNWOO)) == ({HYUNWOO.id, MINJI.id}, True)
