"""The real time, and what a test adds to it."""

from datetime import datetime, timedelta

from bot.app import now


class Clock:
    """Goes on by itself; the board, the claims and the approvals all need that it does."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        return now() + self._ahead

    def pass_by(self, **time: float) -> None:
        """Let time pass at once, by the arguments of `timedelta`."""
        self._ahead += timedelta(**time)
