"""What a deploy lock stops: the request, the press, the commit and the sync; and what it leaves alone."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards.base import Card
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import SENTENCES, Reason
from bot.services import approvals, obstacles, operations
from bot.services.views import Gallery
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot
from tests.services.locking import HOUR, WHY, locked, refusal, unlocked
from tests.services.outside import Interrupted
from tests.services.tagging import asked

ROLE = 400


@pytest.fixture
def gallery(bot: Bot, catalog: Catalog) -> Gallery:
    """The cards of a guild where somebody is called for prod."""
    prod = replace(catalog.environments["prod"], mention=ROLE)
    known = replace(catalog, environments={**catalog.environments, "prod": prod})
    return Gallery(database=bot.database, catalog=known, guild_id=1, releases_channel=30, alerts_channel=31)


async def request(bot: Bot, kind: OperationKind, *, service: str | None) -> Operation:
    return await operations.request(
        bot.database,
        kind=kind,
        environment="prod",
        service=service,
        actor=HYUNWOO,
        catalog=bot.catalog,
        now=bot.clock(),
    )


async def card(gallery: Gallery, bot: Bot, key: str) -> Card:
    found = await gallery.card(key, now=bot.clock())
    assert found is not None
    return found[1]


@pytest.mark.parametrize(
    ("held", "service", "stopped"),
    [
        (None, TICKETS, True),
        (None, None, True),
        (TICKETS, TICKETS, True),
        (TICKETS, None, True),
        ("backend", TICKETS, False),
    ],
)
async def test_a_deploy_is_refused_where_it_is_locked(
    bot: Bot, held: str | None, service: str | None, stopped: bool
) -> None:
    await locked(bot, service=held)
    told = await refusal(request(bot, OperationKind.DEPLOY, service=service))

    assert (told and told.reason) == (Reason.LOCKED if stopped else None)
    assert len(await bot.operations()) == (0 if stopped else 1)


async def test_the_refusal_says_who_why_since_when_until_when_and_what_to_do(bot: Bot) -> None:
    lock = (await locked(bot, service=TICKETS, reason="a **bold** @everyone", period=HOUR)).lock
    told = await refusal(bot.request())

    assert told is not None
    assert lock.until is not None
    since, until = int(lock.since.timestamp()), int(lock.until.timestamp())
    assert told.sentence == (
        f"{SENTENCES[Reason.LOCKED]}\n🔒 **ticket-service → prod** locked by sora <t:{since}:R>, ends <t:{until}:R>: "
        "a \\*\\*bold\\*\\* \\@everyone\n"
        "↳ `/unlock environment:prod service:ticket-service reason:` removes it, "
        f"`/lock environment:prod service:ticket-service take_over:{lock.short_id} reason:` makes it yours."
    )


async def test_a_tag_is_refused_and_what_is_no_deploy_is_not(bot: Bot, earlier: str) -> None:
    await locked(bot)
    await locked(bot, environment="staging")

    for environment in ("prod", "staging"):
        told = await refusal(asked(bot, earlier, environment=environment))
        assert (told and told.reason) is Reason.LOCKED
    for kind in (OperationKind.RESTART, OperationKind.REFRESH, OperationKind.TERMINATE):
        await request(bot, kind, service=TICKETS if kind is OperationKind.RESTART else None)
    assert len(await bot.operations()) == 3


@pytest.mark.parametrize("rollbacks", [False, True])
async def test_a_rollback_is_refused_only_when_the_lock_says_so(bot: Bot, rollbacks: bool) -> None:
    operation = await bot.request()
    lock = (await locked(bot, blocks_rollbacks=rollbacks)).lock
    async with bot.database.reading() as connection:
        for kind, stopped in ((OperationKind.DEPLOY, True), (OperationKind.ROLLBACK, rollbacks)):
            told = await obstacles.in_the_way(connection, replace(operation, kind=kind), now=bot.clock())
            assert told == (lock if stopped else None)
        other = replace(operation, kind=OperationKind.ROLLBACK, service="backend")
        assert await obstacles.in_the_way(connection, other, now=bot.clock()) == (lock if rollbacks else None)


@pytest.mark.parametrize("way", Way)
async def test_argo_cds_own_rollback_is_about_every_service(bot: Bot, way: Way) -> None:
    operation = replace(await bot.request(), kind=OperationKind.ROLLBACK, rollback=Rollback(way=way, why="500s"))
    lock = (await locked(bot, service="backend", blocks_rollbacks=True)).lock
    async with bot.database.reading() as connection:
        told = await obstacles.in_the_way(connection, operation, now=bot.clock())
    assert told == (lock if way is Way.HISTORY else None)


async def test_a_press_is_refused_while_it_is_locked(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    await locked(bot)
    told = await refusal(approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock()))

    assert told is not None
    assert (told.reason, WHY in told.detail) == (Reason.LOCKED, True)
    assert ((await bot.approval(waiting.id)).votes, await bot.operation(waiting.id)) == ((), waiting)
    await unlocked(bot)
    assert (await bot.approve(waiting)).state is OperationState.APPROVED


async def test_a_request_can_be_rejected_while_it_is_locked(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    await locked(bot)
    await approvals.reject(bot.database, waiting.id, actor=MINJI, why="not now", now=bot.clock())

    assert (await bot.operation(waiting.id)).state is OperationState.REJECTED


Change = Callable[[Bot], Awaitable[object]]


async def lock_it(bot: Bot) -> None:
    await locked(bot, service=TICKETS, period=HOUR)


async def lock_another(bot: Bot) -> None:
    await locked(bot, service="backend")


async def lock_it_until_now(bot: Bot) -> None:
    await locked(bot, period=HOUR)
    bot.clock.advance(HOUR)


async def lock_and_unlock_it(bot: Bot) -> None:
    await locked(bot)
    await unlocked(bot)


CASES = [(lock_it, True), (lock_another, False), (lock_it_until_now, False), (lock_and_unlock_it, False)]


@pytest.mark.parametrize(("change", "stopped"), CASES)
async def test_the_worker_looks_again_before_a_sync(
    bot: Bot, world: World, argocd: Interrupted, change: Change, stopped: bool
) -> None:
    world.release("prod", TICKETS)
    approved = await bot.approved()
    await change(bot)
    after = await bot.step(approved)

    if stopped:
        assert (after.state, after.reason) == (OperationState.REFUSED, Reason.LOCKED)
        assert after.detail == f"sora locked ticket-service in prod until 2026-08-22 13:00 UTC: {WHY}"
    else:
        assert (after.state, after.reason) == (OperationState.RUNNING, None)
    assert len(argocd.received("POST")) == (0 if stopped else 1)


@pytest.mark.parametrize(("change", "stopped"), CASES)
async def test_the_worker_looks_again_before_a_tag_is_written(
    bot: Bot, world: World, earlier: str, change: Change, stopped: bool
) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    tip = world.git.head("main")
    await change(bot)
    after = await bot.step(approved)

    assert (after.state, after.reason) == (
        (OperationState.REFUSED, Reason.LOCKED) if stopped else (OperationState.APPROVED, None)
    )
    assert (world.git.head("main") == tip) is stopped


async def test_a_written_tag_is_not_synced_while_it_is_locked(
    bot: Bot, world: World, argocd: Interrupted, earlier: str
) -> None:
    written = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
    await locked(bot)
    after = await bot.step(written)

    assert (after.state, after.reason, after.written) == (OperationState.REFUSED, Reason.LOCKED, written.written)
    assert argocd.received("POST") == []


async def test_an_order_that_was_lost_is_not_sent_again_while_it_is_locked(
    bot: Bot, world: World, argocd: Interrupted
) -> None:
    world.release("prod", TICKETS)
    approved = await bot.approved()
    argocd.faults.sync_lost = True
    lost = await bot.step(approved)
    argocd.faults.sync_lost = False
    assert lost.state is OperationState.DISPATCHING
    late = (await locked(bot)).under_way
    bot.clock.advance(timedelta(minutes=1))
    after = await bot.step(lost)

    assert [one.id for one in late] == [lost.id]
    assert (after.state, after.reason) == (OperationState.FAILED, Reason.LOCKED)
    assert (len(argocd.received("POST")), world.syncs) == (1, [])


async def test_the_pipelines_request_is_made_and_its_card_names_the_lock(
    bot: Bot, world: World, gallery: Gallery
) -> None:
    await locked(bot)
    await bot.committed(world.release("prod", TICKETS, login="hyunwoo"))
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    [operation] = await bot.operations()
    waiting = await bot.step(operation)
    assert (waiting.state, waiting.requested_by) == (OperationState.WAITING, None)
    key = f"release:{waiting.release_id}"

    shown = await card(gallery, bot, key)
    assert shown.title == f"{TICKETS} → prod · locked, waiting for approval"
    assert f": {WHY}" in shown.description
    assert [(button.label, button.disabled) for button in shown.buttons[:2]] == [("Approve", True), ("Reject", False)]
    assert await gallery.card(f"request:{waiting.id}", now=bot.clock()) is None  # nobody is called in vain

    await unlocked(bot)
    stale = {row["key"] for row in await bot.table("cards") if row["stale_since"]}
    assert {key, f"request:{waiting.id}"} <= stale
    shown = await card(gallery, bot, key)
    assert shown.title == f"{TICKETS} → prod · waiting for approval"
    assert [button.disabled for button in shown.buttons[:2]] == [False, False]
    assert WHY not in shown.description


async def test_an_expired_lock_stops_nothing_before_anybody_has_cleared_it_away(
    bot: Bot, world: World, gallery: Gallery
) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    await locked(bot, period=HOUR / 2)
    told = await refusal(approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock()))
    bot.clock.advance(HOUR / 2)

    assert (told and told.reason) is Reason.LOCKED
    shown = await card(gallery, bot, f"release:{waiting.release_id}")
    assert shown.title.endswith("· waiting for approval")
    assert (await bot.approve(waiting)).state is OperationState.APPROVED
    assert isinstance(await bot.request(service="backend"), Operation)
