"""Everything that is in the way at once: people are told of each, in one order, and the first decides."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import update

from bot.cards import locks
from bot.cards import obstacles as cards
from bot.cards.text import duration
from bot.domain.freezes import Frozen
from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.services import obstacles, tending
from bot.services.views import Gallery
from bot.storage import schema
from sandbox.world import World
from tests.services.freezing import WHY, froze, thawed
from tests.services.house import MINJI, SORA, TICKETS, Bot
from tests.services.locking import locked, refusal, unlocked
from tests.services.stopping import resumed, stopped
from tests.services.test_freezes import request


async def test_each_is_told_for_what_it_holds_and_the_first_decides(bot: Bot) -> None:
    operation = await bot.request()
    strict = (await locked(bot, service=TICKETS, blocks_rollbacks=True)).lock
    bot.clock.advance(timedelta(minutes=1))
    wide = (await locked(bot)).lock
    await locked(bot, service="backend")
    freeze = (await froze(bot)).freeze
    stop = (await stopped(bot)).stop
    frozen = Frozen(freeze=freeze, until=freeze.ends)

    async with bot.database.reading() as connection:
        found = {
            kind: await obstacles.all_at(connection, kind, environment="prod", service=TICKETS, now=bot.clock())
            for kind in OperationKind
        }
        hotfix = replace(operation, hotfix="payments fail")
        assert await obstacles.all_of(connection, hotfix, now=bot.clock()) == (stop, wide, strict)
        assert await obstacles.all_of(connection, operation, now=bot.clock()) == (stop, wide, strict, frozen)
    assert found == {
        OperationKind.DEPLOY: (stop, wide, strict, frozen),
        OperationKind.ROLLBACK: (stop, strict),
        OperationKind.RESTART: (stop,),
        OperationKind.REFRESH: (stop,),
        OperationKind.RERUN: (stop,),
        OperationKind.TERMINATE: (),
    }


async def test_a_refusal_tells_three_of_them_and_counts_the_rest(bot: Bot) -> None:
    freeze = (await froze(bot)).freeze
    wide = (await locked(bot)).lock
    own = (await locked(bot, service=TICKETS)).lock
    stop = (await stopped(bot)).stop
    frozen = Frozen(freeze=freeze, until=freeze.ends)

    four = await refusal(bot.request())
    assert four is not None
    lines = [line for one in (stop, wide, own) for line in (cards.told(one), f"↳ {cards.way_out(one)}")]
    more = "… and 1 more: `/locks` and `/freeze list` show them."
    assert four.sentence == f"{SENTENCES[Reason.STOPPED]}\n" + "\n".join([*lines, more])

    await resumed(bot)
    three = await refusal(bot.request())
    assert three is not None
    lines = [line for one in (wide, own, frozen) for line in (cards.told(one), f"↳ {cards.way_out(one)}")]
    assert three.sentence == f"{SENTENCES[Reason.LOCKED]}\n" + "\n".join(lines)

    await unlocked(bot)
    await unlocked(bot, service=TICKETS)
    one = await refusal(bot.request())
    assert (one and one.reason) is Reason.FROZEN
    await thawed(bot, freeze)
    assert await refusal(bot.request()) is None


async def test_the_time_of_a_request_stands_still_behind_a_freeze_also_when_it_is_locked(
    bot: Bot, world: World
) -> None:
    gallery = Gallery(database=bot.database, catalog=bot.catalog, guild_id=1, releases_channel=30, alerts_channel=31)
    lifetime = bot.catalog.environments["prod"].approval_lifetime
    hours = duration(lifetime.total_seconds())

    async def shown() -> tuple[str, str]:
        found = await gallery.card(f"release:{waiting.release_id}", now=bot.clock())
        assert found is not None
        lines = found[1].description.split("\n")
        return next(line for line in lines if "**Approval**" in line), lines[-1]

    world.release("prod", TICKETS, login="hyunwoo")
    waiting = await bot.propose(SORA)
    ends = int((await bot.approval(waiting.id)).expires_at.timestamp())
    await locked(bot)
    asked = "⏳ **Approval** asked by sora"
    assert await shown() == (f"{asked} · ends <t:{ends}:R>", "**Next** Nobody can approve until the lock is gone.")
    freeze = (await froze(bot)).freeze
    assert freeze.ends is not None
    assert await shown() == (
        f"{asked} · its time stands still",
        "**Next** Nobody can approve until the lock is gone and the freeze is over. "
        f"Its time stands still while it is frozen; after that at least {hours} is left.",
    )

    bot.clock.advance(lifetime)
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())
    assert (await bot.approval(waiting.id)).expires_at == freeze.ends + lifetime
    bot.clock.advance(freeze.ends - bot.clock())
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())
    ends = int((freeze.ends + lifetime).timestamp())
    assert await shown() == (f"{asked} · ends <t:{ends}:R>", "**Next** Nobody can approve until the lock is gone.")
    bot.clock.advance(lifetime)
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())
    assert (await bot.operation(waiting.id)).state is OperationState.EXPIRED


async def test_a_hot_fix_has_its_whole_time_after_a_freeze_that_could_not_be_read(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    fix = await bot.step(await request(bot, TICKETS, hotfix="payments fail"))
    ends = (await bot.approval(fix.id)).expires_at
    freeze = (await froze(bot)).freeze
    bot.clock.advance(timedelta(minutes=10))
    await thawed(bot, freeze)
    assert (await bot.approval(fix.id)).expires_at == ends  # It went through that one.
    freeze = (await froze(bot)).freeze
    async with bot.database.transaction() as connection:
        await connection.execute(update(schema.metadata.tables["freezes"]).values(document="{"))
    bot.clock.advance(timedelta(minutes=10))
    assert (await bot.approval(fix.id)).expires_at == ends
    await thawed(bot, freeze, reason="nobody can read it")
    after = await bot.approval(fix.id)
    assert after.held_until is not None
    assert after.expires_at - after.held_until == bot.catalog.environments["prod"].approval_lifetime


async def test_whoever_removes_somebody_elses_freeze_without_a_reason_hears_whose_it_is(bot: Bot) -> None:
    freeze = (await froze(bot, service=TICKETS)).freeze
    told = await refusal(thawed(bot, freeze, MINJI))
    assert told is not None
    since = int(freeze.since.timestamp())
    assert told.sentence == (
        f"{SENTENCES[Reason.NO_REASON]} The freeze of **ticket-service → prod** was added by sora <t:{since}:R>: {WHY}"
    )
    lock = (await locked(bot)).lock
    told = await refusal(unlocked(bot, MINJI))
    assert (told and told.sentence) == f"{SENTENCES[Reason.NO_REASON]} {locks.told(lock)}"
