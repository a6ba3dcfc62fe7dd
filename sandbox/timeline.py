"""The world's clock, at the precision the outside systems have: whole seconds.

Argo CD and GitHub write times as RFC 3339 UTC without fractions, and their readers order and de-duplicate by them. A
test world does in milliseconds what takes minutes outside, so two events that can never share a second in reality
would share one here. `after` therefore gives every event that somebody may order by a second of its own, and time
never goes back. At a human pace that is the real time; in a fast test it runs ahead of it by a second an event.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The real time, in UTC."""
    return datetime.now(UTC)


@lru_cache(4096)  # every look at a world writes the same few moments again
def rfc3339(moment: datetime) -> str:
    """`2026-01-05T14:30:22Z`, as Argo CD, Kubernetes and GitHub write it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Timeline:
    """Whole seconds that never go back; `past` shifts the clock, for the history a new world begins with."""

    def __init__(self, clock: Clock = utc_now, *, past: timedelta = timedelta(0)) -> None:
        self.clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)
        self.past = past

    def now(self) -> datetime:
        """The present second, not before any moment given earlier."""
        self._last = max(self._last, self.clock().astimezone(UTC).replace(microsecond=0) - self.past)
        return self._last

    def after(self) -> datetime:
        """A second later than every moment given earlier, for an event that others are ordered by."""
        previous = self._last
        if self.now() == previous:
            self._last += timedelta(seconds=1)
        return self._last
