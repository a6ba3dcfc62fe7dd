"""What keeps an operation from going on for now: everything is stopped, somebody has locked it, or it is frozen."""

from collections.abc import Iterable

from bot.domain.freezes import Frozen
from bot.domain.locks import Lock
from bot.domain.stops import Stop

Obstacle = Stop | Lock | Frozen


def stands_still(found: Iterable[Obstacle]) -> bool:
    """Whether the time of a request that waits behind these stands still: not while there are only locks."""
    return any(isinstance(one, Stop | Frozen) for one in found)
