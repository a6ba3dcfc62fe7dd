"""Freeze windows as people see them: in answers, in refusals, and in one line on other cards.

Moments are written so that every client shows them in its own time zone, and again how far away they are.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.cards.base import Card, Colour, Field, counted
from bot.cards.text import ago, code, command, duration, plain
from bot.domain import freezes
from bot.domain.catalog import Environment
from bot.domain.freezes import CRON_LIMIT, ZONE_LIMIT, Freeze, Frozen
from bot.domain.locks import REASON_LIMIT

SHOWN = 12
_NAME = 40


def told(frozen: Frozen, *, limit: int = REASON_LIMIT) -> str:
    """One line: what is frozen, until when, by whom, and why in `limit` characters."""
    one = frozen.freeze
    if frozen.until is None:
        return f"❄️ **{_place(one)}** has a freeze that cannot be read: {code(one.id, _NAME)}"
    return f"❄️ **{_place(one)}** frozen until {at(frozen.until)} by {_owner(one)}: {plain(one.reason, limit)}"


def way_out(frozen: Frozen) -> str:
    """What whoever is stopped by the freeze can do."""
    one = frozen.freeze
    gone = f"{_remove(one, reason='')} removes it."
    if frozen.until is None:
        return gone
    deploy = command("deploy", environment=one.environment, service=one.service or "", hotfix=one.service and "")
    return f"{gone} For what cannot wait: {deploy}{'' if one.service else ', with its `hotfix`'}."


def added(freeze: Freeze, *, first: tuple[datetime, datetime], environment: Environment) -> Card:
    """The answer to /freeze add: the first window, so that people see whether it is what they meant."""
    automated = (
        f"⚠️ Argo CD syncs {environment.name} by itself, and a freeze cannot stop that: what is pushed to "
        f"{code(environment.branch, 60)} is deployed all the same. Only what is asked of me is refused."
    )
    lines = [
        f"{'First from' if freeze.cron else 'From'} {at(first[0])} until {at(first[1])}",
        _rule(freeze),
        "Deploys and approvals are refused then. Rollbacks, restarts and hot-fixes are not.",
        automated if environment.automated else "",
        f"{_remove(freeze)} removes it.",
    ]
    return Card(
        title=f"❄️ {_place(freeze)} · freeze added", colour=Colour.GOOD, description="\n".join(filter(None, lines))
    )


def removed(freeze: Freeze) -> Card:
    """The answer to /freeze remove."""
    return Card(
        title=f"❄️ {_place(freeze)} · freeze removed",
        colour=Colour.GOOD,
        description=added_by(freeze),
    )


def added_by(freeze: Freeze) -> str:
    """One line: whose freeze it is, since when and why, whether or not it holds now."""
    if not freeze.owner_name:
        return f"Who added the freeze of **{_place(freeze)}**, and why, cannot be read."
    why = plain(freeze.reason, REASON_LIMIT)
    return f"The freeze of **{_place(freeze)}** was added by {_owner(freeze)} {ago(freeze.since)}: {why}"


def listed(found: Sequence[Freeze], *, now: datetime) -> Card:
    """The answer to /freeze list."""
    card = Card(
        title="Freeze windows",
        colour=Colour.WAITING if any(freezes.frozen(one, now=now) for one in found) else Colour.QUIET,
        description="" if found else "Nothing is or will be frozen.",
        fields=tuple(Field(name=f"❄️ {_place(one)}", value=_row(one, now=now)) for one in found[:SHOWN]),
    )
    return counted(card, total=len(found), rest=lambda more: f"and {more} more" if more else "")


def choice(freeze: Freeze) -> str:
    """How a freeze is offered while somebody types, without markdown."""
    what = freeze.cron or (f"until {freeze.ends:%Y-%m-%d %H:%M} UTC" if freeze.ends else "cannot be read")
    return f"{_place(freeze)} · {what} · {freeze.reason}"


def at(moment: datetime) -> str:
    """A moment as a date in the zone of whoever reads it, and how far away it is."""
    return f"<t:{int(moment.timestamp())}:f> ({ago(moment)})"


def _row(freeze: Freeze, *, now: datetime) -> str:
    frozen = freezes.frozen(freeze, now=now)
    if frozen is None:
        window = freezes.next_window(freeze, now=now)
        state = f"Next from {at(window[0])} until {at(window[1])}" if window else "It will not come again"
    elif frozen.until is None:
        state = "⚠️ **It cannot be read, so it holds**"
    else:
        state = f"**Frozen until** {at(frozen.until)}"
    who = f"{_owner(freeze)}: {plain(freeze.reason, REASON_LIMIT)}"
    return "\n".join(filter(None, (state, _rule(freeze), who if freeze.owner_name else "", _remove(freeze, reason=""))))


def _rule(freeze: Freeze) -> str:
    if freeze.cron is None or freeze.lasts is None:
        return ""
    zone = plain(freeze.zone, ZONE_LIMIT)
    return f"{code(freeze.cron, CRON_LIMIT)} in {zone}, for {duration(freeze.lasts.total_seconds())}"


def _place(freeze: Freeze) -> str:
    return f"{freeze.service} → {freeze.environment}" if freeze.service else freeze.environment


def _owner(freeze: Freeze) -> str:
    return plain(freeze.owner_name, _NAME) or "somebody"


def _remove(freeze: Freeze, *, reason: str | None = None) -> str:
    """An empty reason is for whoever may not have added the freeze: they need one."""
    return command("freeze remove", freeze=freeze.id, reason=reason)
