"""Freeze windows: when they hold and until when, in zones that change their clocks, and what is no window."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain import freezes
from bot.domain.freezes import Freeze, Frozen, Unreadable
from bot.domain.reasons import Reason, Refused
from tests.domain.examples import BEGIN
from tests.domain.halts import freeze
from tests.domain.strategies import UNHURRIED

HOUR = timedelta(hours=1)
BERLIN, SEOUL = "Europe/Berlin", "Asia/Seoul"
ONCE = freeze()


def weekly(cron: str = "0 18 * * FRI", *, lasts: timedelta = 62 * HOUR, zone: str = SEOUL) -> Freeze:
    return freeze(cron=cron, lasts=lasts, zone=zone, starts=None, ends=None)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def wall(text: str, zone: str, *, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def test_within_one_minute_a_window_that_comes_again_begins_and_ends_at_its_second() -> None:
    one, starts = weekly(lasts=timedelta(seconds=90)), wall("2026-08-21T18:00", SEOUL)
    moments = [starts + timedelta(seconds=seconds) for seconds in (-1, 0, 59, 60, 89.9, 90, 119)]
    ends = starts + timedelta(seconds=90)
    assert [freezes.until(one, now=now) for now in moments] == [None, ends, ends, ends, ends, None, None]


def test_a_single_window_holds_from_its_start_to_its_end() -> None:
    assert ONCE.starts is not None
    assert ONCE.ends is not None
    tick = timedelta(microseconds=1)
    moments = (ONCE.starts - tick, ONCE.starts, ONCE.ends - tick, ONCE.ends)
    assert [freezes.until(ONCE, now=now) for now in moments] == [None, ONCE.ends, ONCE.ends, None]
    assert [freezes.is_over(ONCE, now=now) for now in moments] == [False, False, False, True]
    assert freezes.next_window(ONCE, now=moments[0]) == (ONCE.starts, ONCE.ends)
    assert freezes.next_window(ONCE, now=moments[1]) is None


@pytest.mark.parametrize(
    ("zone", "friday", "monday"),
    [
        (SEOUL, "2026-08-21T18:00", "2026-08-24T08:00"),
        (BERLIN, "2026-08-21T18:00", "2026-08-24T08:00"),
        (BERLIN, "2026-03-27T18:00", "2026-03-30T08:00"),  # an hour is missing on Sunday
        (BERLIN, "2026-10-23T18:00", "2026-10-26T08:00"),  # an hour comes twice
    ],
)
def test_a_weekend_ends_on_monday_at_eight_whatever_the_clocks_do(zone: str, friday: str, monday: str) -> None:
    starts, ends, tick = wall(friday, zone), wall(monday, zone), timedelta(microseconds=1)
    one = weekly(zone=zone)
    moments = (starts - tick, starts, ends - tick, ends)
    assert [freezes.until(one, now=now) for now in moments] == [None, ends, ends, None]
    assert freezes.next_window(one, now=moments[0]) == (starts, ends)


@pytest.mark.parametrize(
    ("cron", "minutes", "starts", "ends"),
    [
        # Spring in Berlin: there is no time from 02:00 to 03:00 on the 29th of March.
        ("30 2 29 3 *", 15, "2026-03-29T01:00", "2026-03-29T01:15"),  # starts with the next minute that there is
        ("50 1 29 3 *", 20, "2026-03-29T00:50", "2026-03-29T01:10"),
        # Autumn: 02:00 to 03:00 comes twice on the 25th of October, at midnight and at one o'clock UTC.
        ("30 2 25 10 *", 10, "2026-10-25T00:30", "2026-10-25T01:40"),
        ("50 1 25 10 *", 20, "2026-10-24T23:50", "2026-10-25T01:10"),
    ],
)
def test_an_hour_that_is_missing_or_comes_twice(cron: str, minutes: int, starts: str, ends: str) -> None:
    one = weekly(cron, lasts=timedelta(minutes=minutes), zone=BERLIN)
    assert freezes.next_window(one, now=utc("2026-03-01" if "3 *" in cron else "2026-10-01")) == (
        utc(starts),
        utc(ends),
    )
    for now in (utc(starts), utc(ends) - timedelta(seconds=1)):
        assert freezes.until(one, now=now) == utc(ends)
    assert freezes.until(one, now=utc(ends)) is None


def test_windows_that_follow_each_other_are_one() -> None:
    daily = weekly("0 9 * * MON-WED", lasts=timedelta(days=1), zone=BERLIN)
    assert freezes.until(daily, now=wall("2026-08-24T12:00", BERLIN)) == wall("2026-08-27T09:00", BERLIN)
    always = weekly("* * * * *", lasts=2 * HOUR)
    assert (found := freezes.until(always, now=BEGIN)) is not None
    assert found > BEGIN + 2 * HOUR


CRONS = st.builds(
    " ".join,
    st.tuples(
        st.sampled_from(["0", "30", "*/20", "15,45", "*"]),
        st.sampled_from(["*", "1", "2", "3", "0-3", "*/6", "18", "23"]),
        st.sampled_from(["*", "1", "25,29", "L", "31"]),
        st.sampled_from(["*", "3,10", "8"]),
        st.sampled_from(["*", "FRI", "SUN", "SUN#1", "5L", "1-5"]),
    ),
)
CHANGES = [utc("2026-03-29"), utc("2026-10-25"), utc("2026-03-08"), utc("2026-11-01"), utc("2026-08-22")]
MOMENTS = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-3000, 3000)
)


@UNHURRIED
@given(
    cron=CRONS,
    zone=st.sampled_from([BERLIN, SEOUL, "America/New_York", "Africa/Casablanca", "UTC"]),
    minutes=st.sampled_from([1, 10, 45, 60, 90, 61 * 60]),
    now=MOMENTS,
)
@example(cron="*/20 * * * *", zone=BERLIN, minutes=10, now=utc("2026-10-25T00:55"))
@example(cron="30 2 * * *", zone=BERLIN, minutes=45, now=utc("2026-10-25T01:05"))
def test_what_comes_next_and_what_holds_agree(cron: str, zone: str, minutes: int, now: datetime) -> None:
    """A window that was announced holds from its start to its end, and what is told to end has ended then."""
    one = weekly(cron, lasts=timedelta(minutes=minutes), zone=zone)
    window = freezes.next_window(one, now=now)
    assert window is not None
    starts, ends = window
    assert now < starts < ends
    for moment in (starts, starts + (ends - starts) / 2, ends - timedelta(seconds=1)):
        told = freezes.until(one, now=moment)
        assert told is not None
        assert told >= ends
    until = freezes.until(one, now=now)
    if until is None:
        # Nothing holds until the next one begins.
        assert freezes.until(one, now=starts - timedelta(seconds=1)) is None
    else:
        assert until > now
        assert freezes.until(one, now=until - timedelta(seconds=1)) is not None
        # A chain of windows is told as far as it was looked through.
        assert freezes.until(one, now=until) is None or windows(one, now, until) >= 48


def windows(one: Freeze, begin: datetime, end: datetime) -> int:
    """How many windows start after one moment, and not after the other."""
    number = 0
    while (found := freezes.next_window(one, now=begin)) is not None and found[0] <= end:
        begin, number = found[0], number + 1
    return number


@UNHURRIED
@given(cron=st.text(max_size=30) | st.text("0123456789*/,-L#W MONFRI", max_size=25))
@example("5L/2 * * * *")
@example("0 0 L * 5L/2")
@example("0 0 30 2 *")
def test_what_is_no_expression_is_unreadable_and_nothing_worse(cron: str) -> None:
    one = weekly(cron)
    found = freezes.frozen(one, now=BEGIN)
    assert found is None or found.freeze == one
    reason = None
    try:
        starts, ends = freezes.require_sound(one, now=BEGIN)
    except Refused as refused:
        reason = refused.reason
    else:
        assert starts < ends
    assert reason in (None, Reason.FREEZE_CRON)
    assert reason or found is None or found.until is not None


UNREADABLE = [
    replace(ONCE, ends=None),
    replace(ONCE, starts=ONCE.ends, ends=ONCE.starts),
    weekly("0 18 * *"),
    weekly("0 0 18 * * FRI"),
    weekly("0 25 * * *"),
    weekly(zone="Mars/Olympus"),
    weekly(zone=""),
    weekly(zone="../etc/passwd"),
    weekly(zone="America"),
    weekly(lasts=timedelta(0)),
    replace(weekly(), lasts=None),
]


@pytest.mark.parametrize("one", UNREADABLE)
def test_what_cannot_be_read_holds_and_nobody_knows_until_when(one: Freeze) -> None:
    assert freezes.frozen(one, now=BEGIN) == Frozen(freeze=one, until=None)
    assert not freezes.is_over(one, now=BEGIN + timedelta(days=9999))
    with pytest.raises(Unreadable):
        freezes.until(one, now=BEGIN)
    with pytest.raises(Refused) as refused:
        freezes.require_sound(one, now=BEGIN)
    assert refused.value.reason is (Reason.FREEZE_CRON if one.cron else Reason.FREEZE_TIMES)


def test_the_freeze_that_people_are_told_of() -> None:
    longer = replace(ONCE, id="f-2", service="ticket-service", ends=BEGIN + timedelta(days=9))
    broken = replace(ONCE, id="f-3", ends=None)
    removed = replace(longer, id="f-4", ended=freezes.Ended(how=freezes.End.REMOVED, at=BEGIN))

    def told(*found: Freeze, service: str | None = "ticket-service", environment: str = "prod") -> list[str]:
        return [one.freeze.id for one in freezes.blocking(found, environment=environment, service=service, now=BEGIN)]

    assert [told(), told(ONCE), told(removed)] == [[], ["f-1"], []]
    assert [told(ONCE, longer), told(longer, broken, ONCE)] == [["f-2", "f-1"], ["f-3", "f-2", "f-1"]]
    assert [told(longer, service=None), told(longer, service="backend")] == [["f-2"], []]
    assert told(ONCE, broken, environment="staging") == []


def test_a_new_freeze_says_when_it_holds_first() -> None:
    assert ONCE.starts is not None
    assert ONCE.ends is not None
    assert freezes.require_sound(ONCE, now=BEGIN) == (ONCE.starts, ONCE.ends)
    now = wall("2026-08-22T12:00", SEOUL)  # a Saturday
    assert freezes.require_sound(weekly(), now=now) == (now, wall("2026-08-24T08:00", SEOUL))
    tuesday = wall("2026-08-25T12:00", SEOUL)
    friday, monday = wall("2026-08-28T18:00", SEOUL), wall("2026-08-31T08:00", SEOUL)
    assert freezes.require_sound(weekly(), now=tuesday) == (friday, monday)


@pytest.mark.parametrize(
    "one",
    [
        replace(ONCE, ends=BEGIN),
        replace(ONCE, starts=BEGIN, ends=BEGIN + timedelta(days=367)),
        replace(ONCE, starts=BEGIN + timedelta(days=4000), ends=BEGIN + timedelta(days=4001)),
    ],
)
def test_what_is_over_or_too_long_is_no_freeze(one: Freeze) -> None:
    with pytest.raises(Refused) as refused:
        freezes.require_sound(one, now=BEGIN)
    assert refused.value.reason is Reason.FREEZE_TIMES


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-12-24T18:00", SEOUL, "2026-12-24T09:00"),
        (" 2026-12-24 18:00 ", BERLIN, "2026-12-24T17:00"),
        ("2026-12-24", "UTC", "2026-12-24T00:00"),
        ("2026-12-24T18:00+09:00", BERLIN, "2026-12-24T09:00"),
    ],
)
def test_times_as_people_write_them(text: str, zone: str, expected: str) -> None:
    assert {freezes.moment(text, zone=zone, latest=latest) for latest in (False, True)} == {utc(expected)}


def test_of_a_time_that_comes_twice_or_not_at_all_the_longer_reading_is_taken() -> None:
    for text, early, late in (
        ("2026-10-25T02:30", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("2026-03-29T02:30", "2026-03-29T00:30", "2026-03-29T01:30"),
    ):
        found = [freezes.moment(text, zone=BERLIN, latest=latest) for latest in (False, True)]
        assert found == [utc(early), utc(late)]


@pytest.mark.parametrize("text", ["", "friday", "18:00", "2026-13-01", "24.12.2026", "0001-01-01T00:00+14:00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(Refused) as refused:
        freezes.moment(text, zone=SEOUL, latest=True)
    assert refused.value.reason is Reason.FREEZE_TIMES
