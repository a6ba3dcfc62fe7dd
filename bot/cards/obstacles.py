"""What is in the way of a request, in one line on its card and in a refusal, and what whoever is stopped can do."""

from bot.cards import freezes, locks, stops
from bot.domain.freezes import Frozen
from bot.domain.locks import Lock
from bot.domain.obstacles import Obstacle
from bot.domain.stops import Stop


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
