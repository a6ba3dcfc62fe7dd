"""The alert of one episode: what failed, where, since when, and where to look; green once it recovered.

The same message tells the beginning and the end, so that nobody has to scroll to learn that it is over.
"""

from datetime import datetime

from bot.cards.base import Button, Card, Colour
from bot.cards.text import ago, command, duration, paragraphs, plain
from bot.domain.incidents import Incident

_DETAIL_LINES = 8
_LINE = 160
_NEXT = {
    "run": "Read the run's log, then push a fix, or run it again from its release card.",
    "sync": "Open the Application for the resource that failed, fix the manifest and push, or ask to deploy again.",
    "health": "See {pods}, then roll back or fix forward.",
}


def render(incident: Incident) -> Card:
    """The alert card of an episode, open or recovered."""
    kind = incident.subject.partition(":")[0]
    words, colour, blocks = _open(incident, kind=kind)
    if incident.recovered_at is not None:
        words, colour, blocks = _recovered(incident, recovered_at=incident.recovered_at)
    return Card(
        title=f"{_place(incident)} · {words}",
        colour=colour,
        reference=f"{incident.subject} #{incident.episode}",
        description=paragraphs(blocks),
        buttons=(Button(label="Run" if kind == "run" else "Argo CD", url=incident.url),),
        timestamp=incident.opened_at,
    )


def _open(incident: Incident, *, kind: str) -> tuple[str, Colour, list[str]]:
    pods = command("pods", environment=incident.environment)
    todo = f"**Next** {_NEXT[kind].format(pods=pods)}" if kind in _NEXT else ""
    return plain(incident.title, 80), Colour.BAD, [_details(incident, mark="❌"), _when(incident), todo]


def _recovered(incident: Incident, *, recovered_at: datetime) -> tuple[str, Colour, list[str]]:
    seconds = (recovered_at - incident.opened_at).total_seconds()
    was = "\n".join(filter(None, (f"It was: {plain(incident.title, 80)}", _details(incident, mark="•"))))
    # Two systems' clocks: where they disagree no number is better than a wrong one.
    words = f"recovered after {duration(seconds)}" if seconds > 0 else "recovered"
    return words, Colour.GOOD, [f"✅ {plain(incident.recovery, 80)}", was]


def _place(incident: Incident) -> str:
    return " → ".join(filter(None, (incident.service, incident.environment))) or plain(incident.subject, 80)


def _details(incident: Incident, *, mark: str) -> str:
    """What the failing system said, a few lines of it."""
    lines = [line for line in incident.detail.splitlines() if line.strip()]
    shown = [f"{mark} {plain(line, _LINE)}" for line in lines[:_DETAIL_LINES]]
    more = len(lines) - len(shown)
    return "\n".join([*shown, f"and {more} more"] if more else shown)


def _when(incident: Incident) -> str:
    since = f"Since {ago(incident.opened_at)}"
    return since if incident.count == 1 else f"{since}, {incident.count} times, last {ago(incident.last_at)}"
