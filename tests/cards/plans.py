"""What the plan of a rollback looks like, by name: every way and why one is not there, and what to be careful with.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py -k plans
"""

from collections.abc import Iterator
from dataclasses import replace

from bot.cards import rollback
from bot.cards.base import Card
from bot.domain.contents import ImageChange
from bot.domain.events import RunStatus
from bot.domain.inspections import HistoryEntry
from bot.domain.operations import Between, Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason, Refused
from bot.domain.rollbacks import Candidate, Offer, Option, Plan
from tests.cards import places, story
from tests.cards.ordered import EVERYTHING
from tests.cards.story import after, image, operation, run, told

OLDER, OLDEST = "9d8c7b6-20260102-090000", "0f1e2d3-20251230-170000"
TWO = Between(
    base="a" * 40,
    head="b" * 40,
    gained=0,
    lost=2,
    lines=(),
    lost_lines=("fix: seats by hyunwoo", "feat: **map** by mina"),
)
MANY = replace(TWO, lost=9, lost_lines=tuple(f"change {number} by mina" for number in range(5)))
BOTH = replace(MANY, gained=3, lines=("feat: **more** by mina", "docs: less"))
RELEASE = told([run(RunStatus.COMPLETED, "success", title="Hold **seats** for five minutes")])
LAST = Option(candidate=Candidate(tag=story.OLD_TAG, proven_at=after(-7200), release=RELEASE), stored=True, undone=TWO)
ENTRY = HistoryEntry(
    id=7, revision=story.MANIFEST, started_at=after(-7210), deployed_at=after(-7200), initiated_by="admin"
)
OFFERS = (
    Offer(way=Way.TAG),
    Offer(way=Way.REVERT, reverts=(story.MANIFEST, story.SOURCE)),
    Offer(way=Way.HISTORY, entry=ENTRY, moves=("backend", "stats-service")),
)


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    return {f"answers/plan-{name}": card for name, card in _plans()}


def _plans() -> Iterator[tuple[str, Card]]:
    whole = Plan(
        environment="prod",
        service="ticket-service",
        running=story.TAG,
        asked=story.TAG,
        options=(LAST,),
        chosen=LAST,
        offers=OFFERS,
    )
    older = Option(candidate=Candidate(tag=OLDER, proven_at=after(-90000)), stored=False)
    ran = Candidate(tag=OLDEST, proven_at=after(-180000), release=RELEASE)
    oldest = Option(candidate=ran, stored=True, undone=MANY)
    gone = Option(
        candidate=Candidate(tag=OLDER, proven_at=after(-90000), rolled_back=_rolled_back()), stored=True, undone=MANY
    )
    automated = Refused(Reason.HISTORY_AUTOMATED)
    by_pull = Refused(Reason.REVERT_BY_PULL_REQUEST)
    yield "every-way", _card(whole)
    yield "others", _card(replace(whole, asked=story.NEWER_TAG, options=(LAST, older, oldest)))
    yield "rolled-back", _card(replace(whole, options=(gone, LAST), chosen=gone))
    yield "one-way", _card(replace(whole, offers=(OFFERS[0], _refused(Way.REVERT, by_pull), OFFERS[2])))
    by_itself = replace(whole, offers=(*OFFERS[:2], _refused(Way.HISTORY, automated)))
    yield "automated", _card(by_itself, automated=True)
    apart = replace(LAST, undone=BOTH)
    yield "both-sides", _card(replace(whole, running="", options=(apart,), chosen=apart))
    yield "no-way", _card(replace(whole, offers=tuple(_refused(way, Refused(Reason.TAG_UNKNOWN)) for way in Way)))
    yield "two-approvals", _card(whole, approvals=2)


def _card(plan: Plan, *, approvals: int = 1, automated: bool = False) -> Card:
    catalog = places.catalog()
    place = replace(catalog.environments["prod"], required_approvals=approvals, automated=automated)
    return rollback.plan(plan, environment=place, catalog=catalog)


def _refused(way: Way, refused: Refused) -> Offer:
    return Offer(way=way, refused=refused)


def _rolled_back() -> Operation:
    change = ImageChange(service="ticket-service", old=image(OLDER), new=image(story.OLD_TAG))
    return operation(
        OperationState.SUCCEEDED,
        kind=OperationKind.ROLLBACK,
        content=replace(EVERYTHING, images=(change,)),
        rollback=Rollback(way=Way.TAG, why="seats were **sold twice**"),
        updated_at=after(-80000),
    )
