"""Broken glass as people see it: in the alerts channel, on the card of what went alone, and in answers.

The message in the channel is written at once and again with each reminder, so that people are told: an edit tells
nobody. The newest of them says who has reviewed it.
"""

from bot.cards import standing
from bot.cards.base import Button, Card, Colour, Style
from bot.cards.text import ago, paragraphs, plain
from bot.domain.approvals import Approval, Broken
from bot.domain.catalog import Environment

_NAME, _WHY = 40, 200


def told(approval: Approval | None, *, environment: Environment | None = None) -> str:
    """The first thing on a card: who let it go alone, why, and who has looked at that or has to; '' for the rest."""
    broken = approval.broken if approval else None
    if approval is None or broken is None:
        return ""
    lines = [f"🚨 **{plain(broken.name, _NAME)} broke the glass**: {plain(broken.reason, _WHY)}", _review(broken)]
    if broken.review is None:
        lines.append(f"{_who(approval, broken, environment)} acknowledges it in the channel for alerts.")
    return "\n".join(lines)


def notice(approval: Approval, broken: Broken, *, environment: Environment, number: int, url: str | None) -> Card:
    """The message about broken glass: the first one, or reminder `number`. `url` leads to the card of what went."""
    place, who = f"{approval.service} → {approval.environment}", plain(broken.name, _NAME)
    words = "broken glass is not reviewed yet" if number else f"{who} broke the glass"
    if broken.review is not None:
        words = f"broken glass, reviewed by {plain(broken.review.name, _NAME)}"
    had = len(approval.votes) - 1
    others = {0: "without anybody else", 1: "with one other consent"}.get(had, f"with {had} other consents")
    waits = broken.review is None
    return Card(
        title=f"🚨 {place} · {words}",
        colour=Colour.BAD if waits else Colour.QUIET,
        reference=f"glass {number} of operation {approval.operation_id}",
        description=paragraphs(
            [
                f"{who} let it go {ago(broken.at)}, {others}: {plain(broken.reason, _WHY)}\n{_review(broken)}",
                _next(approval, broken, environment=environment) if waits else "",
            ]
        ),
        buttons=(
            *([Button(label="Acknowledge", custom_id=f"chatops:review:{approval.id}")] if waits else []),
            Button(label="Open the card", url=url),
        ),
        timestamp=broken.at,
        mention=environment.mention if waits else None,
    )


def button(approval: Approval, *, held: bool) -> Button:
    """Break glass, on the card of a request."""
    return Button(label="Break glass", custom_id=f"chatops:glass:{approval.id}", style=Style.BAD, disabled=held)


def smashed(approval: Approval) -> Card:
    """The answer to whoever broke the glass."""
    return Card(
        title=f"🚨 {approval.service} → {approval.environment} · glass broken",
        colour=Colour.WAITING,
        description="The bot checks once more that nothing has changed, then syncs exactly this. The alerts channel "
        "has been told, and asks for a review by another person until there is one.",
    )


def reviewed(approval: Approval) -> Card:
    """The answer to whoever reviewed it."""
    place = f"{approval.service} → {approval.environment}"
    return Card(
        title=f"{place} · reviewed",
        colour=Colour.GOOD,
        description="Its card and the alerts channel say that it was you.",
    )


def _review(broken: Broken) -> str:
    if broken.review is None:
        return f"Nobody has reviewed it yet. The review is due {ago(broken.review_due)}."
    return f"Reviewed by {plain(broken.review.name, _NAME)} {ago(broken.review.at)}"


def _next(approval: Approval, broken: Broken, *, environment: Environment) -> str:
    """Who has to look at it, that reminders come, and what to do when there is nobody who may."""
    return (
        f"**Next** {_who(approval, broken, environment)} looks at it and acknowledges it. "
        "People are reminded until then.\n"
        f"If nobody else may, give one more person `approve` in {environment.name}."
    )


def _who(approval: Approval, broken: Broken, environment: Environment | None) -> str:
    someone = standing.approvers(environment, approval.scope)
    return f"{someone}, but not {plain(broken.name, _NAME)} or who asked for it or wrote it,"
