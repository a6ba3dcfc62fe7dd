"""The answer to /events: what Kubernetes and Argo CD noticed, newest last, the newest that fit."""

from collections.abc import Iterable
from dataclasses import replace

from bot.cards.base import DESCRIPTION_LIMIT, Card, Colour
from bot.cards.text import ago, code, length, plain
from bot.domain.inspections import ClusterEvent
from bot.domain.reasons import Refused

_MESSAGE = 140
_ROOM = DESCRIPTION_LIMIT - 600


def render(
    environment: str,
    *,
    service: str | None,
    found: tuple[ClusterEvent, ...],
    missing: tuple[Refused, ...],
    cut: bool = False,
) -> Card:
    """The events; a part that is missing says why, and under which id the log has more.

    When it is `cut` not even the newest are sure to be here: a cluster lists events by name, not by time.
    """
    place = " → ".join(filter(None, (service, environment)))
    found = _merged(found)
    warnings = sum(event.warning for event in found)
    notes = [f"⚠️ {refused.sentence}" for refused in missing]
    if cut:
        notes.append("⚠️ There are too many events to read them all, so some are missing here, new ones too.")
    shown: list[str] = []
    room = _ROOM
    for event in reversed(found):
        line = _line(event, service=service)
        room -= length(line) + 1
        if room < 0:
            break
        shown.insert(0, line)
    if len(shown) < len(found):
        shown.insert(0, f"{len(found) - len(shown)} older ones are left out")
    none = [] if found or cut else ["Nothing was noticed in the last hour; Kubernetes forgets what is older."]
    counted = f"{warnings} warning{'s' if warnings != 1 else ''}" if warnings else "no warnings"
    ids = " · ".join(f"error {refused.log_id}" for refused in missing if refused.log_id)
    return Card(
        title=f"{place} · {counted}",
        colour=Colour.WAITING if warnings or missing or cut else Colour.QUIET,
        description="\n".join([*notes, *none, *shown]),
        footer=ids,
    )


def _merged(found: Iterable[ClusterEvent]) -> tuple[ClusterEvent, ...]:
    """Events that say the same of the same object are one, as old as the newest of them."""
    newest: dict[tuple[str, str, str, str], ClusterEvent] = {}
    for event in found:
        same = (event.reason, event.message, event.kind, event.name)
        count = newest.pop(same).count if same in newest else 0
        newest[same] = replace(event, count=count + event.count)
    return tuple(newest.values())


def _line(event: ClusterEvent, *, service: str | None) -> str:
    """One event; in the view of a service its objects are named without its name."""
    mark = "⚠️" if event.warning else "▫️"
    short = event.name.removeprefix(f"{service}-") if service else event.name
    times = f"{event.count} times" if event.count > 1 else ""
    parts = (f"{plain(event.kind, 40)} {code(short, 60)}", times, ago(event.at))
    first = f"{mark} **{plain(event.reason, 40)}** {' · '.join(filter(None, parts))}"
    return f"{first}\n{plain(event.message, _MESSAGE)}".rstrip()
