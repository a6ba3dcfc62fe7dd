"""What is in the way of a request, each in a line on its card and in a refusal, and what whoever is stopped can do."""

from collections.abc import Sequence

from bot.cards import freezes, locks, stops
from bot.domain.freezes import Frozen
from bot.domain.locks import Lock
from bot.domain.obstacles import Obstacle
from bot.domain.stops import Stop

SHOWN = 3
"""How many are told in full; the rest is counted."""


def all_told(found: Sequence[Obstacle]) -> str:
    """Everything that is in the way, with what to do about each; '' for nothing."""
    lines = [f"{told(one)}\n{way_out(one)}" for one in found[:SHOWN]]
    more = len(found) - SHOWN
    return "\n".join([*lines, f"And {more} more: `/locks` and `/freeze list` show them."] if more > 0 else lines)


def told(obstacle: Obstacle) -> str:
    """One line: what is in the way, who set it, since and until when, and why."""
    match obstacle:
        case Stop():
            return stops.told(obstacle)
        case Lock():
            return locks.told(obstacle)
        case Frozen():
            return freezes.told(obstacle)


def way_out(obstacle: Obstacle) -> str:
    """What whoever is stopped by it can do."""
    match obstacle:
        case Stop():
            return stops.WAY_OUT
        case Lock():
            return locks.way_out(obstacle)
        case Frozen():
            return freezes.way_out(obstacle)


def word(obstacle: Obstacle) -> str:
    """What a request is that waits behind it, for the title of its card."""
    match obstacle:
        case Stop():
            return "stopped"
        case Lock():
            return "locked"
        case Frozen():
            return "frozen"


def until_then(obstacle: Obstacle) -> str:
    """What the people who could decide have to know."""
    match obstacle:
        case Stop():
            return "Nobody can approve before everything is resumed; its time stands still."
        case Lock():
            return "Nobody can approve before the lock is gone."
        case Frozen(until=None):
            return "Nobody can approve before it is removed; the request waits for that."
        case Frozen():
            return "Nobody can approve before the freeze is over; the request waits for that."
