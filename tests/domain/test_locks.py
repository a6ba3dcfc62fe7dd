"""Deploy locks: what they meet, when they hold, how long they may last, and when people are reminded."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from bot.domain import locks
from bot.domain.locks import End, Lock
from bot.domain.reasons import Reason, Refused
from tests.domain.examples import BEGIN, lock

LOCK = lock()
TICKETS = replace(LOCK, id="l-2", service="ticket-service")


def after(**time: float) -> datetime:
    return BEGIN + timedelta(**time)


def meets(one: Lock, service: str | None, *, environment: str = "prod", rollback: bool = False) -> bool:
    return locks.blocks(one, environment=environment, service=service, rollback=rollback, now=BEGIN)


@pytest.mark.parametrize(
    ("one", "service", "expected"),
    [
        (LOCK, "ticket-service", True),
        (LOCK, None, True),
        (TICKETS, "ticket-service", True),
        (TICKETS, "backend", False),
        (TICKETS, None, True),
    ],
)
def test_a_lock_meets_its_service_and_everything(one: Lock, service: str | None, expected: bool) -> None:
    assert meets(one, service) is expected
    assert not meets(one, service, environment="staging")
    assert not meets(one, service, rollback=True)
    assert meets(replace(one, blocks_rollbacks=True), service, rollback=True) is expected
    assert not meets(locks.end(one, End.UNLOCKED, now=BEGIN), service)


def test_time_is_decided_at_the_moment_of_the_question() -> None:
    short = lock(until=after(hours=2))
    moments = (after(), after(hours=2, microseconds=-1), after(hours=2), after(days=9))

    assert [locks.in_force(short, now=now) for now in moments] == [True, True, False, False]
    assert locks.in_force(LOCK, now=after(days=999))


def test_the_lock_that_people_are_told_of() -> None:
    older = replace(TICKETS, id="l-3", since=after(hours=-1))
    over = replace(LOCK, id="l-0", since=after(hours=-2), until=BEGIN)

    def told(*found: Lock) -> list[Lock]:
        return locks.blocking(found, environment="prod", service="ticket-service", rollback=False, now=BEGIN)

    assert [told(), told(over), told(TICKETS, older)] == [[], [], [older, TICKETS]]
    assert told(over, TICKETS, older, LOCK) == [LOCK, older, TICKETS]


HOUR = 60
NAGS = [(None, [4 * HOUR, 28 * HOUR, 52 * HOUR]), ("op-1", [30, 2 * HOUR, 26 * HOUR, 50 * HOUR])]


@pytest.mark.parametrize(("operation_id", "minutes"), NAGS)
def test_reminders_come_when_they_are_due(operation_id: str | None, minutes: list[int]) -> None:
    one = lock(operation_id=operation_id)
    for number, due in enumerate(minutes):
        assert locks.nagged(one, now=after(minutes=due, microseconds=-1)) == one
        one = locks.nagged(one, now=after(minutes=due))
        assert one.nags == number + 1
        assert locks.nagged(one, now=after(minutes=due)) == one


def test_missed_reminders_are_one_and_a_lock_that_is_over_has_none() -> None:
    assert locks.nagged(LOCK, now=after(days=3)).nags == 3
    assert locks.nagged(replace(LOCK, until=after(days=3)), now=after(days=3)).nags == 0
    assert locks.nagged(locks.end(LOCK, End.UNLOCKED, now=BEGIN), now=after(days=3)).nags == 0
    assert locks.nagged(replace(LOCK, owner_name=""), now=after(days=3)).nags == 0  # It cannot be read.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        (" 1 D ", timedelta(days=1)),
        ("30d", timedelta(days=30)),
        ("720h", timedelta(days=30)),
    ],
)
def test_how_long(text: str, expected: timedelta) -> None:
    assert locks.period(text) == expected


@pytest.mark.parametrize("text", ["", "2", "h", "0m", "-1h", "1.5h", "1h30m", "31d", "721h", "99999d", "2 weeks", "٣h"])
def test_how_long_is_said_in_one_way(text: str) -> None:
    with pytest.raises(Refused) as refused:
        locks.period(text)
    assert refused.value.reason is Reason.LOCK_PERIOD
