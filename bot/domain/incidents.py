"""Something is wrong and not yet recovered.

A subject (`run:prod:ticket-service`, `sync:prod`, `health:prod`) passes through episodes: opened, repeated,
recovered. One episode is one alert. Signals may arrive late or twice, so each carries an `order` that grows with the
time of what it speaks about, and a signal older than the last one counted changes nothing. `occurrence` tells a
second failure from a second look at the same one.
"""

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One observation about a subject: bad or good, with what a person needs to act on it."""

    subject: str
    bad: bool
    order: str
    occurrence: str
    at: datetime
    environment: str | None
    service: str | None
    title: str
    detail: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One episode of a subject."""

    subject: str
    episode: int
    order: str
    occurrence: str
    environment: str | None
    service: str | None
    title: str
    detail: str
    url: str
    opened_at: datetime
    last_at: datetime
    count: int = 1
    recovered_at: datetime | None = None
    recovery: str = ""


def apply(incident: Incident | None, *, signal: Signal) -> Incident:
    """The newest episode after this signal, or the one given when the signal changes nothing.

    A subject whose first signal is good gets the quiet episode 0: it remembers the order, so that a failure that
    arrives after the success that followed it raises no alert.
    """
    if incident is None:
        opened = _open(signal, episode=1 if signal.bad else 0)
        return opened if signal.bad else replace(opened, recovered_at=signal.at)
    if signal.order < incident.order:
        return incident
    if incident.recovered_at is not None:
        return _open(signal, episode=incident.episode + 1) if signal.bad else replace(incident, order=signal.order)
    if not signal.bad:
        return replace(incident, order=signal.order, recovered_at=signal.at, recovery=signal.title)
    again = signal.occurrence != incident.occurrence
    return replace(
        incident,
        order=signal.order,
        occurrence=signal.occurrence,
        last_at=signal.at if again else incident.last_at,
        count=incident.count + again,
        title=signal.title,
        detail=signal.detail or ("" if again else incident.detail),
        url=signal.url,
    )


def _open(signal: Signal, *, episode: int) -> Incident:
    return Incident(
        subject=signal.subject,
        episode=episode,
        order=signal.order,
        occurrence=signal.occurrence,
        environment=signal.environment,
        service=signal.service,
        title=signal.title,
        detail=signal.detail,
        url=signal.url,
        opened_at=signal.at,
        last_at=signal.at,
    )
