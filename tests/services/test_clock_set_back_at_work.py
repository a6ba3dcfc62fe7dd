"""The clock is set back by an hour or a day while the bot is at work: nothing stands still for so long, and no order is
given twice.
"""

from datetime import timedelta

import pytest

from bot.domain import releases
from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.domain.releases import ReleaseState
from bot.services import operations
from bot.storage import cards
from bot.storage import operations as rows
from sandbox.deployments import Breakage
from sandbox.world import World
from tests.services.house import HYUNWOO, TICKETS, Bot
from tests.services.locking import refusal
from tests.services.looks import look, noticed
from tests.services.outside import Interrupted
from tests.services.pipelines import failed
from tests.services.refreshing import refreshes
from tests.services.rerunning import asked as rerun
from tests.services.rerunning import chosen, orders
from tests.services.rerunning import step as rerun_step
from tests.services.test_interventions import asked, step
from tests.services.waiting import eventually, working

pytestmark = pytest.mark.storage
CLAIM = timedelta(seconds=20)


@pytest.fixture(params=[timedelta(hours=1), timedelta(days=1)], ids=["an hour", "a day"])
def back(request: pytest.FixtureRequest) -> timedelta:
    """By how much the clock is set back."""
    found: timedelta = request.param
    return found


@pytest.mark.parametrize("worker", ["dead", None], ids=["claimed", "put down"])
async def test_what_a_worker_had_is_taken_up_again(bot: Bot, back: timedelta, worker: str | None) -> None:
    (asked,) = await refreshes(bot, 1)
    until = bot.clock() + CLAIM
    async with bot.database.transaction() as connection:
        await rows.claim(connection, [asked.id], worker="dead", until=until)
        if worker is None:
            await rows.put_down(connection, asked.id, worker="dead", until=until)

    async def free() -> list[str]:
        async with bot.database.transaction() as connection:
            return [one.id for one in await rows.free(connection, now=bot.clock(), limit=9)]

    bot.clock.advance(-timedelta(minutes=4))  # as much as the clocks of two replicas may differ
    assert await free() == []
    bot.clock.advance(-back)
    assert await free() == [asked.id]
    async with working(bot.worker().run()):
        assert (await bot.ended(asked.id)).state is OperationState.SUCCEEDED


async def test_a_card_that_was_put_off_is_looked_at_again(bot: Bot, back: timedelta) -> None:
    async def due() -> list[str]:
        return [card.key for card in await cards.due(bot.database, now=bot.clock(), limit=9)]

    async with bot.database.transaction() as connection:
        await cards.mark_stale(connection, "release:1", now=bot.clock())
    until = bot.clock() + timedelta(minutes=5)
    await cards.postpone(bot.database, "release:1", until=until, nothing_posted=True)
    before = await due()
    bot.clock.advance(-back)

    assert (before, await due()) == ([], ["release:1"])


async def test_an_environment_is_read_again_and_no_more_often_than_before(
    bot: Bot, world: World, argocd: Interrupted, back: timedelta
) -> None:
    released = world.release("prod", TICKETS)
    async with working(bot.observer.run()):
        await noticed(bot, world.application("prod").revision)
        world.tick()
        bot.clock.advance(-back)
        await noticed(bot, released.manifest.sha)
        await bot.hint()
        bot.clock.advance(-back)
        await eventually(lambda: _answered(bot, "prod"))
        looks = len(argocd.requests)
        await bot.hint("staging")
        await eventually(lambda: _answered(bot, "staging"))
    assert [one.path for one in argocd.requests[looks:] if "tiketi-prod" in one.path] == []


async def _answered(bot: Bot, environment: str) -> bool:
    return (await bot.known(environment)).hinted_at is None


async def test_what_goes_wrong_afterwards_is_told_and_its_end_too(bot: Bot, world: World, back: timedelta) -> None:
    broken = world.release("prod", TICKETS)
    await bot.committed(broken)
    await look(bot)
    bot.clock.advance(-back)
    world.breakages[broken.tag] = Breakage()
    world.tick()
    world.operate("prod")
    await world.settle()
    await look(bot)
    [alert] = [one for one in await bot.incidents() if one.subject == "health:prod" and one.episode]
    [release] = await bot.releases()
    state = releases.state(release)
    bot.clock.advance(-back)
    world.breakages.clear()
    await world.settle()
    await look(bot)
    [recovered] = [one for one in await bot.incidents() if one.subject == "health:prod" and one.episode]

    assert (alert.title, alert.recovered_at, state) == ("Application Degraded", None, ReleaseState.DEGRADED)
    assert (recovered.episode, recovered.recovery) == (alert.episode, "Application Healthy")
    assert releases.state((await bot.releases())[0]) is ReleaseState.DEPLOYED


async def test_a_hard_refresh_may_be_asked_for_again(bot: Bot, back: timedelta) -> None:
    async def hard() -> Reason | None:
        refused = await refusal(
            operations.request(
                bot.database,
                kind=OperationKind.REFRESH,
                environment="prod",
                service=None,
                actor=HYUNWOO,
                catalog=bot.catalog,
                now=bot.clock(),
                hard=True,
            )
        )
        return refused.reason if refused else None

    before = [await hard(), await hard()]
    bot.clock.advance(-back)
    assert (before, await hard()) == ([None, Reason.HARD_REFRESH_LIMITED], None)


async def test_a_deploy_under_way_is_followed_to_its_end(bot: Bot, world: World, back: timedelta) -> None:
    world.release("prod", TICKETS)
    running = await bot.running()
    await world.settle()
    bot.clock.advance(-back)
    done = await bot.step(running)

    assert (done.state, len(bot.outside.argocd.received("POST"))) == (OperationState.SUCCEEDED, 1)


@pytest.mark.parametrize("arrived", [True, False])
async def test_an_order_of_which_nobody_knows_is_looked_for_and_not_sent_again(
    bot: Bot, world: World, argocd: Interrupted, back: timedelta, arrived: bool
) -> None:
    world.release("prod", TICKETS)
    approved = await bot.approved()
    argocd.faults.sync_cut, argocd.faults.sync_lost = arrived, not arrived
    uncertain = await bot.step(approved)
    bot.clock.advance(-back)
    after = await bot.step(uncertain)

    found = (OperationState.RUNNING, None) if arrived else (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)
    assert (uncertain.state, len(argocd.received("POST"))) == (OperationState.DISPATCHING, 1)
    assert (after.state, after.reason) == found


async def test_a_restart_is_followed_to_its_end(bot: Bot, world: World, back: timedelta) -> None:
    running = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    bot.clock.advance(-back)
    early = await step(bot, running)
    await world.settle()
    done = await step(bot, early)

    assert (early.state, done.state, done.reason) == (OperationState.RUNNING, OperationState.SUCCEEDED, None)


async def test_a_restart_of_which_nobody_knows_ends(bot: Bot, argocd: Interrupted, back: timedelta) -> None:
    argocd.faults.action_lost = True
    uncertain = await step(bot, await asked(bot, OperationKind.RESTART, service=TICKETS))
    bot.clock.advance(-back)
    ended = await step(bot, uncertain)

    assert (uncertain.state, ended.state) == (OperationState.DISPATCHING, OperationState.FAILED)
    assert (ended.reason, len(argocd.received("POST"))) == (Reason.OUTCOME_UNKNOWN, 1)


async def test_a_rerun_of_which_nobody_knows_ends(bot: Bot, world: World, back: timedelta) -> None:
    await failed(bot, world)
    bot.outside.github.faults.rerun_lost = True
    uncertain = await rerun_step(bot, await rerun(bot, await chosen(bot)))
    bot.clock.advance(-back)
    ended = await rerun_step(bot, uncertain)

    assert (uncertain.state, ended.state) == (OperationState.DISPATCHING, OperationState.FAILED)
    assert (ended.reason, len(orders(bot.outside))) == (Reason.RERUN_UNKNOWN, 1)
