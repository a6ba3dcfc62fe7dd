"""The kill switch as people see it: in both channels, in answers, in refusals, and first of all in /status.

The messages are written when everything is stopped, and again with each reminder, so that the channels are told: an
edit tells nobody. The newest of them say how it ended.
"""

from collections.abc import Sequence

from bot.cards.base import Card, Colour
from bot.cards.text import ago, command, duration, paragraphs, plain
from bot.domain.locks import REASON_LIMIT
from bot.domain.operations import Operation
from bot.domain.stops import Stop

WAY_OUT = "`/resume` lets everything go on. `/terminate` stops a sync meanwhile."
_NAME = 40
_EFFECT = (
    "No order is taken, nobody can approve, and nothing is written or synced, in no environment. What is open waits "
    "where it is. What runs in Argo CD already goes on."
)
_AUTOMATED = "⚠️ Where Argo CD syncs by itself, it goes on deploying what is pushed. Only I am stopped."


def told(stop: Stop) -> str:
    """One line: that everything is stopped, by whom, since when, and why."""
    return f"🛑 **Everything is stopped** by {_who(stop)} {ago(stop.since)}: {_why(stop)}"


def notice(stop: Stop, *, number: int) -> Card:
    """The message about a stop: the first one, or reminder `number`. One that has ended says how."""
    if stop.resumed is not None:
        end = stop.resumed
        stood = duration((end.at - stop.since).total_seconds())
        return Card(
            title=f"▶️ Everything goes on · resumed by {plain(end.by, _NAME)}",
            colour=Colour.QUIET,
            reference=_reference(stop, number),
            description=f"{_who(stop)} stopped it {ago(stop.since)}, for {stood}: {_why(stop)}\n"
            f"{plain(end.by, _NAME)}: {plain(end.reason, REASON_LIMIT)}",
            timestamp=end.at,
        )
    return Card(
        title=f"🛑 Everything is {'still ' if number else ''}stopped by {_who(stop)}",
        colour=Colour.BAD,
        reference=_reference(stop, number),
        description=paragraphs([f"{_why(stop)}\nSince {ago(stop.since)}", _EFFECT, f"**Next** {WAY_OUT}"]),
        timestamp=stop.since,
    )


def stopped(stop: Stop, *, under_way: Sequence[Operation], automated: bool) -> Card:
    """The answer to /stop: what holds now and what does not. `automated` where Argo CD syncs by itself somewhere."""
    late = [
        f"• {one.kind} {one.subject} → {one.environment}{', an open pull request' if one.proposed else ''}"
        for one in under_way[:5]
    ]
    more = [f"• and {len(under_way) - len(late)} more"] if len(under_way) > len(late) else []
    places = sorted({one.environment for one in under_way})
    way = ", ".join(command("terminate", environment=place) for place in places[:5])
    running = ["⚠️ Under way and not stopped:", *late, *more, f"{way} stops a sync."] if late else []
    return Card(
        title="🛑 Everything is stopped",
        colour=Colour.BAD,
        description="\n".join([_EFFECT, *running, *([_AUTOMATED] if automated else []), "It stands until `/resume`."]),
    )


def resumed(stop: Stop, *, waiting: int) -> Card:
    """The answer to /resume; `waiting` operations go on now."""
    stood = f"It stood for {duration((stop.resumed.at - stop.since).total_seconds())}. " if stop.resumed else ""
    what = {0: "Nothing waited.", 1: "One operation goes on."}.get(waiting, f"{waiting} operations go on.")
    return Card(title="▶️ Everything goes on", colour=Colour.GOOD, description=stood + what)


def _who(stop: Stop) -> str:
    return plain(stop.owner_name, _NAME) or "somebody"


def _why(stop: Stop) -> str:
    return plain(stop.reason, REASON_LIMIT) or "who stopped it and why cannot be read."


def _reference(stop: Stop, number: int) -> str:
    return f"stop {stop.id} {number}"
