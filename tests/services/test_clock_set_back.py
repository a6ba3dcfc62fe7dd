"""The clock is set back by an hour or a day. What people were told stays so, nobody is told twice, and what nobody has
noticed yet is decided by the clock of that moment.
"""

from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services import approvals, freezes, glass, locks, tending, trail
from sandbox.world import World
from tests.services.freezing import all_freezes, froze
from tests.services.house import MINJI, SORA, TICKETS, Bot, bot_in, requiring
from tests.services.locking import HOUR, all_locks, locked, refusal, unlocked
from tests.services.outside import Outside
from tests.services.stopping import stopped

pytestmark = pytest.mark.storage
SECOND = timedelta(seconds=1)


@pytest.fixture(params=[HOUR, timedelta(days=1)], ids=["an hour", "a day"])
def back(request: pytest.FixtureRequest) -> timedelta:
    """By how much the clock is set back."""
    found: timedelta = request.param
    return found


@pytest.fixture
async def waiting(bot: Bot, world: World) -> Operation:
    """A deploy of prod that waits for consent, for an hour."""
    world.release("prod", TICKETS, login="hyunwoo")
    return await bot.propose(SORA)


async def tend(bot: Bot, *, at: datetime | None = None) -> None:
    """The clock is put to a moment, and everything is tended twice."""
    if at is not None:
        bot.clock.advance(at - bot.clock())
    for _ in range(2):
        await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())


async def told(bot: Bot, kind: str) -> list[str]:
    """The numbers of the messages of a kind that were begun."""
    keys = [row["key"] for row in await bot.table("cards")]
    return sorted(key.rpartition(":")[2] for key in keys if key.startswith(f"{kind}:"))


async def outcomes(bot: Bot) -> list[str]:
    return [row[2] for row in await bot.audit()]


async def why(asked: Awaitable[object]) -> Reason | None:
    """Why it is refused, None when it is not."""
    refused = await refusal(asked)
    return refused.reason if refused else None


async def press(bot: Bot, waiting: Operation) -> Reason | None:
    return await why(approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock()))


async def test_what_was_told_to_have_expired_stays_so(bot: Bot, waiting: Operation, back: timedelta) -> None:
    before = await bot.approval(waiting.id)
    await tend(bot, at=before.expires_at)
    ended = await bot.operation(waiting.id)
    bot.clock.advance(-back)
    await tend(bot)

    assert (ended.state, ended.reason) == (OperationState.EXPIRED, Reason.EXPIRED)
    assert await press(bot, waiting) is Reason.EXPIRED
    assert await why(approvals.withdraw(bot.database, waiting.id, actor=SORA, now=bot.clock())) is Reason.EXPIRED
    assert await why(glass.smash(bot.database, waiting.id, actor=SORA, reason="It burns.", now=bot.clock())) is (
        Reason.EXPIRED
    )
    assert await bot.operation(waiting.id) == ended
    assert await outcomes(bot) == ["requested", "waiting", "expired"]
    again = await bot.propose(SORA)
    assert (await bot.approval(again.id)).expires_at > bot.clock() + HOUR - 10 * SECOND
    assert bot.outside.argocd.received("POST") == []


async def test_what_nobody_noticed_is_decided_by_the_clock_of_the_press_and_once(
    bot: Bot, waiting: Operation, back: timedelta
) -> None:
    ends = (await bot.approval(waiting.id)).expires_at
    bot.clock.advance(ends - bot.clock())
    early = await press(bot, waiting)
    bot.clock.advance(-back)
    presses = [await press(bot, waiting) for _ in range(2)]
    granted = await bot.approval(waiting.id)
    await tend(bot, at=ends)  # the time comes a second time

    assert (early, presses) == (Reason.EXPIRED, [None, Reason.ALREADY_DECIDED])
    assert await bot.approval(waiting.id) == granted
    assert granted.state is ApprovalState.GRANTED
    done = await bot.followed(await bot.step(await bot.operation(waiting.id)))
    assert (done.state, len(bot.outside.argocd.received("POST"))) == (OperationState.SUCCEEDED, 1)
    assert (await outcomes(bot)).count("granted") == 1


async def test_one_person_consents_once_whatever_the_clock_says(
    bot: Bot, outside: Outside, database_url: str, catalog: Catalog, world: World, back: timedelta
) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    async with bot_in(outside, database_url, catalog=requiring(catalog, 2)) as careful:
        waiting = await careful.propose(SORA)
        first = await press(careful, waiting)
        bot.clock.advance(-back)
        again = await press(careful, waiting)

        assert (first, again) == (None, Reason.ALREADY_VOTED)
        assert [vote.name for vote in (await careful.approval(waiting.id)).votes] == ["minji"]
        assert (await careful.operation(waiting.id)).state is OperationState.WAITING


async def test_nobody_is_reminded_of_a_request_twice(bot: Bot, waiting: Operation, back: timedelta) -> None:
    half, last = (await bot.approval(waiting.id)).reminders
    seen = []
    for moment in (half, half - back, half + SECOND, last, last - back, half + SECOND, last + SECOND):
        await tend(bot, at=moment)
        seen.append(await told(bot, "reminder"))

    assert seen == [["1"]] * 3 + [["1", "2"]] * 4


async def test_after_the_last_reminder_the_first_one_is_not_made_up_for(
    bot: Bot, waiting: Operation, back: timedelta
) -> None:
    half, last = (await bot.approval(waiting.id)).reminders
    seen = []
    for moment in (last, last - back, half + SECOND, last + SECOND):
        await tend(bot, at=moment)
        seen.append(await told(bot, "reminder"))

    assert seen == [["2"]] * 4


async def test_a_lock_that_was_told_to_be_over_stays_so(bot: Bot, back: timedelta) -> None:
    lock = (await locked(bot, period=HOUR)).lock
    assert lock.until is not None
    await tend(bot, at=lock.until)
    bot.clock.advance(-back)
    await tend(bot)

    assert await locks.holding(bot.database, places=["prod"], now=bot.clock()) == []
    assert (await why(unlocked(bot)), await why(bot.request())) == (Reason.LOCK_UNKNOWN, None)
    assert (await outcomes(bot))[:2] == ["locked", "expired"]


async def test_a_lock_that_nobody_noticed_holds_again_and_ends_once(bot: Bot, back: timedelta) -> None:
    lock = (await locked(bot, period=HOUR)).lock
    assert lock.until is not None
    held = []
    for moment in (lock.until - SECOND, lock.until, lock.until - back):
        bot.clock.advance(moment - bot.clock())
        held.append(len(await locks.holding(bot.database, places=["prod"], now=bot.clock())))
    refused = await why(bot.request())
    await tend(bot, at=lock.until)

    assert (held, refused) == ([1, 0, 1], Reason.LOCKED)
    assert (await outcomes(bot), await why(bot.request())) == (["locked", "expired"], None)


async def test_nobody_is_reminded_of_a_lock_or_a_stop_twice_or_in_a_burst(bot: Bot, back: timedelta) -> None:
    await locked(bot)
    stop = (await stopped(bot)).stop
    seen = []
    for hours in (4, 4 - back / HOUR, 4, 28, 28 - back / HOUR, 28, 100):
        await tend(bot, at=stop.since + hours * HOUR)
        seen.append(([one.nags for one in await all_locks(bot)], (await bot.table("stops"))[0]["nags"]))
    reminded = [row[1] for row in await bot.audit() if row[2] == "reminded"]

    assert seen == sorted(seen)  # it never goes back
    assert [nags for (nags,), _ in seen] == [1, 1, 1, 2, 2, 2, 5]
    assert reminded.count("lock") == len({nags for (nags,), _ in seen}) == 3
    assert reminded.count("stop") == len({nags for _, nags in seen} - {0})
    assert await told(bot, "nag") == ["0", "1", "2", "5"]


async def test_a_freeze_that_was_told_to_be_over_stays_so(bot: Bot, back: timedelta) -> None:
    ends = (await froze(bot)).first[1]
    await tend(bot, at=ends)
    bot.clock.advance(-back)
    await tend(bot)

    assert await freezes.standing(bot.database, places=["prod"]) == []
    assert (await outcomes(bot), await why(bot.request())) == (["added", "over"], None)


async def test_a_freeze_that_nobody_noticed_holds_again_and_ends_once(bot: Bot, back: timedelta) -> None:
    ends = (await froze(bot)).first[1]
    bot.clock.advance(ends - back - bot.clock())
    refused = await why(bot.request())
    await tend(bot, at=ends)
    await tend(bot)

    assert refused is Reason.FROZEN
    assert [one.ended is not None for one in await all_freezes(bot)] == [True]
    assert (await outcomes(bot), await why(bot.request())) == (["added", "over"], None)


async def test_a_window_that_comes_again_is_told_by_the_clock_of_now_and_takes_no_time(
    bot: Bot, waiting: Operation, back: timedelta
) -> None:
    asked = (await bot.approval(waiting.id)).requested_at
    begins = datetime(asked.year, asked.month, asked.day, asked.hour, 30, tzinfo=UTC)
    await froze(bot, cron=f"{begins:%M %H} * * *", lasts="2h")
    waits, seen = [], []
    for moment in (begins, begins + 2 * HOUR, begins + 2 * HOUR - back, begins + 2 * HOUR):
        await tend(bot, at=moment)
        waits.append((await bot.approval(waiting.id)).expires_at)
        seen.append((await bot.table("freezes"))[0]["told_until"])

    assert waits == sorted(waits)
    assert [until is not None for until in seen] == [True, False, back == HOUR, False]
    assert [row[2] for row in await bot.audit() if row[1] == "freeze"] == ["added"]


async def test_nobody_is_reminded_of_a_review_twice_and_what_was_reviewed_stays_so(
    bot: Bot, waiting: Operation, back: timedelta
) -> None:
    broken = await glass.smash(bot.database, waiting.id, actor=SORA, reason="It burns.", now=bot.clock())
    assert broken.broken is not None
    seen = []
    for hours in (4, 24, 240):
        for moment in (hours, hours - back / HOUR, hours):
            await tend(bot, at=broken.broken.at + moment * HOUR + SECOND)
            seen.append(await told(bot, "glass"))
    bot.clock.advance(-back)
    await glass.review(bot.database, waiting.id, actor=MINJI, now=bot.clock())
    await tend(bot, at=broken.broken.at + 400 * HOUR)

    assert seen == [["0", "1"]] * 3 + [["0", "1", "2"]] * 3 + [["0", "1", "11", "2"]] * 3
    assert await told(bot, "glass") == ["0", "1", "11", "2"]
    assert [row[2] for row in await bot.audit() if row[1] == "break_glass"] == [
        "granted",
        *["reminded"] * 3,
        "reviewed",
    ]


async def test_the_trail_is_in_the_order_of_what_happened_and_holds(
    bot: Bot, waiting: Operation, back: timedelta
) -> None:
    await locked(bot)
    bot.clock.advance(-back)
    await unlocked(bot)
    await approvals.reject(bot.database, waiting.id, actor=MINJI, why="Not today.", now=bot.clock())
    rows = await bot.table("audit")

    assert [(row["id"], row["outcome"]) for row in rows] == [
        *enumerate(["requested", "waiting", "locked", "unlocked", "rejected"], 1)
    ]
    assert rows[3]["at"] < rows[2]["at"]
    verified = await trail.verify(bot.database)
    assert (verified.broken, verified.head.id) == (None, 5)
