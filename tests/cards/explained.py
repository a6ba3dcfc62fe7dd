"""What /can and /why answer, by name.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py -k explained
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bot.cards import explanations
from bot.cards.base import Card
from bot.domain import approvals
from bot.domain.operations import OperationKind, OperationState, Rollback, Way
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.domain.trail import Entry
from tests.cards import places
from tests.cards.held import TICKETS
from tests.cards.story import after, approval, granted, operation
from tests.domain import halts

PROD = places.catalog().environments["prod"]
HOSTILE = "**mina** <@1>"
URL = "https://discord.com/channels/1/2/3"
DEVELOPERS, NOBODY = frozenset({300, 301}), frozenset[int]()


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {"can": _can(), "why": _why()}
    return {f"explained/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _can() -> Iterator[tuple[str, Card]]:
    missing = Refused(Reason.MISSING_ROLE, "prod:deploy belongs to <@&300>, <@&301>.")
    pending = Refused(Reason.MEMBERSHIP_PENDING)
    facts: dict[str, Any] = {
        "place": "prod",
        "environment": PROD,
        "granted": DEVELOPERS,
        "obstacle": None,
        "identified": True,
    }
    deploy = {**facts, "capability": Capability.DEPLOY}
    one = frozenset({300})
    yield "deploy", explanations.can(HOSTILE, refused=None, held=one, **deploy)
    yield "locked", explanations.can("mina", refused=None, held=one, **{**deploy, "obstacle": TICKETS})
    yield "missing", explanations.can("mina", refused=missing, held=NOBODY, **deploy)
    yield "pending", explanations.can("mina", refused=pending, held=one, **deploy)
    approve = {**facts, "capability": Capability.APPROVE}
    yield "approve", explanations.can("mina", refused=None, held=one, **approve)
    strict = {**approve, "identified": False, "environment": replace(PROD, refuse_unknown=True)}
    yield "approve-unknown", explanations.can("mina", refused=None, held=one, **strict)
    nobody = Refused(Reason.NOBODY_CONFIGURED, "(prod:restart)")
    restart = {**facts, "granted": NOBODY, "capability": Capability.RESTART}
    yield "nobody", explanations.can("mina", refused=nobody, held=NOBODY, **restart)
    everywhere = {"dev": DEVELOPERS, "staging": one, "prod": NOBODY}
    stop: dict[str, Any] = {"granted": everywhere, "stop": None}
    yield "stop", explanations.can_stop("mina", missing=(), refused=None, **stop)
    yield "stop-stopped", explanations.can_stop("mina", missing=(), refused=None, **{**stop, "stop": halts.stop()})
    yield "stop-missing", explanations.can_stop(HOSTILE, missing=("staging", "prod"), refused=missing, **stop)
    yield "stop-nowhere", explanations.can_stop("mina", missing=(*everywhere,), refused=nobody, **stop)
    yield "stop-pending", explanations.can_stop("mina", missing=(), refused=pending, **stop)


def _why() -> Iterator[tuple[str, Card]]:
    asked, said = operation(OperationState.REFUSED, reason=Reason.CONTENT_CHANGED), ("discord:11", "discord:12")
    story = (_entry(1, said[0], "deploy", "requested"), _entry(2, "chatops", "deploy", "waiting"))
    ended = _entry(4, "chatops", "deploy", "refused", reason="content_changed")
    voted = (_entry(3, said[1], "approve", "granted"), ended)
    yield "refused", explanations.why(asked, approval=granted(), entries=(*story, *voted), url=URL)
    waiting = operation(OperationState.WAITING)
    yield "waiting", explanations.why(waiting, approval=approval(), entries=story, url=None)
    unknown = replace(approval(), unmapped=("octocat",))
    yield "unknown", explanations.why(waiting, approval=unknown, entries=story, url=None)
    rejected = operation(OperationState.REJECTED, reason=Reason.REJECTED, detail=HOSTILE)
    no = approvals.reject(approval(), name="jiwon", now=after(300))
    long = tuple(_entry(number, "github:mina", "deploy", "requested") for number in range(1, 21))
    yield "rejected", explanations.why(rejected, approval=no, entries=long, url=URL)
    back = Rollback(way=Way.TAG, why="payments **fail**")
    rolled = operation(OperationState.SUCCEEDED, kind=OperationKind.ROLLBACK, rollback=back)
    yield "rollback", explanations.why(rolled, approval=None, entries=story, url=URL)
    quick = replace(rolled, rollback=Rollback(way=Way.HISTORY, why="payments **fail**", entry=7, emergency=True))
    yield "emergency", explanations.why(quick, approval=granted(), entries=story, url=URL)


def _entry(number: int, actor: str, action: str, outcome: str, *, reason: str | None = None) -> Entry:
    blank = Entry(
        id=number,
        at=after(100 * number).isoformat(),
        actor=actor,
        roles=None,
        action=action,
        environment="prod",
        service="ticket-service",
        operation_id="0194350c8a20a1b2c3d4e5f6",
        correlation=None,
        outcome=outcome,
        reason=None,
        digest=None,
        detail="",
        previous="",
        hash="",
    )
    return replace(blank, reason=reason)
