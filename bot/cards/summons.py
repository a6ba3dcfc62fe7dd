"""The call for approvers and its reminders: short messages of their own, because Discord tells nobody about an edit.

Each names the role once, leads to the release card where the decision is made, and says afterwards how it went.
"""

from datetime import datetime

from bot.cards import stages, standing
from bot.cards.base import Button, Card, Colour
from bot.cards.text import code, plain
from bot.domain.approvals import Approval, ApprovalState
from bot.domain.operations import Operation

_TAG = 60
_WHY = 200
_WAITS = ("approval needed", "still waits for approval", "approval ends soon")


def render(
    approval: Approval,
    *,
    operation: Operation,
    role: int,
    url: str | None,
    now: datetime,
    reminder: int = 0,
    several: bool = False,
    still: bool = False,
) -> Card:
    """The call while the approval waits, and its end after that. `url` leads to the release card, once it is there.

    `reminder` is the number of the reminder that it is, 0 for the first call. `several` says that others wait too,
    and `still` that the time of the request stands still.
    """
    waits = standing.is_open(approval, now=now)
    place = f"{_loud(operation)}{approval.service} → {approval.environment}"
    image = operation.content.image_of(operation.service) if operation.content else None
    what = code(image.tag, _TAG) if image and image.tag else ""
    again = "again " if operation.asked_again else ""
    asked = f"{what} asked {again}by {plain(operation.requested_name, 40)}".strip()
    others = waits and several
    needed = f"\n{standing.still_needed(approval)}" if waits and reminder and approval.votes else ""
    why = f"**Why** {plain(operation.rollback.why, _WHY)}" if operation.rollback else standing.hotfix(operation)
    asked = "\n".join(filter(None, (why, asked)))
    return Card(
        title=f"{place} · {_WAITS[reminder] if waits else _end(approval)}",
        colour=Colour.WAITING if waits else Colour.QUIET,
        description=f"{asked} · {stages.ends(approval, still=still)}{needed}" if waits else asked,
        reference=f"{f'reminder {reminder}' if reminder else 'call'} of operation {operation.id}",
        buttons=(
            *([Button(label="All that wait", custom_id=f"chatops:waiting:{approval.environment}")] if others else []),
            Button(label="Open the card", url=url),
        ),
        mention=role if waits else None,
    )


def _loud(operation: Operation) -> str:
    """What is more than a deploy, before anything else: people read a notification from its beginning."""
    if operation.rollback is not None:
        return "🚨 roll back " if operation.rollback.emergency else "⏪ roll back "
    return "🔥 " if operation.hotfix else ""


def _end(approval: Approval) -> str:
    if approval.state is ApprovalState.PENDING:
        return ApprovalState.EXPIRED
    who = f" by {plain(approval.decided_by, 40)}" if approval.decided_by else ""
    granted = "glass broken" if approval.broken else "approved"
    words = granted if approval.state is ApprovalState.GRANTED else approval.state.value
    return words + who
