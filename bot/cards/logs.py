"""The answer to /logs: the last lines of one container, in the message while they are few, else in a file."""

from bot.cards.base import Attachment, Card, Colour
from bot.cards.text import code, fenced, length, plain
from bot.domain.inspections import LogRead

SHOWN = 1800
_PEEK = 900


def render(read: LogRead, *, environment: str, service: str, pattern: str) -> Card:
    """The lines that have the pattern in them, whatever its case; all of them without one."""
    wanted = pattern.casefold()
    lines = [line for line in read.lines if wanted in line.casefold()]
    kind = "Log before the restart" if read.previous else "Log"
    found = f"{len(lines)} of {len(read.lines)} lines with {code(pattern, 60)}" if pattern else f"{len(lines)} lines"
    container = "" if read.container == service else f"container {plain(read.container, 60)}"
    head = " · ".join(filter(None, (kind, container, found, "cut" if read.cut else "")))
    fits = sum(length(line) + 1 for line in lines) <= SHOWN
    hint = "" if lines or read.previous else "\nA pod that was restarted has an earlier log: add `previous`."
    return Card(
        title=f"{service} → {environment} · {plain(read.pod.removeprefix(f'{service}-'), 80)}",
        colour=Colour.QUIET,
        description=f"{head}{hint}\n{fenced(lines, limit=SHOWN + 200 if fits else _PEEK)}".rstrip(),
        footer="" if fits else "The last lines; the file has all of them.",
        attachment=None if fits else Attachment(name=f"{read.pod}.log", text="\n".join(lines) + "\n"),
    )
