"""Freezes and the kill switch wherever they are shown: in channels, answers and refusals, and on other cards."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from bot.cards import freezes, obstacles, refusal, status, stops
from bot.cards import operation as operation_card
from bot.cards import release as release_card
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain.freezes import Frozen
from bot.domain.obstacles import Obstacle
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.domain.stops import Resumed
from tests.cards import story
from tests.cards.looked import HOSTILE
from tests.cards.places import catalog
from tests.cards.story import after, approval, operation, seen
from tests.domain.examples import lock
from tests.domain.halts import freeze, stop

CATALOG = catalog()
STAGING, PROD = CATALOG.environments["staging"], CATALOG.environments["prod"]
SALE = freeze()
WEEKENDS = freeze(
    id="f-2",
    service="ticket-service",
    reason=f"{HOSTILE} {'y' * 200}"[:200],
    cron="0 18 * * FRI",
    lasts=timedelta(hours=62),
    starts=None,
    ends=None,
)
BROKEN = freeze(id="f-3", owner_name="", reason="", zone="", starts=None, ends=None)
FROZEN, UNKNOWN = Frozen(freeze=SALE, until=SALE.ends), Frozen(freeze=BROKEN, until=None)
STOP, UNREAD = stop(), stop(id="s-2", owner_name="", reason="")
LOUD = stop(id="s-3", owner_name=HOSTILE, reason=f"{HOSTILE} {'x' * 200}"[:200])


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {"stop": _stops(), "freeze": _freezes(), "refused": _refused(), "shown": _shown()}
    return {f"halted/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _stops() -> Iterator[tuple[str, Card]]:
    resumed = replace(STOP, nags=1, resumed=Resumed(at=after(9000), by=HOSTILE, reason=f"it was {HOSTILE}"))
    late = (
        operation(OperationState.RUNNING),
        operation(OperationState.RUNNING, service=None, environment="staging"),
        operation(OperationState.APPROVED, pull_request="https://github.com/ORGANIZATION/project-ticketing/pull/7"),
    )
    yield "notice", stops.notice(STOP, number=0)
    yield "notice-hostile", stops.notice(LOUD, number=0)
    yield "notice-reminder", stops.notice(replace(STOP, nags=2), number=2)
    yield "notice-unreadable", stops.notice(UNREAD, number=0)
    yield "notice-resumed", stops.notice(resumed, number=1)
    yield "answer-stopped", stops.stopped(STOP, under_way=(), automated=False)
    yield "answer-stopped-late", stops.stopped(STOP, under_way=late * 3, automated=True)
    for waiting in (0, 1, 3):
        yield f"answer-resumed-{waiting}", stops.resumed(resumed, waiting=waiting)


def _freezes() -> Iterator[tuple[str, Card]]:
    first = (after(0), after(7200))
    yield "added", freezes.added(SALE, first=first, environment=PROD)
    yield "added-weekends", freezes.added(WEEKENDS, first=first, environment=PROD)
    yield "added-automated", freezes.added(freeze(environment="staging"), first=first, environment=STAGING)
    yield "removed", freezes.removed(WEEKENDS)
    yield "removed-unreadable", freezes.removed(BROKEN)
    yield "list-nothing", freezes.listed((), now=after(0))
    yield "list-some", freezes.listed((SALE, WEEKENDS, BROKEN), now=after(0))
    yield "list-many", freezes.listed((WEEKENDS,) * 15, now=after(0))


def _refused() -> Iterator[tuple[str, Card]]:
    for name, reason, one in (
        ("stopped", Reason.STOPPED, LOUD),
        ("frozen", Reason.FROZEN, FROZEN),
        ("unreadable", Reason.FREEZE_UNREADABLE, UNKNOWN),
    ):
        yield name, refusal.render(Refused(reason, obstacles.all_told((one,))))


def _shown() -> Iterator[tuple[str, Card]]:
    """On the cards of what waits, of what is held and of what goes through, and in the overview."""
    waiting, everything = operation(OperationState.WAITING), operation(OperationState.WAITING, service=None)
    for name, one in (("stopped", STOP), ("frozen", FROZEN), ("unreadable", UNKNOWN)):
        yield f"waiting-{name}", _release(waiting, one)
    told = "jisoo stopped everything: nobody knows what happens"
    held = operation(OperationState.APPROVED, reason=Reason.STOPPED, detail=told)
    yield (
        "held",
        release_card.render(
            story.told([*story.pipeline(), seen(110)]),
            id=42,
            operation=held,
            approval=story.granted(),
            catalog=CATALOG,
            now=after(600),
        ),
    )
    yield "hotfix", _release(replace(waiting, hotfix=f"payments fail {HOSTILE}"))
    yield "everything-hotfix", _operation(replace(everything, hotfix="payments fail"))
    yield "everything-stopped", _operation(everything, STOP)
    yield "waiting-three", _release(waiting, STOP, lock(), FROZEN)
    yield "waiting-locked-and-frozen", _release(waiting, lock(), FROZEN)
    loud = lock(service="ticket-service", owner_name=HOSTILE, reason=f"{HOSTILE} {'z' * 200}"[:200])
    weekends = Frozen(freeze=WEEKENDS, until=after(90000))
    yield "everything-held-four-times", _operation(everything, LOUD, loud, weekends, UNKNOWN)
    view = EnvironmentStatus(
        environment=PROD, observed=seen(110), failure=None, operations=(), frozen=(FROZEN, UNKNOWN)
    )
    yield "status", status.render((view,), service=None, stop=LOUD)
    yield "status-of-nothing", status.render((), service=None, stop=STOP)
    yield "status-service", status.render((view,), service="ticket-service")


def _release(asked: Operation, *held_by: Obstacle) -> Card:
    return release_card.render(
        story.told([*story.pipeline(), seen(110)]),
        id=42,
        operation=asked,
        approval=approval(),
        catalog=CATALOG,
        now=after(600),
        held_by=held_by,
    )


def _operation(asked: Operation, *held_by: Obstacle) -> Card:
    return operation_card.render(
        asked, approval=approval(), observed=None, catalog=CATALOG, now=after(600), held_by=held_by
    )
