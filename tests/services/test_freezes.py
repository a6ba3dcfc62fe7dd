"""What a freeze stops: the request, the press, the commit and the sync; and what goes through."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.cards.base import Card
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.services import approvals, obstacles, operations, tending
from bot.services.views import Gallery
from sandbox.world import World
from tests.services.freezing import ENDS, WHY, froze, thawed
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.locking import locked, refusal
from tests.services.outside import Interrupted, Outside
from tests.services.stopping import stopped
from tests.services.tagging import asked

ROLE = 400
UNTIL = datetime.fromisoformat(ENDS).replace(tzinfo=UTC)
FIRE = "payments fail since 02:10"


@pytest.fixture
def gallery(bot: Bot, catalog: Catalog) -> Gallery:
    """The cards of a guild where somebody is called for prod."""
    prod = replace(catalog.environments["prod"], mention=ROLE)
    known = replace(catalog, environments={**catalog.environments, "prod": prod})
    return Gallery(database=bot.database, catalog=known, guild_id=1, releases_channel=30, alerts_channel=31)


async def request(bot: Bot, service: str | None, *, hotfix: str | None = None) -> Operation:
    return await operations.request(
        bot.database,
        kind=OperationKind.DEPLOY,
        environment="prod",
        service=service,
        actor=HYUNWOO,
        catalog=bot.catalog,
        now=bot.clock(),
        hotfix=hotfix,
    )


async def card(gallery: Gallery, bot: Bot, key: str) -> Card:
    found = await gallery.card(key, now=bot.clock())
    assert found is not None
    return found[1]


async def tend(bot: Bot) -> None:
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())


@pytest.mark.parametrize(
    ("held", "service", "frozen"),
    [
        (None, TICKETS, True),
        (None, None, True),
        (TICKETS, TICKETS, True),
        (TICKETS, None, True),
        ("backend", TICKETS, False),
    ],
)
async def test_a_deploy_is_refused_where_it_is_frozen_and_a_hot_fix_is_not(
    bot: Bot, held: str | None, service: str | None, frozen: bool
) -> None:
    await froze(bot, service=held)
    told = await refusal(request(bot, service))
    assert (told and told.reason) == (Reason.FROZEN if frozen else None)
    assert len(await bot.operations()) == (0 if frozen else 1)
    if frozen:
        assert (await request(bot, service, hotfix=f" {FIRE}\n")).hotfix == FIRE


async def test_the_refusal_says_until_when_who_why_and_what_to_do(bot: Bot) -> None:
    freeze = (await froze(bot, service=TICKETS, reason="a **bold** @everyone")).freeze
    told = await refusal(bot.request())
    moment = int(UNTIL.timestamp())
    assert told is not None
    assert told.sentence == (
        f"{SENTENCES[Reason.FROZEN]}\n❄️ **ticket-service → prod** frozen until <t:{moment}:f> (<t:{moment}:R>) by sora"
        ": a \\*\\*bold\\*\\* \\@everyone\n"
        f"↳ `/freeze remove freeze:{freeze.id} reason:` removes it. "
        "For what cannot wait: `/deploy environment:prod service:ticket-service hotfix:`."
    )


async def test_a_freeze_leaves_alone_what_is_no_deploy(bot: Bot, earlier: str) -> None:
    await froze(bot)
    told = await refusal(asked(bot, earlier))
    assert (told and told.reason) is Reason.FROZEN
    operation = replace(await request(bot, TICKETS, hotfix=FIRE), hotfix="")
    async with bot.database.reading() as connection:
        for kind in OperationKind:
            found = await obstacles.in_the_way(connection, replace(operation, kind=kind), now=bot.clock())
            assert (found is not None) is (kind is OperationKind.DEPLOY)


async def test_time_is_decided_at_the_moment_of_the_question(bot: Bot) -> None:
    await froze(bot, starts="2026-08-23T00:00")
    assert await refusal(request(bot, TICKETS)) is None
    bot.clock.advance(datetime(2026, 8, 23, tzinfo=UTC) - bot.clock())
    told = await refusal(request(bot, "backend"))
    assert (told and told.reason) is Reason.FROZEN
    bot.clock.advance(UNTIL - bot.clock())
    assert await refusal(request(bot, "backend")) is None


async def test_a_press_is_refused_until_it_is_over_and_the_request_waits_for_that(
    bot: Bot, world: World, gallery: Gallery, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    await froze(bot)
    key, lifetime = f"release:{waiting.release_id}", catalog.environments["prod"].approval_lifetime
    for _ in range(5):
        bot.clock.advance(timedelta(hours=8))
        async with bot_in(outside, database_url, catalog=catalog) as other:
            await tend(other)
        told = await refusal(approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock()))
        assert (told and told.reason) is Reason.FROZEN
        assert (await bot.operation(waiting.id), (await bot.approval(waiting.id)).votes) == (waiting, ())
        shown = await card(gallery, bot, key)
        assert shown.title == f"{TICKETS} → prod · frozen, waiting for approval"
    assert (await bot.approval(waiting.id)).expires_at == UNTIL + lifetime

    async with bot.database.transaction() as connection:
        await connection.run_sync(lambda sync: sync.exec_driver_sql("UPDATE cards SET stale_since = NULL"))
    bot.clock.advance(UNTIL - bot.clock())
    await tend(bot)
    stale = {row["key"] for row in await bot.table("cards") if row["stale_since"]}
    assert stale == {key, f"request:{waiting.id}"}
    assert (await card(gallery, bot, key)).title.endswith("· waiting for approval")
    assert (await bot.approve(waiting)).state is OperationState.APPROVED


async def test_a_lock_beside_the_freeze_lets_no_request_expire_and_one_alone_does(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    freeze = (await froze(bot)).freeze
    await locked(bot)
    bot.clock.advance(timedelta(hours=8))
    await tend(bot)
    assert (await bot.operation(waiting.id)).state is OperationState.WAITING
    await thawed(bot, freeze)
    bot.clock.advance(timedelta(days=3))
    await tend(bot)
    assert (await bot.operation(waiting.id)).state is OperationState.EXPIRED


async def test_the_pipelines_request_is_made_and_its_card_says_frozen_until(
    bot: Bot, world: World, gallery: Gallery
) -> None:
    freeze = (await froze(bot)).freeze
    await bot.committed(world.release("prod", TICKETS, login="hyunwoo"))
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    [operation] = await bot.operations()
    waiting = await bot.step(operation)
    assert (waiting.state, waiting.requested_by) == (OperationState.WAITING, None)

    shown, moment = await card(gallery, bot, f"release:{waiting.release_id}"), int(UNTIL.timestamp())
    line = f"❄️ **prod** frozen until <t:{moment}:f> (<t:{moment}:R>) by sora: {WHY}"
    assert line in shown.description
    assert [(one.label, one.disabled) for one in shown.buttons[:2]] == [("Approve", True), ("Reject", False)]
    assert await gallery.card(f"request:{waiting.id}", now=bot.clock()) is None  # nobody is called in vain

    # A hot-fix takes the place of what waits, is marked, and can be approved at once.
    fix = await bot.step(await request(bot, TICKETS, hotfix=FIRE))
    replaced = await bot.operation(waiting.id)
    assert (replaced.state, replaced.reason) == (OperationState.SUPERSEDED, Reason.HOTFIX_INSTEAD)
    shown = await card(gallery, bot, f"release:{fix.release_id}")
    assert (fix.release_id, shown.title) == (waiting.release_id, f"🔥 {TICKETS} → prod · waiting for approval")
    assert shown.description.splitlines()[0] == f"🔥 **Hot-fix**: {FIRE}"
    assert [one.disabled for one in shown.buttons[:2]] == [False, False]
    assert (await bot.followed(await bot.step(await bot.approve(fix)))).state is OperationState.SUCCEEDED
    rows = [row["detail"] for row in await bot.table("audit") if row["operation_id"] == fix.id]
    assert rows[0] == f"hotfix: {FIRE}"
    assert freeze.ended is None


async def test_a_hot_fix_needs_a_reason_and_leaves_alone_what_is_approved_or_one_itself(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    for blank in ("", "  ", "\u200b"):
        told = await refusal(request(bot, TICKETS, hotfix=blank))
        assert (told and told.reason) is Reason.NO_REASON
    first = await request(bot, TICKETS, hotfix=FIRE)
    again = await refusal(request(bot, TICKETS, hotfix=FIRE))
    assert (again and again.reason) is Reason.ALREADY_OPEN
    approved = await bot.approve(await bot.step(first))
    again = await refusal(request(bot, TICKETS, hotfix=FIRE))
    assert (again and again.reason, await bot.operation(first.id)) == (Reason.ALREADY_OPEN, approved)


async def test_a_lock_and_a_stop_hold_a_hot_fix(bot: Bot) -> None:
    await froze(bot)
    await locked(bot)
    told = [await refusal(request(bot, TICKETS, hotfix=FIRE)), await refusal(request(bot, TICKETS))]
    await stopped(bot)
    told.append(await refusal(request(bot, TICKETS, hotfix=FIRE)))
    assert [one and one.reason for one in told] == [Reason.LOCKED, Reason.LOCKED, Reason.STOPPED]


Change = Callable[[Bot], Awaitable[object]]


async def freeze_it(bot: Bot) -> None:
    await froze(bot, service=TICKETS)


async def freeze_it_every_weekend(bot: Bot) -> None:
    await froze(bot, cron="0 18 * * FRI", lasts="63h", zone="UTC")


async def freeze_another(bot: Bot) -> None:
    await froze(bot, service="backend")


async def freeze_it_tomorrow(bot: Bot) -> None:
    await froze(bot, starts="2026-08-23T00:00")


async def freeze_and_thaw_it(bot: Bot) -> None:
    await thawed(bot, (await froze(bot)).freeze)


CASES = [
    (freeze_it, True),
    (freeze_it_every_weekend, True),
    (freeze_another, False),
    (freeze_it_tomorrow, False),
    (freeze_and_thaw_it, False),
]


@pytest.mark.parametrize(("change", "frozen"), CASES)
async def test_the_worker_looks_again_before_a_tag_is_written_and_before_a_sync(
    bot: Bot, world: World, argocd: Interrupted, earlier: str, change: Change, frozen: bool
) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    tip = world.git.head("main")
    await change(bot)
    after = await bot.step(approved)

    assert (after.state, after.reason) == (
        (OperationState.REFUSED, Reason.FROZEN) if frozen else (OperationState.APPROVED, None)
    )
    assert (world.git.head("main") == tip) is frozen
    if frozen:
        what = f"{TICKETS if change is freeze_it else 'all services'} in prod"
        assert after.detail == f"sora froze {what} until 2026-08-24 09:00 UTC: {WHY}"
        return
    await froze(bot)
    after = await bot.step(after)
    assert (after.state, after.reason, argocd.received("POST")) == (OperationState.REFUSED, Reason.FROZEN, [])
