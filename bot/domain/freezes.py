"""Freeze windows: times in which nothing new is deployed to an environment or one service.

A freeze is one window from one moment to another, or one that comes again by cron: it starts when the expression says,
and `lasts` as long as the clock on the wall shows, so that a weekend ends on Monday at eight also when the clocks were
changed on Sunday. An hour that comes twice or not at all is read in the way that makes the window longer.

    standing -> removed | over (a single window that has passed), and nothing leaves those.

Whether it is frozen is decided at the moment of the question. Who asks about a freeze that cannot be read is told that
it is frozen, and that nobody knows until when. A freeze stops deploys only, and one of them goes through: a hot-fix.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from bot.domain.reasons import Reason, Refused

LONGEST = timedelta(days=366)
AHEAD = timedelta(days=3660)
CRON_LIMIT = ZONE_LIMIT = 60
_SHIFT = timedelta(hours=2)
"""No clock is changed by more: windows that began so little apart may end in the other order."""
_CHAINED = 48
"""How many windows that follow each other without a gap are told as one."""
_REMEMBERED = 512
"""Of how many freezes it is remembered how they are in this minute: every order and every look around asks."""


class Unreadable(Exception):
    """The freeze says nothing that could be understood."""


class End(StrEnum):
    """How a freeze ended."""

    REMOVED = "removed"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a freeze: `by` is a name or '' when its only window had passed, `reason` what they said of it."""

    how: End
    at: datetime
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """One freeze, on the whole environment without a `service`; either `starts` and `ends`, or `cron` and `lasts`.

    `zone` names the time zone of the cron expression. `owner_id` is a Discord id.
    """

    id: str
    environment: str
    service: str | None
    owner_id: int
    owner_name: str
    reason: str
    since: datetime
    zone: str = "UTC"
    starts: datetime | None = None
    ends: datetime | None = None
    cron: str | None = None
    lasts: timedelta | None = None
    ended: Ended | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """That a freeze is in force, and `until` when: None when nobody can say, because the freeze cannot be read."""

    freeze: Freeze
    until: datetime | None


def until(freeze: Freeze, *, now: datetime) -> datetime | None:
    """When the window ends that holds at this moment, in UTC; None when none does. Raises `Unreadable`.

    Windows that follow each other without a gap are one, as far as they are looked through.
    """
    if freeze.cron is None:
        starts, ends = _once(freeze)
        return ends if starts <= now < ends else None
    # Windows begin with a minute, so within one nothing changes but whether the last one is over.
    last = _last_end(freeze, now.replace(second=0, microsecond=0))
    return last if last is not None and last > now else None


def next_window(freeze: Freeze, *, now: datetime) -> tuple[datetime, datetime] | None:
    """The next window that starts after this moment, in UTC; None when none will. Raises `Unreadable`."""
    if freeze.cron is None:
        starts, ends = _once(freeze)
        return (starts, ends) if starts > now else None
    start = next(_coming(freeze, now=now), None)
    return (start, _end(freeze, start)) if start is not None else None


def is_over(freeze: Freeze, *, now: datetime) -> bool:
    """Whether its only window has passed. One that cannot be read is not over."""
    try:
        return freeze.cron is None and _once(freeze)[1] <= now
    except Unreadable:
        return False


def frozen(freeze: Freeze, *, now: datetime) -> Frozen | None:
    """What the freeze says at this moment; one that cannot be read says that it is frozen."""
    if freeze.ended is not None:
        return None
    try:
        ends = until(freeze, now=now)
    except Unreadable:
        return Frozen(freeze=freeze, until=None)
    return Frozen(freeze=freeze, until=ends) if ends is not None else None


def blocking(freezes: Iterable[Freeze], *, environment: str, service: str | None, now: datetime) -> list[Frozen]:
    """The freezes that hold it: those that nobody can read first, then the one that lasts longest.

    A freeze of the environment is about every service in it, and what is about every service meets every freeze.
    """
    meant = (one for one in freezes if one.environment == environment)
    found = (frozen(one, now=now) for one in meant if None in (one.service, service) or one.service == service)
    known = filter(None, found)
    return sorted(known, key=lambda one: (one.until is None, one.until or now, one.freeze.id), reverse=True)


def moment(text: str, *, zone: str, latest: bool) -> datetime:
    """The moment that somebody wrote, in UTC: ISO 8601, in the zone unless it names an offset of its own.

    Of a time that comes twice, or not at all, the later reading is taken with `latest`, else the earlier one. Refuses
    (FREEZE_TIMES) what is no such time.
    """
    try:
        written = datetime.fromisoformat(text.strip())
        return written.astimezone(UTC) if written.tzinfo else _at(written, zone_of(zone), latest=latest)
    except (ValueError, OverflowError) as error:
        raise Refused(Reason.FREEZE_TIMES) from error


def require_sound(freeze: Freeze, *, now: datetime) -> tuple[datetime, datetime]:
    """The first window that a new freeze will have or has, so that people see whether it is what they meant.

    Refuses (FREEZE_TIMES, FREEZE_CRON) one that ends before it starts, is over, lasts longer than a year, or will
    never come.
    """
    if freeze.cron is None:
        try:
            starts, ends = _once(freeze)
        except Unreadable as error:
            raise Refused(Reason.FREEZE_TIMES) from error
        if ends <= now or ends - starts > LONGEST or starts - now > AHEAD:
            raise Refused(Reason.FREEZE_TIMES)
        return starts, ends
    try:
        first = next_window(freeze, now=now)
        held = until(freeze, now=now)
    except Unreadable as error:
        raise Refused(Reason.FREEZE_CRON) from error
    if first is None or first[0] - now > AHEAD:
        raise Refused(Reason.FREEZE_CRON)
    return (now, held) if held is not None else first


def zone_of(name: str) -> ZoneInfo:
    """The time zone of this name. Raises ValueError when there is none (any more)."""
    try:
        return ZoneInfo(name)
    except (OSError, KeyError, ValueError) as error:  # a directory, an unknown name, no name at all
        raise ValueError(f"no time zone {name!r}") from error


@lru_cache(maxsize=_REMEMBERED)
def _last_end(freeze: Freeze, minute: datetime) -> datetime | None:
    """The last end of the windows that have begun by then, and of those that follow them without a gap."""
    last = max((_end(freeze, start) for start in _recent(freeze, now=minute)), default=None)
    if last is None:
        return None
    for start in islice(_coming(freeze, now=minute), _CHAINED):
        if start > last:
            break
        last = max(last, _end(freeze, start))
    return last


def _once(freeze: Freeze) -> tuple[datetime, datetime]:
    if freeze.starts is None or freeze.ends is None or freeze.ends <= freeze.starts:
        raise Unreadable(freeze.id)
    return freeze.starts, freeze.ends


def _recent(freeze: Freeze, *, now: datetime) -> Iterator[datetime]:
    """When the newest windows started: those from which the last end can come."""
    newest: datetime | None = None
    # The clock on the wall may have shown a later time already than it does now.
    for start in _starts(freeze, now + _SHIFT, backwards=True):
        if newest is not None and start < newest - _SHIFT:
            return
        if start <= now:
            newest = newest or start
            yield start


def _coming(freeze: Freeze, *, now: datetime) -> Iterator[datetime]:
    """When windows will start after this moment."""
    return (start for start in _starts(freeze, now) if start > now)


def _starts(freeze: Freeze, begin: datetime, *, backwards: bool = False) -> Iterator[datetime]:
    """The moments that the cron expression names, in UTC, before or after this one."""
    if freeze.cron is None or freeze.lasts is None or freeze.lasts <= timedelta(0):
        raise Unreadable(freeze.id)
    try:
        if len(freeze.cron.split()) != 5 or len(freeze.cron) > CRON_LIMIT:
            raise Unreadable(freeze.id)
        found = CronSim(freeze.cron, begin.astimezone(zone_of(freeze.zone)), reverse=backwards)
    except (CronSimError, ValueError) as error:
        raise Unreadable(freeze.id) from error
    return (start.astimezone(UTC) for start in found)


def _end(freeze: Freeze, start: datetime) -> datetime:
    """When a window that started then ends, by the clock on the wall."""
    if freeze.lasts is None:
        raise Unreadable(freeze.id)
    zone = zone_of(freeze.zone)
    return _at(start.astimezone(zone).replace(tzinfo=None) + freeze.lasts, zone, latest=True)


def _at(wall: datetime, zone: ZoneInfo, *, latest: bool) -> datetime:
    """The moment at which a clock on the wall shows this, in UTC."""
    readings = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(readings) if latest else min(readings)
