"""A chosen tag by pull request: waited for, merged, closed, forgotten."""

from dataclasses import replace
from datetime import timedelta

from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.services import approvals, leftovers
from sandbox.world import World
from tests.services.house import HYUNWOO, Bot, bot_in
from tests.services.outside import Outside
from tests.services.rolling import chosen, seen
from tests.services.tagging import asked, by_pull_request


async def tidied(bot: Bot) -> list[tuple[str, bool]]:
    """After a round: the pull requests with whether they are to be merged by themselves."""
    github = bot.deployer.github
    await leftovers.close(bot.database, catalog=bot.catalog, github=github, now=bot.clock())
    return [(pull.state, bool(pull.auto_merge)) for pull in bot.outside.github.pulls.all.values()]


async def outcomes(bot: Bot) -> list[str]:
    """What the trail says of pull requests."""
    return [outcome for actor, _, outcome, _ in await bot.audit() if outcome.startswith("pull_")]


async def test_a_pull_request_is_waited_for_and_then_synced(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        tip = world.git.head("main")
        approved = await bot.approve(await bot.step(await asked(bot, earlier)))
        waiting = await bot.step(approved)
        assert (waiting.state, waiting.reason) == (OperationState.APPROVED, Reason.PULL_REQUEST_OPEN)
        assert (waiting.pull_request or "").endswith("/pull/1")
        assert world.git.head("main") == tip
        assert await bot.step(waiting) == waiting

        outside.github.pulls.merge(1)
        written = await bot.step(waiting)
        assert (written.written, written.reason) == (world.git.head("main").sha, None)
        done = await bot.followed(await bot.step(written))
        assert done.state is OperationState.SUCCEEDED


async def test_a_pull_request_that_is_closed_or_forgotten_is_the_end(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        bot.clock.advance(timedelta(days=1))
        late = await bot.step(waiting)
        assert (late.state, late.reason) == (OperationState.REFUSED, Reason.PULL_REQUEST_LATE)

        again = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        outside.github.pulls.close(2)
        closed = await bot.step(again)
        assert (closed.state, closed.reason) == (OperationState.REFUSED, Reason.PULL_REQUEST_CLOSED)


async def test_a_github_that_was_away_before_leaves_a_pull_request_its_day(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        approved = await bot.approve(await bot.step(await asked(bot, earlier)))
        outside.github.faults.failures = 99
        away = await bot.step(approved)
        assert away.reason is Reason.GITHUB_UNREACHABLE
        outside.github.faults.failures = 0
        waiting = await bot.step(away)
        assert waiting.reason is Reason.PULL_REQUEST_OPEN
        assert waiting.deadline is not None
        assert waiting.deadline - bot.clock() > timedelta(hours=23)


async def test_what_ended_without_its_pull_request_has_it_closed_once_by_whatever_life_of_the_bot(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    reviewed, pulls = by_pull_request(catalog), outside.github.pulls
    async with bot_in(outside, database_url, catalog=reviewed) as bot:
        waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        assert await tidied(bot) == [("open", True)]  # as long as it is waited for
        bot.clock.advance(timedelta(days=1))
        late = await bot.step(waiting)
        assert late.reason is Reason.PULL_REQUEST_LATE
        outside.github.faults.failures = 1
        assert await tidied(bot) == [("open", True)]
        outside.github.faults.writes_unanswered = 1
        assert await tidied(bot) == [("closed", False)]
        assert not (await bot.operation(late.id)).pull_closed  # nobody has seen it yet
    async with bot_in(outside, database_url, catalog=reviewed) as other:
        text = f"Closed by the bot: what asked for it ended as refused. {SENTENCES[Reason.PULL_REQUEST_LATE]}"
        for _ in range(2):
            assert await tidied(other) == [("closed", False)]
            assert pulls.all[1].body == text
        assert (await other.operation(late.id)) == replace(late, pull_closed=True)
        assert await outcomes(other) == ["pull_closed"]


async def test_a_rollback_in_its_place_closes_it(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        older, _ = await bot.deployed(), await bot.deployed()
        await seen(bot)
        waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        rollback = await chosen(bot, older)
        gone = await bot.operation(waiting.id)
        assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.ROLLBACK_INSTEAD)
        assert await tidied(bot) == [("closed", False)]
        assert (await bot.operation(rollback.id)).state is OperationState.REQUESTED


async def test_none_yet_may_still_appear_for_a_while(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        older, _ = await bot.deployed(), await bot.deployed()
        await seen(bot)
        approved = await bot.approve(await bot.step(await asked(bot, earlier)))
        await chosen(bot, older)
        bot.clock.advance(leftovers.SETTLED - timedelta(seconds=1))
        assert await tidied(bot) == []
        # A worker of another life had read the row before.
        await bot.deployer.manifests.write(approved, environment=bot.catalog.environments["prod"], approved_by=())
        assert await tidied(bot) == [("closed", False)]
        assert (await bot.operation(approved.id)).pull_closed


async def test_where_none_appears_nobody_asks_for_ever(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    for reviewed, wait in ((by_pull_request(catalog), leftovers.SETTLED), (catalog, timedelta(0))):
        async with bot_in(outside, database_url, catalog=reviewed) as bot:
            older, _ = await bot.deployed(), await bot.deployed()
            await seen(bot)
            approved = await bot.approve(await bot.step(await asked(bot, earlier)))
            rollback = await bot.step(await chosen(bot, older))
            bot.clock.advance(wait)
            assert await tidied(bot) == []
            assert (await bot.operation(approved.id)).pull_closed
            outside.github.faults.failures = 1
            await tidied(bot)
            assert outside.github.faults.failures == 1  # it was not asked
            outside.github.faults.failures = 0
            await approvals.withdraw(bot.database, rollback.id, actor=HYUNWOO, now=bot.clock())


async def test_what_was_merged_or_is_somebody_elses_stays_as_it_is(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        for number in (1, 2):
            waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
            bot.clock.advance(timedelta(days=1))
            late = await bot.step(waiting)
            assert late.reason is Reason.PULL_REQUEST_LATE
            if number == 1:
                world.commit_source("backend", branch=f"chatops/{late.id}", login="minji", subject="x")
            else:
                outside.github.pulls.merge(2)
            await tidied(bot)
        assert [(pull.state, bool(pull.body)) for pull in outside.github.pulls.all.values()] == [
            ("open", False),
            ("closed", False),
        ]
        assert await outcomes(bot) == ["pull_left_open", "pull_merged"]
        assert [one.pull_closed for one in await bot.operations()] == [True, True]
