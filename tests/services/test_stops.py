"""What a stop holds beside deploys, what it lets pass, and how it comes, is remembered and goes."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.cards.base import Card, Colour
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import SENTENCES, Reason
from bot.services import approvals, stops, tending
from bot.services.views import Gallery
from bot.storage import schema
from sandbox.world import World
from tests.services import rerunning
from tests.services import test_interventions as interventions
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.locking import refusal
from tests.services.outside import Interrupted, Outside
from tests.services.pipelines import failed
from tests.services.stopping import ALARM, FINE, resumed, stopped

DAY = timedelta(days=1)


@pytest.fixture
def gallery(bot: Bot) -> Gallery:
    return Gallery(database=bot.database, catalog=bot.catalog, guild_id=1, releases_channel=30, alerts_channel=31)


async def tend(bot: Bot) -> None:
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())


async def shown(gallery: Gallery, bot: Bot, key: str) -> tuple[int, Card]:
    found = await gallery.card(key, now=bot.clock())
    assert found is not None
    return found


async def stale(bot: Bot) -> set[str]:
    return {row["key"] for row in await bot.table("cards") if row["stale_since"]}


@pytest.mark.parametrize("kind", OperationKind)
async def test_only_what_ends_something_can_be_asked_for(bot: Bot, kind: OperationKind) -> None:
    service = None if kind in (OperationKind.TERMINATE, OperationKind.REFRESH) else TICKETS
    stop = (await stopped(bot)).stop
    told = await refusal(interventions.asked(bot, kind, service=service))

    if kind is OperationKind.TERMINATE:
        assert (told, len(await bot.operations())) == (None, 1)
        return
    assert told is not None
    since = int(stop.since.timestamp())
    assert told.sentence == (
        f"{SENTENCES[Reason.STOPPED]}\n🛑 **Everything is stopped** by sora <t:{since}:R>: {ALARM}\n"
        "↳ `/resume` lets everything go on. `/terminate` stops a sync meanwhile."
    )
    assert await bot.operations() == []
    await resumed(bot)
    assert await refusal(interventions.asked(bot, kind, service=service)) is None


async def test_a_restart_and_a_refresh_that_were_asked_for_wait(bot: Bot, world: World, argocd: Interrupted) -> None:
    restart = await interventions.asked(bot, OperationKind.RESTART, service=TICKETS)
    refresh = await interventions.asked(bot, OperationKind.REFRESH, hard=True)
    steps = bot.worker()._steps
    await stopped(bot)
    for _ in range(3):
        bot.clock.advance(DAY)
        for one in (restart, refresh):
            await steps[one.kind](one)
    held = await bot.operation(restart.id)
    assert (held.state, held.reason, held.deadline) == (OperationState.REQUESTED, Reason.STOPPED, None)
    assert await bot.operation(refresh.id) == refresh
    assert argocd.received("POST") == []

    assert (await resumed(bot)).waiting == 2
    for one in (held, refresh):
        await steps[one.kind](one)
    assert (await bot.operation(restart.id)).state is OperationState.RUNNING
    assert (await bot.operation(refresh.id)).state is OperationState.SUCCEEDED


async def test_a_refresh_that_goes_out_at_that_moment_is_named(bot: Bot, world: World, argocd: Interrupted) -> None:
    refresh = await interventions.asked(bot, OperationKind.REFRESH, hard=True)
    named: list[str] = []

    async def stop(_path: str) -> None:
        argocd.on_get = None
        named.extend(one.id for one in (await stopped(bot)).under_way)

    argocd.on_get = stop
    await bot.worker()._steps[OperationKind.REFRESH](refresh)
    assert named == [refresh.id]
    assert (await bot.operation(refresh.id)).state is OperationState.SUCCEEDED


async def test_a_re_run_waits(bot: Bot, world: World, outside: Outside) -> None:
    await failed(bot, world)
    asked = await rerunning.asked(bot, await rerunning.chosen(bot))
    await stopped(bot)
    held = await rerunning.step(bot, asked)
    assert (held.state, held.reason, rerunning.orders(outside)) == (OperationState.REQUESTED, Reason.STOPPED, [])
    await resumed(bot)
    assert (await rerunning.step(bot, held)).state is OperationState.RUNNING
    assert rerunning.orders(outside) == ["rerun-failed-jobs"]


async def test_what_runs_is_followed_to_its_end_and_can_be_stopped(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    running = await bot.running()
    assert [one.id for one in (await stopped(bot)).under_way] == [running.id]
    ends = await interventions.asked(bot, OperationKind.TERMINATE)
    done = await bot.followed(running)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    await bot.terminator.step(ends)
    over = await bot.operation(ends.id)
    assert (over.state, over.reason) == (OperationState.REFUSED, Reason.NOTHING_RUNNING)


async def test_a_deploy_that_was_asked_for_is_prepared_after_the_stop(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    asked = await bot.request()
    await stopped(bot)
    held = await bot.step(asked)
    assert (held.state, held.reason) == (OperationState.REQUESTED, Reason.STOPPED)
    await resumed(bot)
    waiting = await bot.step(held)
    assert (waiting.state, waiting.reason, waiting.detail) == (OperationState.WAITING, None, "")


async def waiting(bot: Bot, world: World) -> Operation:
    world.release("prod", TICKETS, login="hyunwoo")
    return await bot.propose(SORA)


async def test_a_request_waits_with_its_time_standing_still(
    bot: Bot, world: World, gallery: Gallery, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    operation = await waiting(bot, world)
    lifetime = catalog.environments["prod"].approval_lifetime
    bot.clock.advance(lifetime - timedelta(minutes=5))
    await stopped(bot)
    key = f"release:{operation.release_id}"
    assert {key, f"request:{operation.id}"} <= await stale(bot)
    for _ in range(3):
        bot.clock.advance(timedelta(minutes=4))
        await tend(bot)
        bot.clock.advance(DAY)  # with nobody there to look after it
        async with bot_in(outside, database_url, catalog=catalog) as other:
            await tend(other)
        told = await refusal(approvals.grant(bot.database, operation.id, actor=MINJI, now=bot.clock()))
        assert (told and told.reason) is Reason.STOPPED
        card = (await shown(gallery, bot, key))[1]
        assert card.title == f"{TICKETS} → prod · stopped, waiting for approval"
        assert f": {ALARM}" in card.description
        assert [(one.label, one.disabled) for one in card.buttons[:2]] == [("Approve", True), ("Reject", False)]
    assert await bot.operation(operation.id) == operation

    assert (await resumed(bot)).waiting == 1
    assert (await bot.approval(operation.id)).expires_at >= bot.clock() + lifetime - timedelta(seconds=1)
    assert (await shown(gallery, bot, key))[1].title.endswith("· waiting for approval")
    bot.clock.advance(lifetime - timedelta(minutes=2))
    await tend(bot)
    assert (await bot.approve(operation)).state is OperationState.APPROVED


async def test_a_request_can_be_rejected_and_withdrawn_meanwhile(bot: Bot, world: World) -> None:
    operation = await waiting(bot, world)
    await stopped(bot)
    await approvals.reject(bot.database, operation.id, actor=MINJI, why="no", now=bot.clock())
    assert (await bot.operation(operation.id)).state is OperationState.REJECTED
    await resumed(bot)
    bot.clock.advance(DAY)
    again = await bot.propose(SORA)
    await stopped(bot)
    await approvals.withdraw(bot.database, again.id, actor=SORA, now=bot.clock())
    assert (await bot.operation(again.id)).state is OperationState.WITHDRAWN


@pytest.mark.storage
async def test_of_many_at_once_one_stops_and_one_resumes(bot: Bot) -> None:
    crowd = [Actor(id=1000 + number, name=f"p{number}", guild_id=1, role_ids=frozenset()) for number in range(10)]
    told = await asyncio.gather(*(refusal(stopped(bot, actor)) for actor in crowd))
    assert [one.reason for one in told if one] == [Reason.STOPPED_ALREADY] * 9
    winner = crowd[told.index(None)]
    stop = await stops.standing(bot.database)
    assert stop is not None
    assert (stop.owner_name, [one.detail != "" for one in told if one]) == (winner.name, [True] * 9)

    gone = await asyncio.gather(*(refusal(resumed(bot, actor)) for actor in crowd))
    assert [one.reason for one in gone if one] == [Reason.NOT_STOPPED] * 9
    assert await stops.standing(bot.database) is None
    assert [row[:3] for row in await bot.audit()] == [
        (f"discord:{winner.id}", "stop", "stopped"),
        (f"discord:{crowd[gone.index(None)].id}", "resume", "resumed"),
    ]
    assert [row["detail"] for row in await bot.table("audit")] == [ALARM, f"{winner.name}: {ALARM} | {FINE}"]


@pytest.mark.parametrize("blank", ["", " \n", "\u200b"])
async def test_either_needs_a_reason(bot: Bot, blank: str) -> None:
    told = await refusal(stopped(bot, reason=blank))
    assert (told and told.reason, await stops.standing(bot.database)) == (Reason.NO_REASON, None)
    await stopped(bot)
    told = await refusal(resumed(bot, reason=blank))
    assert (told and told.reason, await stops.standing(bot.database) is None) == (Reason.NO_REASON, False)


@pytest.mark.storage
async def test_both_channels_are_told_and_reminded(
    bot: Bot, gallery: Gallery, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    stop = (await stopped(bot)).stop
    first = {f"stop:releases:{stop.id}:0", f"stop:alerts:{stop.id}:0"}
    assert await stale(bot) == first
    for key, channel in zip(sorted(first), (31, 30), strict=True):
        place, card = await shown(gallery, bot, key)
        assert (place, card.title, card.colour) == (channel, "🛑 Everything is stopped by sora", Colour.BAD)
    async with bot_in(outside, database_url, catalog=catalog) as other:
        for minutes, nags in ((29, 0), (1, 1), (89, 1), (4 * 24 * 60, 5)):
            bot.clock.advance(timedelta(minutes=minutes))
            await asyncio.gather(*(tend(one) for one in (bot, other) * 3))
            found = await stops.standing(bot.database)
            assert found is not None
            assert found.nags == nags
    newest = f"stop:alerts:{stop.id}:5"
    assert await stale(bot) == {f"stop:{name}:{stop.id}:{nags}" for name in stops.CHANNELS for nags in (0, 1, 5)}
    assert await gallery.card(f"stop:alerts:{stop.id}:1", now=bot.clock()) is None
    assert (await shown(gallery, bot, newest))[1].title == "🛑 Everything is still stopped by sora"
    await resumed(bot)
    assert (await shown(gallery, bot, newest))[1].title == "▶️ Everything goes on · resumed by minji"
    assert [row[2] for row in await bot.audit()] == ["stopped", "reminded", "reminded", "resumed"]
    await tend(bot)
    assert len(await stale(bot)) == 6


async def test_a_stop_that_cannot_be_read_holds_and_can_be_ended(bot: Bot, world: World, gallery: Gallery) -> None:
    operation = await waiting(bot, world)
    stop = (await stopped(bot)).stop
    async with bot.database.transaction() as connection:
        await connection.execute(update(schema.stops).values(document='{"reason": 1}'))

    told = await refusal(bot.request(HYUNWOO, service="backend"))
    assert told is not None
    assert told.reason is Reason.STOPPED
    assert "by somebody" in told.detail
    assert "cannot be read" in told.detail
    assert "stopped" in (await shown(gallery, bot, f"release:{operation.release_id}"))[1].title
    assert "somebody" in (await shown(gallery, bot, f"stop:releases:{stop.id}:0"))[1].title
    await resumed(bot)
    assert (await bot.approve(operation)).state is OperationState.APPROVED
