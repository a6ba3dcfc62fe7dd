"""When a channel is reminded of what people set and easily forget: soon at first, and then once a day."""

from datetime import datetime, timedelta

DAILY = timedelta(hours=24)


def due(since: datetime, *, first: tuple[timedelta, ...], told: int) -> datetime:
    """When the next reminder is due, after so many were `told`: the `first` ones, and then every day."""
    if told < len(first):
        return since + first[told]
    return since + first[-1] + DAILY * (told - len(first) + 1)


def counted(since: datetime, *, first: tuple[timedelta, ...], told: int, now: datetime) -> int:
    """How many reminders count as told at this moment; those that were missed are one."""
    while due(since, first=first, told=told) <= now:
        told += 1
    return told
