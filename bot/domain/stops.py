"""The kill switch: everything that the bot would do outside is held, everywhere, until somebody resumes.

    standing -> resumed, and nothing leaves that.

While a stop stands, no order and no consent is taken, and what is open waits where it is: nobody is sent away. What
runs in Argo CD already is followed on, and `/terminate` stays possible, since it ends something.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain import reminders
from bot.domain.operations import OperationKind

FIRST_NAGS = (timedelta(minutes=30), timedelta(hours=2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The end of a stop: who resumed, when, and what they said of it."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One stop. `owner_id` is a Discord id; `nags` counts how often the channels were reminded.

    One whose row cannot be read has no `owner_name`: it stands all the same.
    """

    id: str
    owner_id: int
    owner_name: str
    reason: str
    since: datetime
    nags: int = 0
    resumed: Resumed | None = None


def holds(kind: OperationKind) -> bool:
    """Whether a stop holds operations of this kind: all but those that end something."""
    return kind is not OperationKind.TERMINATE


def nagged(stop: Stop, *, now: datetime) -> Stop:
    """The stop with every reminder counted that is due; those that were missed are one. Unchanged when none is."""
    if stop.resumed is not None:
        return stop
    return replace(stop, nags=reminders.counted(stop.since, first=FIRST_NAGS, told=stop.nags, now=now))
