"""A lock whose row cannot be read: it holds its target and nothing else, everybody is told so, and it can be ended."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.domain.locks import End
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.services import approvals, glass, locks, obstacles, tending, views
from bot.services.views import Gallery
from bot.storage import schema
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot
from tests.services.locking import HOUR, WHY, locked, refusal, unlocked


async def damaged(bot: Bot, *, environment: str = "prod", service: str | None = None) -> str:
    """Sora locks it, and the row is damaged. Gives the lock's short id."""
    lock = (await locked(bot, environment=environment, service=service)).lock
    async with bot.database.transaction() as connection:
        await connection.execute(update(schema.locks).where(schema.locks.c.id == lock.id).values(document="{}"))
    return lock.short_id


async def waiting_for(bot: Bot, world: World) -> Operation:
    """A deploy of hyunwoo's commit that sora asked for."""
    world.release("prod", TICKETS, login="hyunwoo")
    return await bot.propose(SORA)


async def test_nothing_is_asked_for_approved_or_carried_out_where_it_holds(bot: Bot, world: World) -> None:
    waiting = await waiting_for(bot, world)
    name = await damaged(bot)
    asked, pressed, broken = [
        await refusal(one)
        for one in (
            bot.request(service="backend"),
            approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock()),
            glass.smash(bot.database, waiting.id, actor=SORA, reason="It burns.", now=bot.clock()),
        )
    ]

    assert asked is not None
    assert asked.sentence == (
        f"{SENTENCES[Reason.LOCK_UNREADABLE]}\n🔒 **prod** has a lock that cannot be read: `{name}`\n"
        "↳ `/unlock environment:prod reason:` removes it, "
        f"`/lock environment:prod take_over:{name} reason:` makes it yours."
    )
    assert [one and (one.reason, one.detail) for one in (pressed, broken)] == [(asked.reason, asked.detail)] * 2
    async with bot.database.reading() as connection:
        for kind, held in ((OperationKind.ROLLBACK, True), (OperationKind.RESTART, False)):
            found = await obstacles.in_the_way(connection, replace(waiting, kind=kind), now=bot.clock())
            assert (found is not None) is held

    await unlocked(bot, MINJI, reason="broken row")
    approved = await bot.approve(waiting)
    await damaged(bot)
    after = await bot.step(approved)
    assert (after.state, after.reason, after.detail) == (
        OperationState.REFUSED,
        Reason.LOCK_UNREADABLE,
        "Who locked all services in prod and why cannot be read.",
    )


async def test_it_holds_its_own_target_and_blinds_nobody_elsewhere(bot: Bot) -> None:
    name = await damaged(bot, service="backend")
    other = (await locked(bot, HYUNWOO, environment="staging", period=HOUR)).lock

    assert await refusal(bot.request()) is None
    held = await refusal(bot.request(service="backend"))
    assert (held and held.reason) is Reason.LOCK_UNREADABLE
    for places in (["prod", "staging"], ["staging"]):
        listed = await locks.holding(bot.database, places=places, now=bot.clock())
        assert [(one.short_id, one.environment, one.unreadable) for one in listed] == [
            row for row in ((name, "prod", True), (other.short_id, "staging", False)) if row[1] in places
        ]
    seen = await views.status(bot.database, catalog=bot.catalog, environments=["prod", "staging"], now=bot.clock())
    assert [[one.short_id for one in place.locks] for place in seen] == [[name], [other.short_id]]

    bot.clock.advance(timedelta(days=3))
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())
    assert [row[1:3] for row in await bot.audit() if "lock" in row[1]] == [
        ("lock", "locked"),
        ("lock", "locked"),
        ("unlock", "expired"),
    ]
    assert sorted((row["environment"], row["nags"]) for row in await bot.table("locks")) == [
        ("prod", 0),
        ("staging", 0),
    ]


async def test_it_is_unlocked_with_a_reason_by_anybody_and_written_down(bot: Bot) -> None:
    name = await damaged(bot)
    silent = await refusal(unlocked(bot, SORA))  # Nobody knows any more that it was hers.
    assert (silent and silent.reason) is Reason.NO_REASON
    removed = await unlocked(bot, MINJI, reason="the row was damaged")

    assert removed.lock.ended is not None
    assert (removed.lock.ended.how, removed.lock.ended.by, removed.left) == (End.UNLOCKED, "minji", ())
    row = (await bot.table("audit"))[-1]
    assert (row["actor"], row["action"], row["outcome"], row["environment"], row["service"], row["detail"]) == (
        "discord:22",
        "unlock",
        "unlocked",
        "prod",
        None,
        f"{name} could not be read | the row was damaged",
    )
    gallery = Gallery(database=bot.database, catalog=bot.catalog, guild_id=1, releases_channel=30, alerts_channel=31)
    assert await gallery.card(f"nag:{removed.lock.id}:0", now=bot.clock()) is None  # No message was posted before.
    assert await locks.holding(bot.database, places=["prod"], now=bot.clock()) == []
    assert await refusal(bot.request()) is None
    again = await refusal(unlocked(bot, MINJI, reason="again"))
    assert (again and again.reason) is Reason.LOCK_UNKNOWN


@pytest.mark.parametrize("named", [False, True], ids=["locked", "taken over"])
async def test_it_is_taken_over_by_whoever_names_it(bot: Bot, named: bool) -> None:
    name = await damaged(bot, service=TICKETS)
    told = await refusal(locked(bot, MINJI, service=TICKETS, take_over=name if named else ""))

    assert (told and told.reason) is (None if named else Reason.LOCK_HELD)
    [lock] = await locks.holding(bot.database, places=["prod"], now=bot.clock())
    assert (lock.owner_name, lock.reason) == (("minji", WHY) if named else ("", ""))
