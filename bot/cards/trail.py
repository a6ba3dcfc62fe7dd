"""The audit trail for people: the answer to /audit, and the copy of some rows in the audit channel.

Every text in a row may be what a stranger typed, or what somebody put into the table by hand. No row is left out for
its length: each is cut so that all of them fit.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.cards.base import DESCRIPTION_LIMIT, Button, Card, Colour
from bot.cards.standing import approvers
from bot.cards.text import code, length, link, paragraphs, plain
from bot.domain.approvals import REVIEW_NAGS
from bot.domain.catalog import Environment
from bot.domain.trail import SHOWN, Entry

_NAME, _WORD, _WHY = 32, 24, 240
_DETAILS = (200, 60)
"""How much of what somebody typed a row shows: the second where not all rows find room with the first."""
_FOOTER = "The numbers are the order; the times are what the bot's clock said."
_UNPAGED = "There are older rows. These filters are too long for the button Older: ask with fewer."
_MEMBER = re.compile(r"discord:(\d{1,20})")


def page(
    entries: Sequence[Entry],
    *,
    environments: Sequence[str],
    cards: Mapping[str, str],
    more: bool,
    older: str | None,
) -> Card:
    """Rows from the newest, and whether there are `more`. `cards` leads from an operation's id to its card.

    `older` is the id of the button, None when it does not hold all that was asked for.
    """
    title = f"Audit · {', '.join(environments)}"
    if not entries:
        return Card(title=title, colour=Colour.QUIET, description="No entry like this.")
    return Card(
        title=title,
        colour=Colour.QUIET,
        description=_lines(entries, cards=cards),
        footer=_UNPAGED if more and older is None else _FOOTER,
        buttons=(Button(label="Older", custom_id=older if more else None),),
    )


def copied(entries: Sequence[Entry]) -> Card:
    """Some rows in their order, for good: the footer has the head of the chain after the last one."""
    first, last = entries[0], entries[-1]
    return Card(
        title=f"Audit #{first.id}" if first is last else f"Audit #{first.id} to #{last.id}",
        colour=Colour.QUIET,
        description=_lines(entries, cards={}),
        footer=_head(last),
        reference=f"audit {first.id}-{last.id}",
    )


def loud(entry: Entry, *, environment: Environment | None, url: str | None) -> Card:
    """Broken glass, a reminder of it or its review, as a message of its own. `url` leads to the card of what went.

    It is made of the row alone, so that it stays what it was. The first message calls the role that is called when
    something waits for approval; the reminders of it do that in the channel for alerts.
    """
    place = f"{plain(entry.service or 'all', _NAME)} → {plain(entry.environment or '', _NAME)}"
    who, why = _who(entry.actor), plain(entry.detail, _WHY)
    title, colour, told = {
        "granted": ("🚨 Glass broken", Colour.BAD, f"{who} let {place} go alone: {why}\n{_review(entry, environment)}"),
        "reminded": ("🚨 Broken glass is not reviewed yet", Colour.WAITING, f"{place} went alone. {why}"),
        "reviewed": ("✅ Broken glass reviewed", Colour.GOOD, f"{who} reviewed that {place} went alone. {why}"),
    }[entry.outcome]
    return Card(
        title=f"{title} · {place}",
        colour=colour,
        description=paragraphs([told, _line(replace(entry, detail=""))]),
        footer=_head(entry),
        reference=f"audit {entry.id}-{entry.id}",
        buttons=(Button(label="Open the card", url=url),),
        mention=environment.mention if environment and entry.outcome == "granted" else None,
    )


def broken(head: str) -> Card:
    """What the channel is told when the last row that was copied, `head`, is not there as it was told."""
    number, _, hash = head.partition(":")
    return Card(
        title="🚨 The audit trail was cut or made anew",
        colour=Colour.BAD,
        description=(
            f"Row #{number} was told above, and is gone from the database or has another hash there. Nothing more is "
            "copied here until somebody has looked: run `python -m bot audit verify`."
        ),
        footer=f"head {number}:{hash}" if hash else "",  # what an earlier version remembered had none
        reference=f"audit {head}",
    )


def _review(entry: Entry, environment: Environment | None) -> str:
    """By whom and until when somebody else has to look at it."""
    try:
        due = f"by <t:{int((datetime.fromisoformat(entry.at) + REVIEW_NAGS[0]).timestamp())}:f>"
    except (ValueError, OverflowError):
        due = "soon"
    someone = approvers(environment, entry.service)
    others = f"{_who(entry.actor)} or who asked for it or wrote it"
    return f"**Review due {due}**: {someone}, but not {others}, acknowledges it."


def _lines(entries: Sequence[Entry], *, cards: Mapping[str, str]) -> str:
    """A line for each row."""
    text = ""
    for limit in _DETAILS:
        lines = (_line(entry, url=cards.get(entry.operation_id or ""), limit=limit) for entry in entries)
        text = "\n".join(lines)
        if length(text) <= DESCRIPTION_LIMIT:
            break
    return text


def _line(entry: Entry, *, url: str | None = None, limit: int = _DETAILS[-1]) -> str:
    """Number, time, who, what, where, what came of it, and why in `limit` characters: 400 at most with the lesser one.

    The address of the card is not counted.
    """
    place = " → ".join(filter(None, (entry.service, entry.environment)))
    parts = (
        f"**{plain(entry.action, _WORD)}** {code(place, 2 * _NAME)}".strip(),
        plain(entry.outcome, _WORD),
        code(entry.reason or "", _NAME),
        plain(entry.detail, limit),
        link("card", url) if url else "",
    )
    return f"#{entry.id} {_moment(entry.at)} {_who(entry.actor)} {' · '.join(filter(None, parts))}"


def _head(entry: Entry) -> str:
    return f"head {entry.id}:{entry.hash[:SHOWN]}"


def _who(actor: str) -> str:
    """A member as a mention, which notifies nobody inside an embed; anybody else by what the row says."""
    match = _MEMBER.fullmatch(actor)
    return f"<@{match[1]}>" if match else code(actor, _NAME)


def _moment(text: str) -> str:
    try:
        return f"<t:{int(datetime.fromisoformat(text).timestamp())}:f>"
    except (ValueError, OverflowError):
        return code(text, _NAME)
