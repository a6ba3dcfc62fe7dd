"""What is said privately to somebody who ordered, decided or stopped something, by name.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py -k answers
"""

from collections.abc import Iterator
from dataclasses import replace

from bot.cards import answers
from bot.cards.base import Card
from bot.cards.status import EnvironmentStatus
from bot.domain import approvals
from bot.domain.events import Phase
from bot.domain.inspections import Running
from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import Reason
from tests.cards import places, story
from tests.cards.ordered import ENDED, restart, stop, stopped
from tests.cards.story import after, approval, granted, operation, seen, sync

URL = "https://discord.com/channels/1/2/3"
STUCK = replace(ENDED, finished_at=None)


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {
        "deploy": _deploys(),
        "refresh": _refreshes(),
        "decided": _decisions(),
        "restart": _restarts(),
        "terminate": _stops(),
    }
    return {f"answers/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _deploys() -> Iterator[tuple[str, Card]]:
    nothing = operation(OperationState.REFUSED, reason=Reason.NOTHING_TO_DEPLOY)
    foreign = operation(OperationState.REFUSED, reason=Reason.WINDOW_CLOSED, detail="opens **later**")
    for name, asked in (
        ("requested", operation(OperationState.REQUESTED, content=None)),
        ("waiting", operation(OperationState.WAITING)),
        ("waiting-for-everything", operation(OperationState.WAITING, service=None)),
        ("on-its-way", operation(OperationState.RUNNING)),
        ("nothing-to-deploy", nothing),
        ("refused", foreign),
        ("failed", operation(OperationState.FAILED, reason=Reason.SYNC_FAILED)),
    ):
        yield name, answers.deploy(asked, mention=places.APPROVERS, url=URL)
    yield "waiting-for-somebody", answers.deploy(operation(OperationState.WAITING), mention=None, url=None)


def _refreshes() -> Iterator[tuple[str, Card]]:
    prod = places.catalog().environments["prod"]
    known = EnvironmentStatus(environment=prod, observed=seen(110), failure=None, operations=())
    refreshed = {"kind": OperationKind.REFRESH, "service": None, "content": None, "release_id": None}
    late = operation(OperationState.FAILED, reason=Reason.REFRESH_TIMED_OUT, **refreshed)
    failed = operation(OperationState.FAILED, reason=Reason.ARGOCD_FORBIDDEN, **refreshed)
    yield "done", answers.refresh(operation(OperationState.SUCCEEDED, **refreshed), status=known)
    yield "done-hard", answers.refresh(operation(OperationState.SUCCEEDED, hard=True, **refreshed), status=known)
    yield "still-runs", answers.refresh(late, status=known)
    yield "still-runs-unread", answers.refresh(late, status=replace(known, observed=None))
    yield "failed", answers.refresh(failed, status=known)


def _decisions() -> Iterator[tuple[str, Card]]:
    one_of_two = approvals.grant(approval(required=2), person=places.JIWON, name="jiwon", now=after(300))
    yield "approved", answers.decided(granted())
    yield "one-more", answers.decided(one_of_two)
    yield "rejected", answers.decided(approvals.reject(approval(), name="jiwon", now=after(300)))
    yield "withdrawn", answers.decided(story.withdrawn())


def _restarts() -> Iterator[tuple[str, Card]]:
    refused = restart(OperationState.REFUSED, reason=Reason.ALREADY_OPEN)
    yield "under-way", answers.restart(restart(OperationState.REQUESTED, dispatched_at=None), url=URL)
    yield "refused", answers.restart(refused, url=None)


def _stops() -> Iterator[tuple[str, Card]]:
    running = replace(sync(Phase.RUNNING, message="waiting for **Job**"), initiated_by="admin")
    changed = stop(OperationState.REFUSED, reason=Reason.OPERATION_CHANGED)
    yield "confirm", answers.confirm_stop("prod", Running(sync=running, asked=None), now=after(600))
    own = Running(sync=running, asked=operation(OperationState.RUNNING))
    yield "confirm-own", answers.confirm_stop("prod", own, now=after(600))
    yield "confirm-stuck", answers.confirm_stop("prod", Running(sync=STUCK, asked=None), now=after(600))
    yield "confirm-not-begun", answers.confirm_stop("prod", Running(sync=None, asked=None), now=after(600))
    yield "stopped", answers.stopped(stop(OperationState.SUCCEEDED, sync=stopped()))
    yield "had-ended", answers.stopped(stop(OperationState.SUCCEEDED, sync=ENDED))
    yield "another-began", answers.stopped(stop(OperationState.SUCCEEDED, sync=running))
    yield "still-stopping", answers.stopped(stop(OperationState.RUNNING))
    yield "changed", answers.stopped(changed)
    yield "not-yet", answers.stopped(stop(OperationState.FAILED, reason=Reason.TERMINATE_TIMED_OUT))
