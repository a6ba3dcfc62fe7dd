"""What is in the way of a request, each in a line on its card and in a refusal, and what whoever is stopped can do."""

from collections.abc import Sequence
from datetime import timedelta

from bot.cards import freezes, locks, stops
from bot.cards.base import DESCRIPTION_LIMIT
from bot.cards.text import duration, length, several
from bot.domain.freezes import Frozen
from bot.domain.locks import Lock
from bot.domain.obstacles import Obstacle, stands_still
from bot.domain.stops import Stop

SHOWN, MOST = 3, 6
"""How many are told in full in passing, and to who asks for them; the rest is counted."""


def all_told(found: Sequence[Obstacle], *, most: int = SHOWN, room: int = DESCRIPTION_LIMIT) -> str:
    """Everything that is in the way, with what to do about each; '' for nothing. What finds no `room` is counted."""
    lines, text = [f"{told(one)}\n↳ {way_out(one)}" for one in found[:most]], ""
    for number in range(len(lines), -1, -1):
        more = len(found) - number
        rest = [f"… and {more} more: `/locks` and `/freeze list` show them."] if more else []
        text = "\n".join([*lines[:number], *rest])
        if length(text) <= room:
            break
    return text


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


def until_then(found: Sequence[Obstacle], *, lifetime: timedelta | None) -> str:
    """What the people who could decide have to know: until when nobody can, and what becomes of the request's time.

    Its time begins anew with the `lifetime` of a request when what makes it stand still is over; None is for a place
    that is no longer known, where no time is given.
    """
    ends = dict.fromkeys(map(_end, found))
    waits = f"Nobody can approve until {several([*ends], limit=len(ends))}."
    if lifetime is None or not stands_still(found):
        return waits
    held = several([*dict.fromkeys(word(one) for one in found if not isinstance(one, Lock))], last="or")
    left = duration(lifetime.total_seconds())
    return f"{waits} Its time stands still while it is {held}; after that at least {left} is left."


def _end(obstacle: Obstacle) -> str:
    match obstacle:
        case Stop():
            return "everything is resumed"
        case Lock():
            return "the lock is gone"
        case Frozen(until=None):
            return "the freeze is removed"
        case Frozen():
            return "the freeze is over"
