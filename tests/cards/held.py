"""Deploy locks wherever they are shown: in the channel, in answers, in refusals and on other cards, by name."""

from collections.abc import Iterator
from dataclasses import replace

from bot.cards import locks, obstacles, refusal, status
from bot.cards import operation as operation_card
from bot.cards import release as release_card
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain.approvals import Approval
from bot.domain.locks import End, Lock, end
from bot.domain.operations import Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason, Refused
from tests.cards import story
from tests.cards.looked import HOSTILE
from tests.cards.places import catalog
from tests.cards.story import after, approval, operation, seen
from tests.domain.examples import lock, unreadable

CATALOG = catalog()
STAGING, PROD = CATALOG.environments["staging"], CATALOG.environments["prod"]
MINE = lock()
TICKETS = lock(
    id="l-2", service="ticket-service", reason=f"{HOSTILE} {'y' * 200}"[:200], until=after(7200), blocks_rollbacks=True
)
UNREADABLE = unreadable(TICKETS)
AUTOMATED = lock(id="l-3", environment="staging", until=after(3600))
ROLLED_BACK = lock(id="l-4", service="backend", reason="Rolled back: 500s after the release", operation_id="op-1")


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {"notice": _notices(), "answer": _answers(), "list": _lists(), "shown": _shown()}
    return {f"locks/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _notices() -> Iterator[tuple[str, Card]]:
    taken = end(TICKETS, End.TAKEN_OVER, now=after(900), by="minji", reason=HOSTILE)
    for name, one, place, number in (
        ("locked", MINE, PROD, 0),
        ("service", TICKETS, PROD, 0),
        ("automated", AUTOMATED, STAGING, 0),
        ("reminder", replace(MINE, nags=2), PROD, 2),
        ("after-rollback", replace(ROLLED_BACK, nags=1), PROD, 1),
        ("unlocked", end(MINE, End.UNLOCKED, now=after(900), by="hyunwoo"), PROD, 0),
        ("unlocked-by-another", end(MINE, End.UNLOCKED, now=after(900), by="minji", reason="on holiday"), PROD, 2),
        ("taken-over", taken, PROD, 0),
        ("renewed", end(MINE, End.RENEWED, now=after(900), by="hyunwoo", reason="two more hours"), PROD, 0),
        ("unreadable", UNREADABLE, PROD, 0),
        ("unreadable-unlocked", end(UNREADABLE, End.UNLOCKED, now=after(900), by="minji", reason="broken"), PROD, 0),
        ("expired", end(AUTOMATED, End.EXPIRED, now=after(3600)), STAGING, 0),
    ):
        yield name, locks.notice(one, environment=place, number=number)
    rollback = Rollback(way=Way.HISTORY, why="500s after the release", entry=7)
    back = operation(OperationState.SUCCEEDED, kind=OperationKind.ROLLBACK, rollback=rollback)
    yield "git-disagrees", locks.notice(ROLLED_BACK, environment=PROD, number=0, rollback=back)


def _answers() -> Iterator[tuple[str, Card]]:
    late = (
        operation(OperationState.RUNNING),
        operation(OperationState.RUNNING, service=None, requested_name="jiwon"),
        operation(OperationState.APPROVED, pull_request="https://github.com/ORGANIZATION/project-ticketing/pull/7"),
    )
    another = lock(id="l-5", owner_id=22, owner_name="minji", since=after(-9000), reason="incident")
    yield "locked", locks.placed(MINE, environment=PROD, before=None, under_way=())
    yield "locked-for-a-while", locks.placed(TICKETS, environment=PROD, before=None, under_way=late)
    yield "locked-automated", locks.placed(AUTOMATED, environment=STAGING, before=None, under_way=())
    yield "taken-over", locks.placed(MINE, environment=PROD, before=another, under_way=())
    yield "taken-over-unreadable", locks.placed(TICKETS, environment=PROD, before=UNREADABLE, under_way=())
    yield "renewed", locks.placed(MINE, environment=PROD, before=replace(MINE, id="l-0"), under_way=())
    gone = end(MINE, End.UNLOCKED, now=after(9000), by="hyunwoo")
    yield "unlocked", locks.removed(gone, left=())
    yield "unlocked-one-of-two", locks.removed(gone, left=(TICKETS,))
    unread = end(UNREADABLE, End.UNLOCKED, now=after(9000), by="minji", reason="broken")
    yield "unlocked-unreadable", locks.removed(unread, left=(MINE, UNREADABLE))
    held = Refused(Reason.LOCK_HELD, obstacles.all_told((another,)))
    yield "held", refusal.render(held)


def _lists() -> Iterator[tuple[str, Card]]:
    yield "nothing", locks.listed(())
    yield "some", locks.listed((AUTOMATED, MINE, TICKETS, ROLLED_BACK))
    yield "unreadable", locks.listed((UNREADABLE, MINE))
    yield "many", locks.listed((TICKETS,) * 15)


def _shown() -> Iterator[tuple[str, Card]]:
    """On the cards of what waits, of what was stopped, and in the overview."""
    waiting, everything = operation(OperationState.WAITING), operation(OperationState.WAITING, service=None)
    stopped = operation(
        OperationState.REFUSED,
        reason=Reason.LOCKED,
        detail="hyunwoo locked all services in prod: The database is being migrated",
    )
    yield "waiting", _release(waiting, approval(), MINE)
    yield "waiting-unreadable", _release(waiting, approval(), UNREADABLE)
    yield "stopped", _release(stopped, story.granted())
    shown = operation_card.render(
        everything, approval=approval(), observed=None, catalog=CATALOG, now=after(600), held_by=(TICKETS,)
    )
    yield "everything", shown
    view = EnvironmentStatus(
        environment=PROD, observed=seen(110), failure=None, operations=(), locks=(MINE, TICKETS, ROLLED_BACK)
    )
    yield "status", status.render((view,), service=None)
    yield "status-service", status.render((view,), service="ticket-service")


def _release(asked: Operation, consent: Approval, *held_by: Lock) -> Card:
    told = story.told([*story.pipeline(), seen(110)])
    return release_card.render(
        told, id=42, operation=asked, approval=consent, catalog=CATALOG, now=after(600), held_by=held_by
    )
