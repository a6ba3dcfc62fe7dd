"""A stop or a lock while a tag is on its way into Git: it is named as under way or held; no pull request merges."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services import leftovers
from bot.services.steps import PATIENCE
from sandbox.world import World
from tests.services.house import SORA, TICKETS, Bot, bot_in
from tests.services.locking import locked
from tests.services.outside import Interrupted, Outside, configure
from tests.services.stopping import ALARM, resumed, stopped
from tests.services.tagging import asked, by_pull_request

pytestmark = pytest.mark.storage
_HELD = f"sora stopped everything: {ALARM}"


async def moved_on(bot: Bot, environment: str) -> Operation:
    """A deploy of the tag before the newest one, approved where that is needed."""
    world = bot.outside.world
    tag = world.overlay(environment).tags[TICKETS]
    world.release(environment, TICKETS, login="sora")
    await world.settle()
    if environment == "prod":
        world.operate("prod")
        await world.settle()
    operation = await bot.step(await asked(bot, tag, environment=environment))
    return await bot.approve(operation) if environment == "prod" else operation


async def proposed(bot: Bot, tag: str) -> Operation:
    """A deploy of the tag whose pull request waits to be merged."""
    waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, tag))))
    assert (waiting.reason, waiting.under_way) == (Reason.PULL_REQUEST_OPEN, True)
    return waiting


def merging(outside: Outside) -> list[tuple[str, bool]]:
    """The pull requests, and whether each is to be merged by itself."""
    return [(pull.state, bool(pull.auto_merge)) for pull in outside.github.pulls.all.values()]


@pytest.mark.parametrize("obstacle", ["stop", "lock"])
@pytest.mark.parametrize("environment", ["staging", "prod"])
async def test_what_comes_while_github_is_called_names_the_write(
    bot: Bot, argocd: Interrupted, database_url: str, catalog: Catalog, obstacle: str, environment: str
) -> None:
    approved, outside = await moved_on(bot, environment), bot.outside
    branch = bot.catalog.environments[environment].branch
    tip = outside.world.git.head(branch)
    named: list[str] = []

    async with bot_in(outside, database_url, catalog=catalog) as other:

        async def interfere() -> None:
            assert outside.world.git.head(branch) is tip
            late: Sequence[Operation]
            late = (await (stopped(other) if obstacle == "stop" else locked(other, environment=environment))).under_way
            named.extend(one.id for one in late)

        outside.github.faults.meanwhile = [interfere]
        written = await bot.step(approved)
    assert named == [approved.id]
    assert outside.world.git.head(branch).parents == (tip.sha,)
    assert (written.written, written.writing) == (outside.world.git.head(branch).sha, False)
    if environment == "staging":
        assert (await bot.followed(written)).state is OperationState.SUCCEEDED
        return
    after = await bot.step(written)
    assert argocd.received("POST") == []
    state, reason = (after.state, after.reason)
    held = (OperationState.APPROVED, Reason.STOPPED)
    assert (state, reason) == (held if obstacle == "stop" else (OperationState.REFUSED, Reason.LOCKED))


async def test_a_write_that_nobody_answered_for_is_named_and_looked_for(
    bot: Bot, outside: Outside, world: World
) -> None:
    approved, tip = await moved_on(bot, "prod"), world.git.head("main")
    faults = outside.github.faults
    faults.writes_unanswered = 1
    faults.meanwhile = [lambda: setattr(faults, "failures", 99)]
    unknown = await bot.step(approved)
    assert (unknown.state, unknown.reason, unknown.writing) == (OperationState.APPROVED, Reason.COMMIT_UNKNOWN, True)
    assert [one.id for one in (await stopped(bot)).under_way] == [unknown.id]
    held = await bot.step(unknown)
    assert (held.reason, held.detail, held.writing, held.deadline) == (Reason.STOPPED, _HELD, True, None)

    faults.failures = 0
    found = await bot.step(held)
    assert (found.written, found.writing) == (world.git.head("main").sha, False)
    assert world.git.head("main").parents == (tip.sha,)
    waits = await bot.step(found)
    assert (waits.state, waits.reason) == (OperationState.APPROVED, Reason.STOPPED)
    await resumed(bot)
    assert (await bot.followed(await bot.step(waits))).state is OperationState.SUCCEEDED


async def test_a_write_that_nobody_can_look_for_fails_in_the_end(bot: Bot, outside: Outside) -> None:
    approved, faults = await moved_on(bot, "prod"), outside.github.faults
    faults.writes_unanswered = 1
    faults.meanwhile = [lambda: setattr(faults, "failures", 99)]
    unknown = await bot.step(approved)
    bot.clock.advance(PATIENCE)
    ended = await bot.step(unknown)
    assert (ended.state, ended.reason) == (OperationState.FAILED, Reason.COMMIT_UNKNOWN)


async def test_a_pull_request_does_not_merge_by_itself_while_everything_is_stopped(
    outside: Outside, database_url: str, catalog: Catalog, earlier: str, argocd: Interrupted
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        waiting = await proposed(bot, earlier)
        assert merging(outside) == [("open", True)]
        assert [one.id for one in (await stopped(bot)).under_way] == [waiting.id]

        held = await bot.step(waiting)
        assert (held.state, held.reason, held.detail) == (OperationState.APPROVED, Reason.STOPPED, _HELD)
        assert merging(outside) == [("open", False)]
        asked_for = len(outside.github.requests)
        bot.clock.advance(timedelta(days=3))
        assert await bot.step(held) == held
        assert {request.method for request in outside.github.requests[asked_for:]} == {"GET"}

        await resumed(bot)
        again = await bot.step(held)
        assert (again.reason, again.detail) == (Reason.PULL_REQUEST_OPEN, "")
        assert merging(outside) == [("open", True)]
        outside.github.pulls.merge(1)
        assert (await bot.followed(await bot.step(await bot.step(again)))).state is OperationState.SUCCEEDED
    assert len(argocd.received("POST")) == 1


async def test_what_a_person_merges_while_everything_is_stopped_is_seen_and_not_synced(
    outside: Outside, database_url: str, catalog: Catalog, earlier: str, world: World, argocd: Interrupted
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        waiting = await proposed(bot, earlier)
        await stopped(bot)
        held = await bot.step(waiting)
        outside.github.pulls.merge(1)
        written = await bot.step(held)
        assert (written.state, written.written) == (OperationState.APPROVED, world.git.head("main").sha)
        waits = await bot.step(written)
        assert (waits.state, waits.reason) == (OperationState.APPROVED, Reason.STOPPED)
        assert argocd.received("POST") == []


async def test_a_pull_request_that_cannot_be_held_is_said_to_be_loose(
    outside: Outside, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        waiting = await proposed(bot, earlier)
        await stopped(bot)
        outside.github.faults.writes_lost = 1
        held = await bot.step(waiting)
        assert held.detail == f"{_HELD} GitHub may still merge its pull request."
        assert merging(outside) == [("open", True)]
        assert (await bot.step(held)).detail == _HELD
        assert merging(outside) == [("open", False)]


async def test_after_the_stop_a_pull_request_with_other_content_is_closed_and_asked_again(
    outside: Outside, database_url: str, catalog: Catalog, earlier: str, world: World
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        waiting = await proposed(bot, earlier)
        await stopped(bot)
        held = await bot.step(waiting)
        configure(world)
        await resumed(bot)
        gone = await bot.step(held)
        assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
        await leftovers.close(bot.database, catalog=bot.catalog, github=bot.deployer.github, now=bot.clock())
        assert merging(outside) == [("closed", False)]


async def test_a_lock_ends_what_waits_for_its_pull_request(
    outside: Outside, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        waiting = await proposed(bot, earlier)
        assert [one.id for one in (await locked(bot, SORA)).under_way] == [waiting.id]
        ended = await bot.step(waiting)
        assert (ended.state, ended.reason) == (OperationState.REFUSED, Reason.LOCKED)
        assert merging(outside) == [("open", False)]
        await leftovers.close(bot.database, catalog=bot.catalog, github=bot.deployer.github, now=bot.clock())
        assert merging(outside) == [("closed", False)]
