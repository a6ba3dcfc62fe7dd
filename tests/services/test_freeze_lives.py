"""How a freeze comes, begins, ends and goes; what is no freeze; and one that cannot be read."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from bot.domain.catalog import Catalog
from bot.domain.freezes import End
from bot.domain.reasons import Reason
from bot.services import freezes, tending, views
from bot.storage import schema
from tests.services.freezing import ENDS, WHY, all_freezes, froze, thawed
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.locking import refusal
from tests.services.outside import Outside

UNTIL = datetime.fromisoformat(ENDS).replace(tzinfo=UTC)


async def tend(bot: Bot) -> None:
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())


async def told_until(bot: Bot) -> list[tuple[int, datetime | None]]:
    return [(row["standing"], row["told_until"]) for row in await bot.table("freezes")]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"reason": " \n"}, Reason.NO_REASON),
        ({"zone": "Mars/Olympus"}, Reason.ZONE_UNKNOWN),
        ({"zone": "../../etc/localtime"}, Reason.ZONE_UNKNOWN),
        ({"ends": None}, Reason.FREEZE_SHAPE),
        ({"ends": None, "starts": ENDS}, Reason.FREEZE_SHAPE),
        ({"lasts": "2h"}, Reason.FREEZE_SHAPE),
        ({"ends": "friday"}, Reason.FREEZE_TIMES),
        ({"starts": "friday"}, Reason.FREEZE_TIMES),
        ({"starts": "2026-08-25T00:00"}, Reason.FREEZE_TIMES),
        ({"ends": "2026-08-22T11:59"}, Reason.FREEZE_TIMES),
        ({"ends": "2028-08-22T11:59"}, Reason.FREEZE_TIMES),
        ({"cron": "0 18 * * FRI"}, Reason.FREEZE_SHAPE),
        ({"cron": "0 18 * * FRI", "lasts": "31d"}, Reason.FREEZE_SHAPE),
        ({"cron": "0 18 * * FRI", "lasts": "2h", "ends": ENDS}, Reason.FREEZE_SHAPE),
        ({"cron": "0 18 * * FRI", "lasts": "2h", "starts": ENDS}, Reason.FREEZE_SHAPE),
        ({"cron": "0 18 * *", "lasts": "2h"}, Reason.FREEZE_CRON),
        ({"cron": "0 0 18 * * FRI", "lasts": "2h"}, Reason.FREEZE_CRON),
        ({"cron": "0 0 31 2 *", "lasts": "2h"}, Reason.FREEZE_CRON),
        ({"cron": "0,1 " * 40, "lasts": "2h"}, Reason.FREEZE_CRON),
    ],
)
async def test_what_is_no_freeze_is_refused(bot: Bot, changes: dict[str, Any], reason: Reason) -> None:
    told = await refusal(froze(bot, **changes))
    assert (told and told.reason, await all_freezes(bot), await bot.audit()) == (reason, [], [])


async def test_a_freeze_is_kept_as_it_was_meant(bot: Bot) -> None:
    once = await froze(bot, ends="2026-08-24T09:00", starts="2026-08-23T09:00", zone="Asia/Seoul", service=TICKETS)
    again = await froze(bot, MINJI, cron=" 0  18 * * fri ", lasts="62h", zone="Asia/Seoul", reason="x" * 300)
    assert once.first == (datetime(2026, 8, 23, 0, tzinfo=UTC), datetime(2026, 8, 24, 0, tzinfo=UTC))
    assert (again.first[1], again.freeze.cron) == (datetime(2026, 8, 23, 23, tzinfo=UTC), "0 18 * * fri")
    assert (again.freeze.lasts, len(again.freeze.reason), again.freeze.owner_name) == (
        timedelta(hours=62),
        200,
        "minji",
    )
    assert await freezes.standing(bot.database, places=["staging"]) == []
    assert {one.id for one in await freezes.standing(bot.database, places=["prod"])} == {
        once.freeze.id,
        again.freeze.id,
    }
    assert await bot.audit() == [("discord:23", "freeze", "added", None), ("discord:22", "freeze", "added", None)]
    details = [row["detail"] for row in await bot.table("audit")]
    assert details[0] == f"{once.freeze.id} {WHY} | 2026-08-23 00:00 to 2026-08-24 00:00 UTC"
    assert details[1].endswith("| 0 18 * * fri in Asia/Seoul for 2 days, 14:00:00")


async def test_an_environment_has_fifty_at_most(bot: Bot) -> None:
    for _ in range(freezes.MOST):
        await froze(bot)
    told = await refusal(froze(bot))
    assert (told and told.reason, len(await all_freezes(bot))) == (Reason.FREEZE_LIMIT, 50)
    await froze(bot, environment="staging")


async def test_somebody_elses_freeze_is_removed_with_a_reason_and_once(bot: Bot) -> None:
    freeze = (await froze(bot)).freeze
    told = [
        await refusal(thawed(bot, freeze, HYUNWOO)),
        await refusal(freezes.find(bot.database, freeze.id, places=["staging"])),
        await refusal(freezes.find(bot.database, "00000000", places=["prod"])),
    ]
    assert [one and one.reason for one in told] == [Reason.NO_REASON, Reason.FREEZE_UNKNOWN, Reason.FREEZE_UNKNOWN]
    gone = await asyncio.gather(*(refusal(thawed(bot, freeze, HYUNWOO, reason="sold out")) for _ in range(10)))
    assert [one.reason for one in gone if one] == [Reason.FREEZE_UNKNOWN] * 9
    [kept] = await all_freezes(bot)
    assert kept.ended is not None
    assert (kept.ended.how, kept.ended.by, kept.ended.reason) == (End.REMOVED, "hyunwoo", "sold out")
    assert [row[2] for row in await bot.audit()] == ["added", "removed"]
    assert await refusal(bot.request()) is None


@pytest.mark.storage
async def test_a_window_begins_and_ends_once_whoever_sees_it(
    bot: Bot, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    await froze(bot, cron="0 18 * * *", lasts="1h")
    assert await told_until(bot) == [(1, None)]
    evening = datetime(2026, 8, 22, 18, tzinfo=UTC)
    async with bot_in(outside, database_url, catalog=catalog) as other:
        for moment, until in (
            (evening - timedelta(seconds=1), None),
            (evening, evening + timedelta(hours=1)),
            (evening + timedelta(hours=1), None),
            (evening + timedelta(days=3, minutes=1), evening + timedelta(days=3, hours=1)),
        ):
            bot.clock.advance(moment - bot.clock())
            await asyncio.gather(*(tend(one) for one in (bot, other) * 3))
            assert await told_until(bot) == [(1, until)]
    assert [row[2] for row in await bot.audit()] == ["added"]


@pytest.mark.storage
async def test_a_single_window_that_has_passed_is_over_once(
    bot: Bot, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    await froze(bot)
    assert await told_until(bot) == [(1, UNTIL)]
    bot.clock.advance(UNTIL - bot.clock())
    async with bot_in(outside, database_url, catalog=catalog) as other:
        await asyncio.gather(*(tend(one) for one in (bot, other) * 3))
    assert await told_until(bot) == [(0, None)]
    assert await bot.audit() == [("discord:23", "freeze", "added", None), ("chatops", "freeze", "over", None)]
    assert await freezes.standing(bot.database, places=["prod"]) == []


@pytest.mark.parametrize("damage", ["{", '{"zone": 1}', None])
async def test_one_that_cannot_be_read_freezes_its_environment(bot: Bot, damage: str | None) -> None:
    """`None`: an upgrade that no longer knows the time zone."""
    freeze = (await froze(bot, service="backend", cron="0 18 1 1 *", lasts="1h", zone="Asia/Seoul")).freeze
    assert await refusal(bot.request()) is None
    text = (await bot.table("freezes"))[0]["document"].replace("Asia/Seoul", "Asia/Gone")
    async with bot.database.transaction() as connection:
        await connection.execute(update(schema.freezes).values(document=damage or text))

    told = await refusal(bot.request(service="backend"))
    assert told is not None
    assert told.reason is Reason.FREEZE_UNREADABLE
    assert told.detail.endswith(
        f"has a freeze that cannot be read: `{freeze.id}`\n↳ `/freeze remove freeze:{freeze.id} reason:` removes it."
    )
    bot.clock.advance(timedelta(days=400))
    await tend(bot)
    [seen] = await views.status(bot.database, catalog=bot.catalog, environments=["prod"], now=bot.clock())
    assert [(one.freeze.id, one.until) for one in seen.frozen] == [(freeze.id, None)]
    await thawed(bot, freeze, SORA, reason="broken")
    assert await refusal(bot.request(service="backend")) is None
