"""How a lock comes, is remembered and goes: one owner at a time, each end and each reminder once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards.base import Card
from bot.domain.catalog import Catalog
from bot.domain.locks import End, Ended
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason
from bot.services import environments, locks
from bot.services.views import Gallery
from bot.storage import cards
from tests.services.house import HYUNWOO, MINJI, TICKETS, Bot, bot_in
from tests.services.locking import HOUR, WHY, all_locks, locked, refusal, unlocked
from tests.services.outside import Outside


@pytest.fixture
def gallery(bot: Bot) -> Gallery:
    return Gallery(database=bot.database, catalog=bot.catalog, guild_id=1, releases_channel=30, alerts_channel=31)


async def shown(gallery: Gallery, bot: Bot, key: str) -> Card | None:
    """The message behind a key; it is written down that it was posted."""
    found = await gallery.card(key, now=bot.clock())
    [row] = [one for one in await cards.due(bot.database, now=bot.clock(), limit=99) if one.key == key]
    if found is not None:
        await cards.posting(bot.database, row, channel_id=found[0], now=bot.clock())
        await cards.posted(bot.database, key, message_id=5, digest="d", now=bot.clock())
    return found and found[1]


async def stale(bot: Bot) -> list[str]:
    """The keys of messages about locks that the board has to look at."""
    return sorted(row["key"] for row in await bot.table("cards") if row["stale_since"])


async def place(bot: Bot, *, service: str | None = None, **more: object) -> bool:
    """A rollback by minji leaves a lock behind, in its own transaction."""
    async with environments.changing(bot.database, "prod", wakes=("cards",)) as connection:
        return await locks.place(
            connection,
            environment="prod",
            service=service,
            owner_id=MINJI.id,
            owner_name=MINJI.name,
            reason="rolled back",
            now=bot.clock(),
            operation_id="op-1",
            **more,  # type: ignore[arg-type]
        )


async def test_one_person_holds_a_place_at_a_time(bot: Bot) -> None:
    first = await locked(bot)
    bot.clock.advance(HOUR)
    told = await refusal(locked(bot, HYUNWOO))
    second = await locked(bot, HYUNWOO, service=TICKETS)
    assert (told and told.reason, first.before, second.before) == (Reason.LOCK_HELD, None, None)
    assert told is not None
    assert WHY in told.detail

    over = await locked(bot, HYUNWOO, take_over=first.lock.short_id, reason="x" * 300)
    assert (over.before, over.lock.owner_id) == (first.lock, HYUNWOO.id)
    assert (len(over.lock.reason), over.lock.reason[-1]) == (200, "…")
    again = await locked(bot, HYUNWOO, reason="two more hours", period=2 * HOUR)
    assert (again.before, again.lock.until) == (over.lock, again.lock.since + 2 * HOUR)
    for places, held in ((["staging", "prod"], [second.lock, again.lock]), (["staging"], [])):
        assert await locks.holding(bot.database, places=places, now=bot.clock()) == held

    ends = [one.ended and (one.ended.how, one.ended.by) for one in await all_locks(bot)]
    assert ends == [(End.TAKEN_OVER, "hyunwoo"), None, (End.RENEWED, "hyunwoo"), None]
    assert await bot.audit() == [
        ("discord:23", "lock", "locked", None),
        ("discord:21", "lock", "locked", None),
        ("discord:21", "unlock", "taken_over", None),
        ("discord:21", "lock", "locked", None),
        ("discord:21", "unlock", "renewed", None),
        ("discord:21", "lock", "locked", None),
    ]


@pytest.mark.parametrize("skew", [-HOUR, timedelta(0), HOUR], ids=["behind", "alike", "ahead"])
async def test_exactly_the_lock_that_was_shown_is_taken_over_whatever_the_clocks_say(
    bot: Bot, gallery: Gallery, skew: timedelta
) -> None:
    """The one who takes over is on a replica whose clock differs from that of the one who has locked."""
    first, there = (await locked(bot)).lock, bot.clock() + skew
    wrong = [
        await refusal(locked(bot, HYUNWOO, now=there, take_over=named))
        for named in ("", "True", "yes", first.id[:4], f"{first.short_id}0")
    ]
    second = await locked(bot, HYUNWOO, now=there, take_over=f" {first.short_id.upper()} ")
    late = await refusal(locked(bot, MINJI, take_over=first.short_id))
    assert [one and one.reason for one in (*wrong, late)] == [Reason.LOCK_HELD] * 6
    assert late is not None
    assert f"`/lock environment:prod take_over:{second.lock.short_id} reason:` makes it yours" in late.detail

    third = await locked(bot, MINJI, take_over=second.lock.id)
    assert (second.before, third.before) == (first, second.lock)

    await unlocked(bot, MINJI)
    again = await locked(bot, HYUNWOO, take_over=third.lock.short_id)
    assert again.before is None


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
async def test_a_lock_needs_a_reason(bot: Bot, blank: str) -> None:
    told = await refusal(locked(bot, reason=blank))
    assert (told and told.reason, await all_locks(bot)) == (Reason.NO_REASON, [])


async def test_somebody_elses_lock_needs_a_reason_to_go(bot: Bot, gallery: Gallery) -> None:
    lock = (await locked(bot)).lock
    await locked(bot, service=TICKETS)
    assert await shown(gallery, bot, locks.card_key(lock)) is not None
    told = [await refusal(unlocked(bot, MINJI)), await refusal(unlocked(bot, MINJI, service="backend", reason="x"))]
    assert [one and one.reason for one in told] == [Reason.NO_REASON, Reason.LOCK_UNKNOWN]

    removed = await unlocked(bot, MINJI, reason="she is on holiday")
    end = removed.lock.ended
    assert end == Ended(how=End.UNLOCKED, at=end.at if end else lock.since, by="minji", reason="she is on holiday")
    assert [one.service for one in removed.left] == [TICKETS]
    card = await shown(gallery, bot, locks.card_key(lock))
    assert card is not None
    assert card.title == "🔓 prod · unlocked by minji"
    assert card.description.splitlines()[-1] == "minji: she is on holiday"
    assert (await bot.audit())[-1] == ("discord:22", "unlock", "unlocked", None)
    assert (await bot.table("audit"))[-1]["detail"] == f"sora: {WHY} | she is on holiday"
    again = await refusal(unlocked(bot, MINJI, reason="twice"))
    assert (again and again.reason) is Reason.LOCK_UNKNOWN


@pytest.mark.storage
@pytest.mark.parametrize("held", [False, True], ids=["free", "taken over"])
async def test_of_many_at_once_one_locks(bot: Bot, held: bool) -> None:
    named = (await locked(bot)).lock.short_id if held else ""
    bot.clock.advance(HOUR)
    crowd = [Actor(id=1000 + number, name=f"p{number}", guild_id=1, role_ids=frozenset()) for number in range(20)]
    told = await asyncio.gather(*(refusal(locked(bot, actor, take_over=named)) for actor in crowd))

    assert [one.reason for one in told if one] == [Reason.LOCK_HELD] * 19
    [winner] = await locks.holding(bot.database, places=["prod"], now=bot.clock())
    assert winner.owner_id == crowd[told.index(None)].id
    assert [row[1:3] for row in await bot.audit()].count(("lock", "locked")) == (2 if held else 1)


async def test_a_rollback_leaves_one_lock_and_replaces_none_but_an_expired_one(bot: Bot) -> None:
    assert await place(bot, until=bot.clock() + HOUR)
    assert not await place(bot)
    assert await place(bot, service=TICKETS)
    bot.clock.advance(HOUR)
    assert await place(bot)

    found = await all_locks(bot)
    assert [(one.service, one.operation_id, one.ended and one.ended.how) for one in found] == [
        (None, "op-1", End.EXPIRED),
        (TICKETS, "op-1", None),
        (None, "op-1", None),
    ]
    rows = [(row["outcome"], row["actor"], row["correlation"]) for row in await bot.table("audit")]
    ours = ("chatops", "operation:op-1")
    assert rows == [("locked", *ours), ("locked", *ours), ("expired", *ours), ("locked", *ours)]


@pytest.mark.storage
async def test_an_end_by_time_is_written_down_and_shown_once(
    bot: Bot, gallery: Gallery, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    lock = (await locked(bot, period=HOUR)).lock
    key = locks.card_key(lock)
    assert await shown(gallery, bot, key) is not None
    await locks.tend(bot.database, now=bot.clock())
    assert [row[2] for row in await bot.audit()] == ["locked"]
    bot.clock.advance(HOUR)
    async with bot_in(outside, database_url, catalog=catalog) as other:
        await asyncio.gather(*(locks.tend(one.database, now=bot.clock()) for one in (bot, other) * 3))

    assert await bot.audit() == [("discord:23", "lock", "locked", None), ("chatops", "unlock", "expired", None)]
    card = await shown(gallery, bot, key)
    assert card is not None
    assert card.title == "🔓 prod · lock expired"


@pytest.mark.storage
async def test_a_reminder_is_one_new_message_whoever_sees_that_it_is_due(
    bot: Bot, gallery: Gallery, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    lock = (await locked(bot)).lock
    assert await shown(gallery, bot, f"nag:{lock.id}:0") is not None
    async with bot_in(outside, database_url, catalog=catalog) as other:
        for wait, nags in ((timedelta(hours=3), 0), (HOUR, 1), (timedelta(hours=3), 1), (timedelta(days=4), 5)):
            bot.clock.advance(wait)
            await asyncio.gather(*(locks.tend(one.database, now=bot.clock()) for one in (bot, other) * 3))
            assert [one.nags for one in await all_locks(bot)] == [nags]

    keys = [f"nag:{lock.id}:{number}" for number in (0, 1, 5)]
    assert await stale(bot) == keys  # four that were missed are one
    reminders = [row for row in await bot.audit() if row[2] == "reminded"]
    assert reminders == [("chatops", "lock", "reminded", None)] * 2
    titles = [(card := await shown(gallery, bot, key)) and card.title for key in keys]
    assert titles == [None, None, "🔒 prod · still locked by sora"]

    await unlocked(bot)
    last = await shown(gallery, bot, keys[-1])
    assert last is not None
    assert last.title == "🔓 prod · unlocked by sora"


async def test_a_lock_that_is_gone_is_not_remembered(bot: Bot, gallery: Gallery) -> None:
    short = (await locked(bot, period=4 * HOUR)).lock
    bot.clock.advance(4 * HOUR)
    await locks.tend(bot.database, now=bot.clock())
    gone = (await locked(bot)).lock
    bot.clock.advance(4 * HOUR)
    await locks.tend(bot.database, now=bot.clock())
    await unlocked(bot)
    bot.clock.advance(timedelta(days=1))
    await locks.tend(bot.database, now=bot.clock())

    assert [one.nags for one in await all_locks(bot)] == [0, 1]
    # Neither had a message when it ended, so there is nobody to be told.
    assert await stale(bot) == sorted([f"nag:{short.id}:0", f"nag:{gone.id}:0", f"nag:{gone.id}:1"])
    for key in await stale(bot):
        assert await gallery.card(key, now=bot.clock()) is None


async def test_what_a_rollback_left_behind_is_remembered_sooner(bot: Bot) -> None:
    await place(bot)
    counts = []
    for minutes in (29, 1, 89, 1, 24 * 60 - 1, 1):
        bot.clock.advance(timedelta(minutes=minutes))
        await locks.tend(bot.database, now=bot.clock())
        counts.append((await all_locks(bot))[0].nags)
    assert counts == [0, 1, 1, 2, 2, 3]


async def test_a_lock_of_an_environment_that_left_the_topology_has_no_message(bot: Bot, catalog: Catalog) -> None:
    lock = (await locked(bot)).lock
    rest = {name: one for name, one in catalog.environments.items() if name != "prod"}
    known = replace(catalog, environments=rest)
    gallery = Gallery(database=bot.database, catalog=known, guild_id=1, releases_channel=30, alerts_channel=31)
    assert await gallery.card(locks.card_key(lock), now=bot.clock()) is None


async def test_the_terms_of_a_lock_are_in_the_trail_before_what_its_owner_says(bot: Bot) -> None:
    first = (await locked(bot, period=HOUR, reason="x until 2026-08-22 23:00 UTC, rollbacks too")).lock
    wider = (await locked(bot, blocks_rollbacks=True)).lock
    last = (await locked(bot, period=2 * HOUR, blocks_rollbacks=True)).lock
    found = [(row["outcome"], row["detail"]) for row in await bot.table("audit") if row["action"] == "lock"]
    assert found == [
        ("locked", f"{first.short_id} until 2026-08-22 13:00 UTC: x until 2026-08-22 23:00 UTC, rollbacks too"),
        ("locked", f"{wider.short_id}, rollbacks too: {WHY}"),
        ("locked", f"{last.short_id} until 2026-08-22 14:00 UTC, rollbacks too: {WHY}"),
    ]
