"""Foreign text made safe for an embed, and the few ways in which cards write values.

Commit subjects, names, pod reasons and log lines are written by strangers. `plain` and `code` make one line of them
that Discord shows letter for letter: no markup, no mention, no link, no invisible or direction-changing character.
Limits count UTF-16 units: clients count those and the API counts code points, which are never more.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

ELLIPSIS = "…"
URL_LIMIT = 512
_COMMAND = 400

_MARKUP = re.compile(r"([\\`*_~|<>\[\]#@]|(?<=\w):(?=//)|^[-+](?=\s)|^\d+(?=\.\s)|^-(?=#))")
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn"}
_MARKS_IN_A_ROW = 3
_SCHEME = re.compile(r"\w+://")


def length(text: str) -> int:
    """The length in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The text, with an ellipsis in place of what is over the limit."""
    if length(text) <= limit:
        return text
    if limit < 1:
        return ""
    kept = text[: limit - 1]
    while length(kept) > limit - 1:
        kept = kept[:-1]
    return kept.rstrip() + ELLIPSIS


def one_line(text: str) -> str:
    """The text without what cannot be seen or changes how the rest is read; any white space is one space."""
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        category = unicodedata.category(character)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if character.isspace() or category in ("Zl", "Zp"):
            kept.append(" ")
        elif category not in _HIDDEN and marks <= _MARKS_IN_A_ROW:
            kept.append(character)
    return " ".join("".join(kept).split())


def plain(text: str, limit: int) -> str:
    """One line that reads exactly as it was written; at most `limit` long as people see it."""
    return _MARKUP.sub(_escaped, cut(one_line(text), limit))


def code(text: str, limit: int) -> str:
    """The text as inline code, or '' for nothing. A backtick would end the code, so it becomes an apostrophe."""
    line = cut(one_line(text).replace("`", "'"), limit)
    return f"`{line}`" if line else ""


def link(text: str, url: str | None, *, limit: int = 100) -> str:
    """A link with foreign text as its label, or only the text when the address is not fit to be clicked."""
    # Brackets would end the label early, and a label that looks like an address makes Discord show the markup.
    label = _SCHEME.sub("", one_line(text)).replace("[", "(").replace("]", ")")
    safe = address(url)
    return f"[{plain(label, limit)}]({safe})" if safe and label else plain(text, limit)


def address(url: str | None) -> str | None:
    """The web address in a form that cannot leave a link or a button, or None when it is not one."""
    try:
        parts = urlsplit(url or "")
        host = parts.hostname
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        return None
    safe = quote(url or "", safe="/:?#&=%@!$'*+,;~-._")
    return safe if len(safe) <= URL_LIMIT else None


def fenced(lines: Iterable[str], *, limit: int, language: str = "") -> str:
    """Lines as a block of code of at most `limit`, the last ones that fit; '' for none. Backticks would end it."""
    kept: list[str] = []
    room = limit - length(f"```{language}\n\n```")
    for line in reversed([*lines]):
        shown = "".join(" " if character.isspace() else character for character in line if _is_seen(character))
        shown = cut(shown.replace("`", "'"), limit // 2)
        room -= length(shown) + 1
        if room < 0:
            break
        kept.append(shown)
    block = "\n".join(reversed(kept))
    return f"```{language}\n{block}\n```" if kept else ""


def command(name: str, **options: str | None) -> str:
    """A slash command that works when it is pasted, as inline code; an option without a value (None) is left out.

    An empty one is for the person to type, so it comes last. `for_` is the option `for`.
    """
    given = [f"{option.rstrip('_')}:{value}" for option, value in options.items() if value is not None]
    return code(" ".join([f"/{name}", *given]), _COMMAND)


def several(names: Sequence[str], *, last: str = "and", limit: int = 3) -> str:
    """Names in a sentence, `a, b and c`; of more than the limit the first ones, and how many more."""
    shown, more = names[:limit], len(names) - limit
    *others, end = [*shown, f"{more} more"] if more > 0 else [*shown] or [""]
    return f"{', '.join(others)} {'and' if more > 0 else last} {end}" if others else end


def duration(seconds: float) -> str:
    """`4s`, `1m 12s`, `2h 5m`, `3d 4h`: the two units that matter."""
    whole = max(int(seconds), 0)
    days, hours, minutes, rest = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (rest, "s")]
    first = next((index for index, (amount, _) in enumerate(units) if amount), 3)
    return " ".join(f"{amount}{unit}" for amount, unit in units[first : first + 2] if amount) or "0s"


def ago(moment: datetime) -> str:
    """A moment that every client shows relative to its own clock (`3 minutes ago`, `in 2 hours`)."""
    return f"<t:{int(moment.timestamp())}:R>"


def paragraphs(blocks: Iterable[str]) -> str:
    """The blocks that say something, set apart from each other."""
    # Not every client keeps an empty line inside an embed, so the line holds a zero-width space.
    return "\n\u200b\n".join(filter(None, blocks))


def _is_seen(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) not in _HIDDEN


def _escaped(match: re.Match[str]) -> str:
    found = match[0]
    return f"{found}\\" if found.isdigit() else f"\\{found}"
