"""What /can and /why answer, by name.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py -k explained
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bot.cards import explanations, stories
from bot.cards.base import Card
from bot.domain import approvals
from bot.domain.approvals import Approval, Group, Vote
from bot.domain.freezes import Frozen
from bot.domain.obstacles import Obstacle
from bot.domain.operations import Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.domain.trail import Entry, Story
from tests.cards import places
from tests.cards.held import TICKETS
from tests.cards.story import after, approval, granted, operation
from tests.domain import halts
from tests.domain.examples import lock

PROD = places.catalog().environments["prod"]
HOSTILE = "**mina** <@1>"
URL = "https://discord.com/channels/1/2/3"
DEVELOPERS, NOBODY = frozenset({300, 301}), frozenset[int]()
GROUPS = (Group(name="qa", roles=frozenset({302})), Group(name="on-call", roles=frozenset({300, 303})))
GROUPED = replace(PROD, required_approvals=3, approval_groups=GROUPS)
FREEZE = halts.freeze()
FROZEN = Frozen(freeze=FREEZE, until=FREEZE.ends)
BROKEN = Frozen(freeze=halts.freeze(id="f-2", ends=None), until=None)
_PLACES = (None, "ticket-service", "ticket-service")
EVERYTHING = (halts.stop(), lock(), TICKETS, FROZEN)


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {"can": _can(), "why": _why()}
    return {f"explained/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _can() -> Iterator[tuple[str, Card]]:
    missing = Refused(Reason.MISSING_ROLE, "prod:deploy belongs to <@&300>, <@&301>.")
    pending = Refused(Reason.MEMBERSHIP_PENDING)
    one = frozenset({300})
    facts: dict[str, Any] = {
        "place": "prod",
        "environment": PROD,
        "service": None,
        "services": (),
        "granted": DEVELOPERS,
        "roles": one,
        "obstacles": (),
        "identified": True,
        "refused": None,
    }

    def told(name: str = "mina", **changes: Any) -> Card:
        return explanations.can(name, **{**facts, "capability": Capability.DEPLOY, **changes})

    yield "deploy", told(HOSTILE)
    yield "locked", told(obstacles=(TICKETS,))
    yield "frozen", told(obstacles=(FROZEN,))
    yield "everything", told(obstacles=EVERYTHING)
    yield "everything-of-one", told(obstacles=EVERYTHING, service="ticket-service")
    long = {"owner_name": HOSTILE * 9, "reason": "*" * 200}
    many = [
        lock(id="l-0", **long),
        *(lock(id=f"l-{number}", service=f"{'x' * 60}{number}", **long) for number in range(9)),
    ]
    yield "many", told("*" * 99, obstacles=many, roles=DEVELOPERS)
    staging = places.catalog().environments["staging"]
    yield "automated", told(environment=staging, place="staging", service="backend")
    yield "automated-all", told(environment=staging, place="staging", obstacles=(lock(service="backend"),))
    yield "alone", told(refused=missing, roles=frozenset({999}), services=[f"s{number}" for number in range(7)])
    yield "lock-held", told(capability=Capability.LOCK, obstacles=(lock(),))
    yield "groups", told(environment=GROUPED)
    yield "groups-only", told(environment=replace(GROUPED, required_approvals=1), place="prod/ticket-service")
    yield "rollback", told(capability=Capability.ROLLBACK, environment=replace(PROD, required_approvals=2))
    yield "missing", told(refused=missing, roles=frozenset({999}), obstacles=(lock(),))
    yield "pending", told(refused=pending)
    approve = {"capability": Capability.APPROVE}
    yield "approve", told(**approve)
    yield "approve-frozen", told(**approve, obstacles=(FROZEN,))
    soft, hard = lock(id="l-3", service="backend"), lock(id="l-4", service="ticket-service", blocks_rollbacks=True)
    yield "approve-locked", told(**approve, obstacles=(lock(), FROZEN, soft, hard))
    yield "approve-one-by-one", told(**approve, refused=missing, roles=frozenset({999}), obstacles=(soft, hard))
    yield "approve-unreadable", told(**approve, service="backend", obstacles=(BROKEN,))
    yield "approve-nothing", told(**approve, environment=staging, place="staging")
    yield "approve-unknown", told(**approve, identified=False)
    yield "approve-told", told(**approve, environment=replace(PROD, refuse_unknown=False))
    for name, roles in (("none", {301}), ("one", {301, 302}), ("two", {300, 302})):
        yield f"approve-group-{name}", told(**approve, environment=GROUPED, roles=frozenset(roles))
    nobody = Refused(Reason.NOBODY_CONFIGURED, "(prod:restart)")
    yield "nobody", told(refused=nobody, granted=NOBODY, capability=Capability.RESTART)
    everywhere = {"dev": DEVELOPERS, "staging": one, "prod": NOBODY}
    stop: dict[str, Any] = {"granted": everywhere, "stop": None}
    yield "stop", explanations.can_stop("mina", missing=(), refused=None, **stop)
    yield "stop-stopped", explanations.can_stop("mina", missing=(), refused=None, **{**stop, "stop": halts.stop()})
    yield "stop-missing", explanations.can_stop(HOSTILE, missing=("staging", "prod"), refused=missing, **stop)
    yield "stop-nowhere", explanations.can_stop("mina", missing=(*everywhere,), refused=nobody, **stop)
    yield "stop-pending", explanations.can_stop("mina", missing=(), refused=pending, **stop)


def told(
    operation: Operation,
    approval: Approval | None = None,
    *rows: Entry,
    left: int = 0,
    obstacles: tuple[Obstacle, ...] = (),
    now: float = 600,
) -> Card:
    """The answer to /why ten minutes after the beginning; after four rows `left` others are left out."""
    story = Story(first=rows[:4], newest=rows[4:], left=left)
    known = {"approval": approval, "obstacles": obstacles, "story": story, "url": URL, "now": after(now)}
    return stories.why(operation, catalog=places.catalog(), **known)  # type: ignore[arg-type]


def _why() -> Iterator[tuple[str, Card]]:
    asked, said = operation(OperationState.REFUSED, reason=Reason.CONTENT_CHANGED), ("discord:11", "discord:12")
    story = (_entry(1, said[0], "deploy", "requested"), _entry(2, "chatops", "deploy", "waiting"))
    ended = _entry(4, "chatops", "deploy", "refused", reason="content_changed")
    yield "refused", told(asked, granted(), *story, _entry(3, said[1], "approve", "granted"), ended)
    late = operation(OperationState.REFUSED, reason=Reason.LOCKED, detail="minji locked all services in prod: *fire*")
    yield "refused-locked", told(late, granted(), *story, replace(ended, reason="locked", detail=late.detail))
    rejected = operation(OperationState.REJECTED, reason=Reason.REJECTED, detail=HOSTILE)
    no = approvals.reject(approval(), name="jiwon", now=after(300))
    long = tuple(_entry(number, "github:mina", "deploy", "requested") for number in (1, 2, 3, 4, *range(28, 39)))
    yield "rejected", told(rejected, no, *long, left=23)
    hostile = tuple(replace(_entry(9, "*" * 99, "*" * 99, "*" * 99), detail="_" * 999) for _ in range(15))
    yield "hostile", told(replace(rejected, detail="*" * 999), no, *hostile)
    back = Rollback(way=Way.TAG, why="payments **fail**")
    rolled = operation(OperationState.SUCCEEDED, kind=OperationKind.ROLLBACK, rollback=back)
    said_so = replace(story[0], action="rollback", detail=rolled.said)
    written = replace(story[1], action="rollback", outcome="written", detail=f"commit {'5' * 40}")
    yield "rollback", told(rolled, None, said_so, written)
    quick = replace(rolled, rollback=Rollback(way=Way.HISTORY, why="payments **fail**", entry=7, emergency=True))
    yield "emergency", told(quick, granted(), *story)
    yield from _waits(story)


def _waits(story: tuple[Entry, ...]) -> Iterator[tuple[str, Card]]:
    """Of what is still open: who could go on with it, and what keeps it."""
    waiting, people = operation(OperationState.WAITING), approval()
    yield "waiting", told(waiting, people, *story)
    vote = Vote(person=12, name="jiwon", at=after(300), roles=frozenset({302}))
    grouped = replace(approval(required=3, groups=GROUPS), votes=(vote,), authors=frozenset({11, *range(21, 29)}))
    yield "waiting-groups", told(waiting, grouped, *story)
    yield "waiting-everything", told(waiting, grouped, *story, obstacles=EVERYTHING)
    yield "waiting-locked", told(waiting, people, *story, obstacles=(lock(),))
    yield "waiting-frozen", told(waiting, people, *story, obstacles=(FROZEN,))
    yield "waiting-unreadable", told(replace(waiting, hotfix="payments **fail**"), people, *story, obstacles=(BROKEN,))
    yield "waiting-full", full()
    yield "waiting-late", told(waiting, people, *story, now=99999)
    yield "unknown", told(waiting, replace(people, unmapped=("octocat",), refuse_unknown=False), *story)
    yield "nobody", told(waiting, replace(people, unmapped=("octocat",)), *story)
    held = operation(OperationState.APPROVED, reason=Reason.STOPPED, detail="jisoo stopped everything: why")
    yield "approved-stopped", told(held, granted(), *story, obstacles=(halts.stop(),))
    yield "approved-locked", told(operation(OperationState.APPROVED), granted(), *story, obstacles=(lock(),))
    silent = operation(OperationState.RUNNING, reason=Reason.ARGOCD_UNREACHABLE)
    yield "running", told(silent, granted(), *story)


def full() -> Card:
    """The answer about a request in whose way is as much as there can be, in the worst words."""
    long: dict[str, Any] = {"owner_name": "*" * 99, "reason": "*" * 200}
    freezes = [
        replace(halts.freeze(id=f"f-{number}", service=service, **long)) for number, service in enumerate(_PLACES)
    ]
    obstacles: tuple[Obstacle, ...] = (
        halts.stop(**long),
        *(
            lock(id=f"l-{number}", service=service, until=after(999), **long)
            for number, service in enumerate(_PLACES[:2])
        ),
        *(Frozen(freeze=one, until=one.ends) for one in freezes),
    )
    asked = replace(operation(OperationState.WAITING), hotfix="*" * 200, requested_name="*" * 99, detail="*" * 300)
    people = replace(approval(required=3, groups=GROUPS), unmapped=("a" * 39,) * 10, unsure=True, refuse_unknown=False)
    people = replace(people, authors=frozenset(range(10**17, 10**17 + 9)))
    rows = tuple(replace(_entry(number, "*" * 99, "*" * 99, "*" * 99), detail="_" * 999) for number in range(1, 16))
    return told(replace(asked, reason=Reason.STOPPED), people, *rows, left=9, obstacles=obstacles)


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
