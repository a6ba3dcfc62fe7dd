"""Deploy locks that people set: who keeps deploys away from an environment or one service, why, and until when.

A lock is in force from `since` until somebody ends it or its time is over, and time is decided at the moment of the
question: an expired lock blocks nothing, whether or not it has been cleared away yet.

    in force -> unlocked | renewed | taken over | expired, and nothing leaves those.

A lock is easily forgotten, so the channel is reminded of it: after four hours and then daily; after half an hour and
two hours when a rollback left it behind, since then nothing newer can go out.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain import reminders
from bot.domain.reasons import Reason, Refused

LONGEST = timedelta(days=30)
REASON_LIMIT = 200
SHORT = 8
"""Characters of a lock's id that people type."""
FIRST_NAGS = (timedelta(hours=4),)
FIRST_NAGS_AFTER_ROLLBACK = (timedelta(minutes=30), timedelta(hours=2))
_DURATION = re.compile(r"(\d{1,5})\s*(m|h|d)", re.IGNORECASE | re.ASCII)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class End(StrEnum):
    """How a lock ended."""

    UNLOCKED = "unlocked"
    RENEWED = "renewed"
    TAKEN_OVER = "taken over"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a lock: `by` is a name or '' when its time was over, `reason` what they said of it."""

    how: End
    at: datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """One lock. Without a `service` it is on the whole environment; without `until` it stands until somebody ends it.

    One whose row cannot be read has no `owner_name`: it stands all the same, and stops rollbacks too.

    `owner_id` is a Discord id. `operation_id` names the rollback that left it behind, and `nags` counts how often the
    channel was reminded.
    """

    id: str
    environment: str
    service: str | None
    owner_id: int
    owner_name: str
    reason: str
    since: datetime
    until: datetime | None
    blocks_rollbacks: bool = False
    operation_id: str | None = None
    nags: int = 0
    ended: Ended | None = None

    @property
    def short_id(self) -> str:
        """What people name it by, to take over exactly this one."""
        return self.id[:SHORT]

    @property
    def unreadable(self) -> bool:
        """Whether nobody can say who set it, why, since and until when."""
        return not self.owner_name


def in_force(lock: Lock, *, now: datetime) -> bool:
    """Whether the lock holds at this moment."""
    return lock.ended is None and (lock.until is None or now < lock.until)


def blocks(lock: Lock, *, environment: str, service: str | None, rollback: bool, now: datetime) -> bool:
    """Whether the lock forbids a deploy or a rollback of this service, or of all of them when none is named.

    A lock on the environment is about every service in it, and what is about every service meets every lock.
    """
    concerned = lock.environment == environment and (None in (lock.service, service) or lock.service == service)
    return concerned and (lock.blocks_rollbacks or not rollback) and in_force(lock, now=now)


def blocking(
    locks: Iterable[Lock], *, environment: str, service: str | None, rollback: bool, now: datetime
) -> list[Lock]:
    """The locks that forbid it: the one on the whole environment before those on services, then the oldest first."""
    found = (
        lock for lock in locks if blocks(lock, environment=environment, service=service, rollback=rollback, now=now)
    )
    return sorted(found, key=lambda lock: (lock.service is not None, lock.since, lock.id))


def nagged(lock: Lock, *, now: datetime) -> Lock:
    """The lock with every reminder counted that is due; those that were missed are one. Unchanged when none is.

    Of one that cannot be read nobody knows since when it stands, so it has none.
    """
    if lock.unreadable or not in_force(lock, now=now):
        return lock
    return replace(lock, nags=reminders.counted(lock.since, first=_first_nags(lock), told=lock.nags, now=now))


def end(lock: Lock, how: End, *, now: datetime, by: str = "", reason: str = "") -> Lock:
    """The lock after its end."""
    return replace(lock, ended=Ended(how=how, at=now, by=by, reason=reason))


def period(text: str) -> timedelta:
    """How long `30m`, `2h` or `1d` is. Refuses anything else, nothing at all, and more than 30 days."""
    found = span(text)
    if found is None:
        raise Refused(Reason.LOCK_PERIOD)
    return found


def span(text: str) -> timedelta | None:
    """How long `30m`, `2h` or `1d` is, 30 days at most; None for anything else."""
    match = _DURATION.fullmatch(text.strip())
    found = int(match[1]) * _UNITS[match[2].lower()] if match else timedelta(0)
    return found if timedelta(0) < found <= LONGEST else None


def _first_nags(lock: Lock) -> tuple[timedelta, ...]:
    return FIRST_NAGS_AFTER_ROLLBACK if lock.operation_id else FIRST_NAGS
