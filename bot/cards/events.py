"""The answer to /events: what Kubernetes and Argo CD noticed, newest last, the newest that fit."""

from bot.cards.base import DESCRIPTION_LIMIT, Card, Colour
from bot.cards.text import ago, length, plain
from bot.domain.inspections import ClusterEvent
from bot.domain.reasons import Refused

_MESSAGE = 140
_ROOM = DESCRIPTION_LIMIT - 600


def render(
    environment: str, *, service: str | None, found: tuple[ClusterEvent, ...], missing: tuple[Refused, ...]
) -> Card:
    """The events; a part that is missing says why, and under which id the log has more."""
    place = " → ".join(filter(None, (service, environment)))
    warnings = sum(event.warning for event in found)
    notes = [f"⚠️ {refused.sentence}" for refused in missing]
    shown: list[str] = []
    room = _ROOM
    for event in reversed(found):
        line = _line(event)
        room -= length(line) + 1
        if room < 0:
            break
        shown.insert(0, line)
    if len(shown) < len(found):
        shown.insert(0, f"{len(found) - len(shown)} older ones are left out")
    none = [] if found else ["Nothing was noticed in the last hour; Kubernetes forgets what is older."]
    counted = f"{warnings} warning{'s' if warnings != 1 else ''}" if warnings else "no warnings"
    ids = " · ".join(f"error {refused.log_id}" for refused in missing if refused.log_id)
    return Card(
        title=f"{place} · {counted}",
        colour=Colour.WAITING if warnings or missing else Colour.QUIET,
        description="\n".join([*notes, *none, *shown]),
        footer=ids,
    )


def _line(event: ClusterEvent) -> str:
    mark = "⚠️" if event.warning else "▫️"
    times = f" {event.count} times" if event.count > 1 else ""
    about = plain(f"{event.kind}/{event.name}", 80)
    first = f"{mark} **{plain(event.reason, 40)}**{times} {about} {ago(event.at)}"
    return f"{first}\n{plain(event.message, _MESSAGE)}".rstrip()
