"""What people are told after an order that was taken: what happens next, and where to watch it."""

from datetime import datetime

from bot.cards.base import Button, Card, Colour, Style
from bot.cards.standing import still_needed
from bot.cards.status import EnvironmentStatus
from bot.cards.text import ago, code, plain
from bot.domain.approvals import Approval, ApprovalState
from bot.domain.inspections import Running
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.domain.verdicts import was_stopped


def deploy(operation: Operation, *, mention: int | None, url: str | None) -> Card:
    """What becomes of a deploy or a rollback that was asked for; `url` leads to its card, when that has been posted."""
    place = f"{operation.subject} → {operation.environment}"
    card = (Button(label="Open the card", url=url),)
    if operation.state.ended and operation.state is not OperationState.SUCCEEDED:
        detail = f" {plain(operation.detail, 200)}" if operation.detail else ""
        reason = SENTENCES[operation.reason] if operation.reason else "It ended before it began."
        return Card(
            title=f"{place} · {'not deployed' if operation.rollback is None else 'not rolled back'}",
            colour=Colour.QUIET if operation.reason is Reason.NOTHING_TO_DEPLOY else Colour.BAD,
            description=reason + detail,
            footer=f"operation {operation.id}",
            buttons=card,
        )
    where = "its card" if operation.has_card else "the release card"
    words, sentence = {
        OperationState.REQUESTED: ("request taken", f"What would change is still being read; {where} shows it then."),
        OperationState.WAITING: ("waiting for approval", f"{_approver(mention)} decides on {where}."),
    }.get(operation.state, ("on its way", f"It needs no approval; {where} shows how it goes on."))
    return Card(title=f"{place} · {words}", colour=Colour.WAITING, description=sentence, buttons=card)


def refresh(operation: Operation, *, status: EnvironmentStatus) -> Card:
    """How a refresh ended, with what Argo CD found, or when it compared last."""
    kind = "hard refresh" if operation.hard else "refresh"
    title = f"{operation.environment} · {kind}"
    seen = status.observed
    if operation.state is OperationState.SUCCEEDED and seen is not None:
        compared = f" {ago(seen.reconciled_at)}" if seen.reconciled_at else ""
        return Card(
            title=f"{title} done",
            colour=Colour.GOOD,
            description=f"**{seen.sync}** · **{seen.health}**\nCompared with {code(seen.revision[:7], 7)}{compared}",
        )
    if operation.state.ended and operation.reason is not Reason.REFRESH_TIMED_OUT:
        reason = operation.reason or Reason.ARGOCD_UNREACHABLE
        footer = f"operation {operation.id}"
        return Card(title=f"{title} failed", colour=Colour.BAD, description=SENTENCES[reason], footer=footer)
    compared = f"\nCompared last {ago(seen.reconciled_at)}" if seen is not None and seen.reconciled_at else ""
    sentence = SENTENCES[Reason.REFRESH_TIMED_OUT]
    return Card(title=f"{title} still runs", colour=Colour.WAITING, description=sentence + compared)


def decided(approval: Approval) -> Card:
    """What a press did."""
    place = f"{approval.service} → {approval.environment}"
    if approval.state in (ApprovalState.REJECTED, ApprovalState.WITHDRAWN):
        return Card(title=f"{place} · {approval.state}", colour=Colour.QUIET, description="Nothing will be deployed.")
    if approval.missing:
        return Card(title=f"{place} · approved", colour=Colour.WAITING, description=still_needed(approval))
    return Card(
        title=f"{place} · approved",
        colour=Colour.GOOD,
        description="The bot checks once more that nothing has changed, then syncs exactly this.",
    )


def restart(operation: Operation, *, url: str | None) -> Card:
    """What becomes of a restart that was asked for; `url` leads to its card."""
    place = f"{operation.subject} → {operation.environment}"
    if operation.reason is not None and operation.state.ended:
        return Card(
            title=f"{place} · not restarted",
            colour=Colour.BAD,
            description=" ".join(filter(None, (SENTENCES[operation.reason], plain(operation.detail, 200)))),
            footer=f"operation {operation.id}",
        )
    return Card(
        title=f"{place} · restarting",
        colour=Colour.RUNNING,
        description="One pod after the other is replaced. The card shows how it goes on.",
        buttons=(Button(label="Open the card", url=url),),
    )


def rerun(operation: Operation, *, url: str | None) -> Card:
    """What became of a run that was to run again; `url` leads to the card of its release."""
    place = f"{operation.subject} → {operation.environment}"
    asked = operation.rerun
    buttons = (Button(label="Open the card", url=url), Button(label="Run", url=asked.url if asked else None))
    if operation.state is OperationState.SUCCEEDED:
        what = "everything" if asked and asked.everything else "the failed jobs"
        attempt = f"Attempt {asked.attempt + 1}" if asked and asked.attempt is not None else "A new attempt"
        return Card(
            title=f"{place} · running again",
            colour=Colour.RUNNING,
            description=f"{attempt} runs {what}. The release card shows how it goes on.",
            buttons=buttons,
        )
    if operation.reason is not None and operation.state.ended:
        quiet = (Reason.NOTHING_FAILED, Reason.RERUN_ALREADY, Reason.RUN_IN_PROGRESS)
        return Card(
            title=f"{place} · not run again",
            colour=Colour.QUIET if operation.reason in quiet else Colour.BAD,
            description=SENTENCES[operation.reason],
            footer=f"operation {operation.id}",
            buttons=buttons,
        )
    return Card(
        title=f"{place} · asked to run again",
        colour=Colour.WAITING,
        description="GitHub has not shown the new attempt yet. The release card shows it when it begins.",
        buttons=buttons,
    )


def confirm_stop(environment: str, running: Running, *, now: datetime) -> Card:
    """What would be stopped, and the button that does.

    The button knows the operation by when it began, or by when it was shown if nobody has begun it yet.
    """
    sync, asked = running.sync, running.asked
    known = f"w{int(now.timestamp())}" if sync is None else f"{int(sync.started_at.timestamp())}"
    whose = f"{plain(asked.subject, 60)} asked by {plain(asked.requested_name, 40)}" if asked else ""
    if sync is None:
        lines = ["An operation was asked for, and Argo CD has not begun it yet.", whose.capitalize()]
    else:
        whose = whose or f"by {plain(sync.initiated_by or 'somebody', 40)}"
        lines = [f"Sync of {code(sync.revision[:7], 7)} {whose} {ago(sync.started_at)}", plain(sync.message, 200)]
        ended = "It has ended, but it still holds the Application: stopping it sets that free."
        lines.append(ended if sync.phase.ended else "**Note** what it has applied so far stays.")
    return Card(
        title=f"{environment} · stop this operation?",
        colour=Colour.WAITING,
        description="\n".join(filter(None, lines)),
        buttons=(Button(label="Stop it", custom_id=f"chatops:terminate:{environment}:{known}", style=Style.BAD),),
    )


def stopped(operation: Operation) -> Card:
    """How the stop went."""
    title = f"{operation.environment} · "
    if operation.state is OperationState.SUCCEEDED:
        words = {True: "stopped", False: "it had ended by itself", None: "it is over"}[was_stopped(operation)]
        free = was_stopped(operation) is not None
        what = "The Application is free for the next operation." if free else "Another operation has begun since."
        return Card(title=title + words, colour=Colour.GOOD, description=what)
    if operation.reason is not None and operation.state.ended:
        refused = operation.state is OperationState.REFUSED
        return Card(
            title=title + ("nothing stopped" if refused else "not stopped yet"),
            colour=Colour.QUIET if refused else Colour.BAD,
            description=" ".join(filter(None, (SENTENCES[operation.reason], plain(operation.detail, 200)))),
            footer=f"operation {operation.id}",
        )
    return Card(
        title=f"{title}still stopping", colour=Colour.WAITING, description="Its card shows when it really has ended."
    )


def _approver(mention: int | None) -> str:
    return f"<@&{mention}>" if mention else "Somebody who may approve"
