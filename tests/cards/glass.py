"""Broken glass wherever it is shown: on cards, in the alerts channel, and in answers."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.cards import explanations, glass, summons
from bot.cards import operation as operation_card
from bot.cards import release as release_card
from bot.cards.base import Card
from bot.domain import approvals
from bot.domain.approvals import Approval
from bot.domain.obstacles import Obstacle
from bot.domain.operations import Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.permissions import Capability
from tests.cards import explained, story
from tests.cards.looked import HOSTILE
from tests.cards.places import JIWON, MINA, catalog
from tests.cards.story import after, approval, operation, seen
from tests.domain.examples import lock

CATALOG = catalog()
PROD = replace(CATALOG.environments["prod"], break_glass=frozenset({400}))
PLACES = replace(CATALOG, environments={**CATALOG.environments, "prod": PROD})
BROKEN = approvals.break_glass(approval(required=2), person=MINA, name="mina", reason="payments fail", now=after(474))
LOUD = approvals.break_glass(
    approvals.grant(approval(required=3), person=JIWON, name="jiwon", now=after(300)),
    person=MINA,
    name=HOSTILE,
    reason=f"{HOSTILE} {'x' * 200}"[:200],
    now=after(474),
)
REVIEWED = approvals.review(BROKEN, person=JIWON, asked_by=MINA, name="jiwon", now=after(9000))
URL = "https://discord.com/channels/1/2/3"


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {"release": _releases(), "operation": _operations(), "notice": _notices(), "answer": _answers()}
    return {f"glass/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _release(asked: Operation, consent: Approval, *, held_by: tuple[Obstacle, ...] = ()) -> Card:
    release = story.told([*story.pipeline(), seen(110)])
    return release_card.render(
        release, id=42, operation=asked, approval=consent, catalog=PLACES, now=after(600), held_by=held_by
    )


def _releases() -> Iterator[tuple[str, Card]]:
    waiting = operation(OperationState.WAITING)
    yield "waiting", _release(waiting, approval())
    own = replace(PROD, service_approvers={"ticket-service": frozenset({400, 600})}, approvers=frozenset({400}))
    told = story.told([*story.pipeline(), seen(110)])
    for name, one in (("service", waiting), ("all", replace(waiting, service=None))):
        places = replace(CATALOG, environments={**CATALOG.environments, "prod": own})
        consent = replace(approval(), scope=one.scope)
        yield (
            f"approvers-of-{name}",
            release_card.render(told, id=42, operation=one, approval=consent, catalog=places, now=after(600)),
        )
    yield "by-itself", _release(replace(waiting, requested_by=None), approval())
    yield "locked", _release(waiting, approval(), held_by=(lock(),))
    yield "broken", _release(operation(OperationState.APPROVED), BROKEN)
    yield "hotfix-hostile", _release(operation(OperationState.APPROVED, hotfix="it burns"), LOUD)
    yield "reviewed", _release(operation(OperationState.RUNNING), REVIEWED)


def _operations() -> Iterator[tuple[str, Card]]:
    def shown(state: OperationState, consent: Approval, *, emergency: bool) -> Card:
        back = Rollback(way=Way.TAG, why="payments fail", emergency=emergency)
        asked = operation(state, kind=OperationKind.ROLLBACK, rollback=back, release_id=None)
        return operation_card.render(asked, approval=consent, observed=None, catalog=PLACES, now=after(600))

    yield "rollback-waiting", shown(OperationState.WAITING, approval(), emergency=False)
    yield "rollback", shown(OperationState.APPROVED, BROKEN, emergency=False)
    yield "emergency", shown(OperationState.APPROVED, REVIEWED, emergency=True)


def _notices() -> Iterator[tuple[str, Card]]:
    for name, given, number, url in (
        ("first", BROKEN, 0, URL),
        ("hostile", LOUD, 0, None),
        ("reminder", BROKEN, 2, URL),
        ("reviewed", REVIEWED, 2, URL),
    ):
        assert given.broken is not None
        yield name, glass.notice(given, given.broken, environment=PROD, number=number, url=url)
    own = replace(PROD, service_approvers={"ticket-service": frozenset({400, 600})})
    assert BROKEN.broken is not None
    scoped = replace(BROKEN, scope="ticket-service")
    yield "service", glass.notice(scoped, BROKEN.broken, environment=own, number=0, url=URL)


def _answers() -> Iterator[tuple[str, Card]]:
    asked = operation(OperationState.APPROVED)
    yield "broken", glass.smashed(BROKEN)
    yield "reviewed", glass.reviewed(REVIEWED)
    yield "why", explained.told(asked, BROKEN)
    yield "call", summons.render(BROKEN, operation=asked, role=400, url=URL, now=after(600) + timedelta(hours=2))
    may = frozenset({400})
    yield (
        "can",
        explanations.can(
            "mina",
            capability=Capability.BREAK_GLASS,
            environment=PROD,
            service=None,
            services=(),
            place="prod",
            refused=None,
            granted=may,
            roles=may,
            obstacles=(),
            identified=True,
        ),
    )
