"""The audit trail for people: the answer to /audit, and the copy of some rows in the audit channel.

Every text in a row may be what a stranger typed, or what somebody put into the table by hand. No row is left out for
its length: each is cut so that all of them fit.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from bot.cards.base import Button, Card, Colour
from bot.cards.text import code, link, plain
from bot.domain.trail import SHOWN, Entry

_NAME, _WORD, _DETAIL = 32, 24, 60
_MEMBER = re.compile(r"discord:(\d{1,20})")


def page(entries: Sequence[Entry], *, environments: Sequence[str], cards: Mapping[str, str], older: str | None) -> Card:
    """Rows from the newest. `cards` leads from an operation's id to its card; `older` is the id of the button."""
    title = f"Audit · {', '.join(environments)}"
    if not entries:
        return Card(title=title, colour=Colour.QUIET, description="No entry like this.")
    return Card(
        title=title,
        colour=Colour.QUIET,
        description="\n".join(_line(entry, url=cards.get(entry.operation_id or "")) for entry in entries),
        footer="The numbers are the order; the times are what the bot's clock said.",
        buttons=(Button(label="Older", custom_id=older),),
    )


def copied(entries: Sequence[Entry]) -> Card:
    """Some rows in their order, for good: the footer has the head of the chain after the last one."""
    first, last = entries[0], entries[-1]
    return Card(
        title=f"Audit #{first.id}" if first is last else f"Audit #{first.id} to #{last.id}",
        colour=Colour.QUIET,
        description="\n".join(_line(entry) for entry in entries),
        footer=f"head {last.id}:{last.hash[:SHOWN]}",
        reference=f"audit {first.id}-{last.id}",
    )


def _line(entry: Entry, *, url: str | None = None) -> str:
    """Number, time, who, what, where, what came of it, and why: at most 400 characters without the address."""
    place = " → ".join(filter(None, (entry.service, entry.environment)))
    parts = (
        f"**{plain(entry.action, _WORD)}** {code(place, 2 * _NAME)}".strip(),
        plain(entry.outcome, _WORD),
        code(entry.reason or "", _NAME),
        plain(entry.detail, _DETAIL),
        link("card", url) if url else "",
    )
    return f"#{entry.id} {_moment(entry.at)} {_who(entry.actor)} {' · '.join(filter(None, parts))}"


def _who(actor: str) -> str:
    """A member as a mention, which notifies nobody inside an embed; anybody else by what the row says."""
    match = _MEMBER.fullmatch(actor)
    return f"<@{match[1]}>" if match else code(actor, _NAME)


def _moment(text: str) -> str:
    try:
        return f"<t:{int(datetime.fromisoformat(text).timestamp())}:f>"
    except (ValueError, OverflowError):
        return code(text, _NAME)
