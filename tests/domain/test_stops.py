"""The kill switch: what it holds, and when people are reminded of it."""

from dataclasses import replace
from datetime import timedelta

from bot.domain import stops
from bot.domain.operations import OperationKind
from bot.domain.stops import Resumed
from tests.domain.examples import BEGIN
from tests.domain.halts import stop


def test_it_holds_everything_but_what_ends_something() -> None:
    assert {kind for kind in OperationKind if not stops.holds(kind)} == {OperationKind.TERMINATE}


def test_reminders_come_soon_and_then_daily_and_those_that_were_missed_are_one() -> None:
    one = stop()
    for number, minutes in enumerate((30, 120, 120 + 24 * 60, 120 + 48 * 60)):
        due = BEGIN + timedelta(minutes=minutes)
        assert stops.nagged(one, now=due - timedelta(microseconds=1)) == one
        one = stops.nagged(one, now=due)
        assert one.nags == number + 1
    assert stops.nagged(stop(), now=BEGIN + timedelta(days=3)).nags == 4
    ended = replace(stop(), resumed=Resumed(at=BEGIN, by="minji", reason="fine"))
    assert stops.nagged(ended, now=BEGIN + timedelta(days=3)) == ended
