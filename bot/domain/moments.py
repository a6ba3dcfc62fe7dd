"""Moments that were written down before the clock was set back.

A claim, a pause or a read whose moment lies ahead of the clock would hold something up for as long as the clock was set
back, be it a day. Nothing that this program writes is meant to lie further ahead than `AHEAD`, so whatever does is
taken for over.
"""

from datetime import datetime, timedelta

AHEAD = timedelta(minutes=5)
"""The longest pause there is: longer ones are cut to it."""


def is_stranded(moment: datetime, *, now: datetime) -> bool:
    """Whether a moment lies so far ahead that the clock was set back since it was written."""
    return moment > now + AHEAD


def has_passed(period: timedelta, *, since: datetime, now: datetime) -> bool:
    """Whether so much time has passed; also when the clock was set back since, because nobody can say how much has."""
    return now - since >= period or is_stranded(since, now=now)
