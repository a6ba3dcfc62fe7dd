"""The answer to /windows: whether a person may sync now, and the windows that decide it."""

from bot.cards.base import Card, Colour
from bot.cards.text import code, plain
from bot.domain.inspections import SyncWindow, SyncWindows

MOST = 15


def render(environment: str, *, found: SyncWindows) -> Card:
    """The verdict first, then each window."""
    lines = [_line(window) for window in found.windows[:MOST]]
    if len(found.windows) > MOST:
        lines.append(f"and {len(found.windows) - MOST} more")
    if not found.windows:
        lines = ["No sync window concerns this environment: nothing forbids a sync at any time."]
    words = "a sync is possible now" if found.can_sync else "no sync is possible now"
    return Card(
        title=f"{environment} · {words}",
        colour=Colour.GOOD if found.can_sync else Colour.WAITING,
        description="\n".join(lines),
    )


def _line(window: SyncWindow) -> str:
    mark = "🔒" if window.kind == "deny" else "🔓"
    by_hand = "by hand always" if window.manual_sync else "not even by hand" if window.kind == "deny" else ""
    active = "active now" if window.active else ""
    parts = (f"for {plain(window.duration, 20)}", plain(window.time_zone, 40), active, by_hand)
    return f"{mark} **{plain(window.kind, 20)}** {code(window.schedule, 60)} {' · '.join(filter(None, parts))}"
