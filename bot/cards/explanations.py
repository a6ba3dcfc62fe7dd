"""The answers to /can and /why: a decision in words, with the rule, the roles and the lock behind it."""

from collections.abc import Collection, Mapping
from datetime import datetime

from bot.cards import glass, obstacles, rollback, standing
from bot.cards.base import Button, Card, Colour
from bot.cards.text import ago, code, paragraphs, plain
from bot.domain.approvals import Approval
from bot.domain.catalog import Environment
from bot.domain.obstacles import Obstacle
from bot.domain.operations import DEPLOYING, Operation, OperationState
from bot.domain.permissions import Capability
from bot.domain.reasons import SENTENCES, Refused
from bot.domain.stops import Stop
from bot.domain.trail import Entry

_LINES = 15
_GOOD = (OperationState.SUCCEEDED,)
_QUIET = (OperationState.REJECTED, OperationState.WITHDRAWN, OperationState.EXPIRED, OperationState.SUPERSEDED)


def can(
    name: str,
    *,
    capability: Capability,
    environment: Environment,
    place: str,
    refused: Refused | None,
    granted: frozenset[int],
    held: frozenset[int],
    obstacle: Obstacle | None,
    identified: bool,
) -> Card:
    """Whether a member may do something at this moment, why, and what else stands between that and its effect.

    `place` is the environment's name, or what the topology calls one service there; `identified` says that the topology
    file knows who they are on GitHub.
    """
    may = "may" if refused is None else "may not"
    rule = f"{place}:{capability}"
    roles = f"{code(rule, 150)} belongs to {_roles(granted)}."
    has = f"{plain(name, 40)} has {_roles(held)}." if held else f"{plain(name, 40)} has none of these roles."
    why = [roles, has] if refused is None or granted else [roles]
    if refused is not None and held:
        why.append(refused.sentence)  # The roles would do, and something else does not.
    after = []
    if obstacle is not None:
        after.append(f"**But not now** {obstacles.told(obstacle)}")
    if refused is None and capability in (Capability.DEPLOY, Capability.ROLLBACK):
        after.append(_consent(environment))
    if refused is None and capability is Capability.APPROVE:
        after += _never(environment, identified=identified)
    if refused is None and capability is Capability.BREAK_GLASS:
        after.append(
            "Alone, and also what they asked for themselves. Somebody from outside has to acknowledge it afterwards."
        )
    colour = Colour.BAD if refused else Colour.WAITING if obstacle else Colour.GOOD
    return Card(
        title=f"{plain(name, 40)} {may} {capability} on {place}",
        colour=colour,
        description=paragraphs([" ".join(why), "\n".join(after)]),
    )


def can_stop(
    name: str,
    *,
    granted: Mapping[str, frozenset[int]],
    missing: Collection[str],
    refused: Refused | None,
    stop: Stop | None,
) -> Card:
    """Whether a member may stop and resume everything, which needs every environment.

    `granted` has the roles by environment, `missing` the environments in which the member has none of them, and `stop`
    stands at this moment.
    """
    who, may = plain(name, 40), "may" if refused is None else "may not"
    lines = [f"{code(f'{place}:{Capability.STOP}', 90)} belongs to {_roles(granted[place])}." for place in missing]
    has = [code(place, 63) for place in granted if place not in missing]
    lines.append(f"{who} has it in {', '.join(has) or 'none of them'}.")
    if refused is not None and not missing:
        lines.append(refused.sentence)  # The roles would do, and something else does not.
    now = f"{obstacles.told(stop)}\n`/resume` ends that, and `/stop` is refused until then." if stop else ""
    return Card(
        title=f"{who} {may} stop and resume everything",
        colour=Colour.BAD if refused else Colour.GOOD,
        description=paragraphs(["\n".join(["Both need `stop` in every environment.", *lines]), now]),
    )


def why(operation: Operation, *, approval: Approval | None, entries: tuple[Entry, ...], url: str | None) -> Card:
    """What an operation went through, and why it ended as it did."""
    state = operation.state
    colour = Colour.GOOD if state in _GOOD else Colour.QUIET if state in _QUIET else Colour.BAD
    reason = SENTENCES[operation.reason] if operation.reason else ""
    shown = entries[:_LINES]
    left = len(entries) - len(shown)
    return Card(
        title=f"{operation.kind.capitalize()} of {operation.subject} → {operation.environment} · {state}",
        colour=colour if state.ended else Colour.RUNNING,
        description=paragraphs(
            [
                "\n".join(filter(None, (reason, plain(operation.detail, 300)))),
                "\n".join(_asked(operation, approval)),
                "\n".join([*map(_line, shown), *([f"and {left} more: `/audit`"] if left > 0 else [])]),
            ]
        ),
        buttons=(Button(label="Open the card", url=url),),
        footer=f"operation {operation.id}",
    )


def _asked(operation: Operation, approval: Approval | None) -> list[str]:
    lines = [f"**Asked** by {plain(operation.requested_name, 40)} {ago(operation.requested_at)}"]
    if operation.rollback is not None:
        loud = " · 🚨 **emergency**: one approver is enough" if operation.rollback.emergency else ""
        lines.append(f"**Way** {rollback.NAMES[operation.rollback.way]}{loud}")
        lines.append(f"**Why** {plain(operation.rollback.why, 200)}")
    if approval is not None:
        votes = ", ".join(f"{plain(vote.name, 40)} {ago(vote.at)}" for vote in approval.votes) or "nobody"
        lines.append(f"**Consent** {approval.state} · {len(approval.votes)} of {approval.required}: {votes}")
        lines += filter(None, [glass.told(approval), standing.unknown(approval)])
        lines.append(f"**Content** {code(approval.digest[:16], 16)}")
    elif operation.kind in DEPLOYING and operation.content is not None:
        lines.append("**Consent** none is needed here")
    return lines


def _line(entry: Entry) -> str:
    when = ago(datetime.fromisoformat(entry.at))
    what = " · ".join(filter(None, (plain(entry.action, 30), plain(entry.outcome, 30), code(entry.reason or "", 40))))
    who = "" if entry.actor == "chatops" else f" by {_actor(entry.actor)}"
    return f"#{entry.id} {when} {what}{who}"


def _actor(actor: str) -> str:
    kind, _, name = actor.partition(":")
    return f"<@{name}>" if kind == "discord" and name.isdigit() else plain(actor, 60)


def _consent(environment: Environment) -> str:
    needed = environment.required_approvals
    if not needed:
        return "It needs nobody's consent."
    people = "somebody else" if needed == 1 else f"{needed} other people"
    return f"After that {people} with {code(f'{environment.name}:approve', 90)} must consent."


def _never(environment: Environment, *, identified: bool) -> list[str]:
    """What whoever may approve cannot approve all the same."""
    lines = ["Never what they asked for, wrote, merged or had run again themselves."]
    if not identified:
        lines.append(
            "⚠️ They are not in the identity map, so what they wrote or merged on GitHub is not known as theirs."
        )
    if environment.refuse_unknown:
        lines.append("Nor what others wrote or merged who are not in the identity map.")
    return lines


def _roles(ids: frozenset[int]) -> str:
    return ", ".join(f"<@&{role}>" for role in sorted(ids)) or "nobody"
