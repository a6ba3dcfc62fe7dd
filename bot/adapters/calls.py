"""What every call to somebody else's API has in common: a measured time and a failure with two voices.

A `CallFailed` says to people why, with a stable reason whose sentence quotes nobody, and to the log what the other
side really answered. The answer is foreign text and may name identities, so it is never shown in chat.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import ClassVar

from bot.domain.reasons import Reason

Observe = Callable[[str, str, str, float], None]
"""Told after every call: the system, the call, how it ended (`ok` or the code of a reason), and the seconds."""

LOGGED = 500
"""How many characters of an answer are kept for the log."""


def unobserved(_system: str, _call: str, _outcome: str, _seconds: float) -> None:
    """Tell nobody."""


class CallFailed(Exception):
    """A call outside did not do what it was made for: `reason` is for people, `log` (the raw answer, cut) is not."""

    default: ClassVar[Reason]

    def __init__(self, log: str = "", *, reason: Reason | None = None) -> None:
        self.reason = reason or self.default
        self.log = log[:LOGGED]
        super().__init__(self.reason.value)


@contextmanager
def measured(observe: Observe, *, system: str, call: str) -> Iterator[None]:
    """Report how long the block took and how it ended."""
    started, outcome = perf_counter(), "error"
    try:
        yield
        outcome = "ok"
    except CallFailed as failure:
        outcome = failure.reason.value
        raise
    except asyncio.CancelledError:
        outcome = "cancelled"
        raise
    finally:
        observe(system, call, outcome, perf_counter() - started)
