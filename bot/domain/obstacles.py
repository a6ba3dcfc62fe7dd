"""What keeps an operation from going on for now: everything is stopped, somebody has locked it, or it is frozen."""

from bot.domain.freezes import Frozen
from bot.domain.locks import Lock
from bot.domain.stops import Stop

Obstacle = Stop | Lock | Frozen
