"""What a service can go back to, and which operation of Argo CD's is a rollback of the bot's."""

from dataclasses import replace
from typing import Any

import pytest

from bot.domain import rollbacks, verdicts
from bot.domain.contents import ImageChange
from bot.domain.events import Phase
from bot.domain.operations import Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason
from tests.domain.examples import (
    ELSEWHERE,
    MANIFEST,
    OLD_TAG,
    TAG,
    after,
    content,
    image,
    operation,
    release,
    seen,
    sync,
)

TICKETS = "ticket-service"
OLDEST = "0f1e2d3-20251230-170000"
BACK = Rollback(way=Way.HISTORY, why="payments fail", entry=7, after=after(298))


def done(old: str, new: str, at: float, **changes: Any) -> Operation:
    """A deploy, or with a `rollback` a rollback, from one tag to another, that succeeded."""
    moved = content(images=(ImageChange(service=TICKETS, old=image(old), new=image(new)),))
    kind = OperationKind.ROLLBACK if "rollback" in changes else OperationKind.DEPLOY
    facts = {"kind": kind, "state": OperationState.SUCCEEDED, "content": moved, "updated_at": after(at)}
    return operation(**{**facts, **changes})


def tags(
    *operations: Operation, deployed: dict[str, float] | None = None, seen: dict[str, float] | None = None
) -> list[tuple[str, bool]]:
    """The candidates, each with whether it was rolled back."""
    known = [release(deployed={tag: after(at) for tag, at in (deployed or {}).items()})]
    proofs = {tag: after(at) for tag, at in (seen or {}).items()}
    found = rollbacks.candidates(TICKETS, proofs=proofs, releases=known, operations=operations)
    return [(one.tag, one.rolled_back is not None) for one in found]


def test_what_was_proven_last_comes_first_whoever_proved_it() -> None:
    assert tags(done(OLD_TAG, TAG, 300), deployed={OLDEST: 100, OLD_TAG: 200}) == [
        (TAG, False),
        (OLD_TAG, False),
        (OLDEST, False),
    ]


def test_what_runs_again_is_proven_again() -> None:
    back = done(TAG, OLD_TAG, 400, rollback=BACK)
    assert tags(back, done(OLD_TAG, TAG, 300), deployed={OLD_TAG: 200}) == [(OLD_TAG, False), (TAG, True)]


def test_what_was_seen_to_run_counts_with_the_last_time() -> None:
    assert tags(seen={OLDEST: 100, OLD_TAG: 350}, deployed={TAG: 300, OLD_TAG: 50}) == [
        (OLD_TAG, False),
        (TAG, False),
        (OLDEST, False),
    ]


@pytest.mark.parametrize("state", [OperationState.FAILED, OperationState.RUNNING, OperationState.SUPERSEDED])
def test_a_rollback_that_was_ordered_proves_nothing_and_takes_the_old_image_away(state: OperationState) -> None:
    failed = done(TAG, OLD_TAG, 400, rollback=BACK, state=state)
    assert tags(failed, deployed={TAG: 300}) == [(TAG, True)]
    committed = replace(failed, dispatched_at=None, written=MANIFEST)
    assert tags(committed, deployed={TAG: 300}) == [(TAG, True)]


def test_a_rollback_that_never_began_takes_nothing_away() -> None:
    refused = done(TAG, OLD_TAG, 400, rollback=BACK, state=OperationState.REFUSED)
    waiting = done(TAG, OLD_TAG, 400, rollback=BACK, state=OperationState.WAITING, dispatched_at=None)
    assert tags(refused, waiting, deployed={TAG: 300}) == [(TAG, False)]


def test_an_image_that_was_deployed_again_is_no_longer_marked() -> None:
    back, again = done(TAG, OLD_TAG, 400, rollback=BACK), done(OLD_TAG, TAG, 500)
    assert tags(again, back) == [(TAG, False), (OLD_TAG, False)]


def test_a_change_of_configuration_takes_no_image_away() -> None:
    assert tags(done(TAG, TAG, 400, rollback=BACK)) == [(TAG, False)]


def test_an_image_is_gone_until_it_is_deployed_again() -> None:
    back, again = done(TAG, OLD_TAG, 400, rollback=BACK), done(OLD_TAG, TAG, 500)
    assert rollbacks.is_gone(TICKETS, tag=TAG, operations=[back]) == back
    assert rollbacks.is_gone(TICKETS, tag=TAG, operations=[again, back]) is None
    assert rollbacks.is_gone("backend", tag=TAG, operations=[back]) is None


OURS = sync(request_id=None, services=None, started_at=after(300))


@pytest.mark.parametrize(
    ("found", "ours"),
    [
        (OURS, True),
        (replace(OURS, started_at=after(299)), True),
        (replace(OURS, started_at=after(298)), False),  # as what came before the order
        (replace(OURS, revision=ELSEWHERE), False),
        (replace(OURS, request_id="another"), False),
        (replace(OURS, services=frozenset({TICKETS})), False),
        (None, False),
    ],
)
def test_argocds_rollback_is_known_without_an_id(found: Any, ours: bool) -> None:
    back = operation(kind=OperationKind.ROLLBACK, rollback=BACK, revision=MANIFEST)
    assert verdicts.is_ours(back, found) is ours
    assert not verdicts.is_ours(operation(), OURS)


def test_a_rollback_of_argocds_is_judged_like_a_sync() -> None:
    back = operation(kind=OperationKind.ROLLBACK, rollback=BACK, revision=MANIFEST)

    def judge(**changes: Any) -> tuple[OperationState, Reason | None] | None:
        verdict = verdicts.judge(back, event=seen(operation=replace(OURS, **changes)), now=after(320))
        return (verdict.state, verdict.reason) if verdict else None

    assert judge() == (OperationState.SUCCEEDED, None)
    assert judge(phase=Phase.FAILED) == (OperationState.FAILED, Reason.SYNC_FAILED)
    assert judge(phase=Phase.RUNNING, finished_at=None) is None
    waiting = seen(operation=None, pending=True, pending_request_id=None)
    assert verdicts.judge(back, event=waiting, now=after(320)) is None
