"""How an ordered sync ended: one read after the other, each with its judgement before and after the deadline."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from bot.domain import verdicts
from bot.domain.contents import ImageChange
from bot.domain.events import ApplicationObserved, Health, Phase, SyncStatus
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason
from bot.domain.verdicts import Verdict
from tests.domain.examples import (
    ELSEWHERE,
    OLD_TAG,
    OPERATION_ID,
    after,
    content,
    image,
    operation,
    pod,
    seen,
    sync,
    waiting,
    workload,
)

NOW, LATE = after(320), operation().deadline
SUCCEEDED = Verdict(state=OperationState.SUCCEEDED)
BEFORE = sync(request_id="earlier", started_at=after(100), finished_at=after(101))
FOREIGN = sync(request_id=None, revision=ELSEWHERE, source_digest="", started_at=after(303), finished_at=after(304))
ROLLING = workload(available=1, health=Health.PROGRESSING, pods=(pod(0), pod(1, ready=False), pod(2, ready=False)))
BROKEN = workload(available=0, health=Health.DEGRADED, pods=tuple(pod(n, ready=False) for n in range(3)))


def failed(reason: Reason) -> Verdict:
    return Verdict(state=OperationState.FAILED, reason=reason)


def judge(event: ApplicationObserved, *, now: datetime = NOW, **changes: Any) -> Verdict | None:
    return verdicts.judge(operation(**changes), event=event, now=now)


def test_pods_that_run_what_our_sync_applied_are_a_success() -> None:
    assert judge(seen()) == SUCCEEDED


def test_the_comparison_with_the_newest_commit_says_nothing() -> None:
    assert judge(seen(sync=SyncStatus.OUT_OF_SYNC, revision=ELSEWHERE)) == SUCCEEDED


def test_a_success_counts_even_when_it_is_late() -> None:
    assert judge(seen(), now=after(1500)) == SUCCEEDED


@pytest.mark.parametrize(
    ("sync_changes", "reason"),
    [
        ({"phase": Phase.FAILED}, Reason.SYNC_FAILED),
        ({"phase": Phase.ERROR}, Reason.SYNC_FAILED),
        ({"phase": Phase.FAILED, "revision": ELSEWHERE}, Reason.SYNC_FAILED),
        ({"revision": ELSEWHERE}, Reason.WRONG_REVISION),
        ({"source_digest": "another"}, Reason.WRONG_REVISION),
    ],
)
def test_our_sync_ended_otherwise_than_approved(sync_changes: dict[str, Any], reason: Reason) -> None:
    assert judge(seen(operation=sync(**sync_changes))) == failed(reason)


def test_a_sync_that_names_no_source_is_judged_by_its_revision() -> None:
    assert judge(seen(operation=sync(source_digest=""))) == SUCCEEDED


def test_our_sync_failed_although_the_pods_run_and_the_cluster_is_away() -> None:
    assert judge(seen(operation=sync(phase=Phase.FAILED), cluster_error="away")) == failed(Reason.SYNC_FAILED)


APPROVED, OTHER = (f"sha256:{one * 64}" for one in "ab")


@pytest.mark.parametrize("automated", [False, True])
@pytest.mark.parametrize(
    ("change", "digests", "other"),
    [
        ({"digest": APPROVED}, (APPROVED, APPROVED, APPROVED), False),
        ({"digest": APPROVED}, (APPROVED, APPROVED, OTHER), True),
        ({"digest": APPROVED}, (APPROVED, None, None), False),
        ({"digest": APPROVED, "index": True}, (OTHER, OTHER, OTHER), False),
        ({}, (OTHER, OTHER, OTHER), False),
    ],
    ids=["the same", "one pod runs another", "not told", "an index", "approved before the registry was asked"],
)
def test_pods_run_the_image_that_was_behind_the_tag(
    change: dict[str, Any], digests: tuple[str | None, ...], other: bool, automated: bool
) -> None:
    pods = tuple(pod(number, digest=digest) for number, digest in enumerate(digests))
    leaving = pod(9, digest=OTHER, ready=False, terminating=True)
    asked = operation(content=content(images=tuple(replace(one, **change) for one in content().images)))
    judged = verdicts.judge_automated if automated else verdicts.judge

    verdict = judged(asked, event=seen(workload(pods=(*pods, leaving))), now=NOW)

    assert verdict == (failed(Reason.WRONG_IMAGE) if other else SUCCEEDED)


UNDECIDED: dict[str, tuple[ApplicationObserved, Reason]] = {
    "not picked up yet": (
        seen(waiting(), operation=BEFORE, pending=True, pending_request_id=OPERATION_ID),
        Reason.OUTCOME_UNKNOWN,
    ),
    "running": (seen(waiting(), operation=sync(phase=Phase.RUNNING, finished_at=None)), Reason.SYNC_TIMED_OUT),
    "being terminated": (seen(waiting(), operation=sync(phase=Phase.TERMINATING)), Reason.SYNC_TIMED_OUT),
    "running again while the pods run": (seen(operation=sync(phase=Phase.RUNNING)), Reason.SYNC_TIMED_OUT),
    "the cluster does not answer": (seen(cluster_error="away"), Reason.CLUSTER_UNREACHABLE),
    "not compared again": (seen(reconciled_at=after(301)), Reason.ROLLOUT_TIMED_OUT),
    "never compared": (seen(reconciled_at=None), Reason.ROLLOUT_TIMED_OUT),
    "rolling out": (seen(ROLLING), Reason.ROLLOUT_TIMED_OUT),
    "degraded from before": (seen(BROKEN, reconciled_at=after(301)), Reason.ROLLOUT_TIMED_OUT),
    "the Deployment is gone": (seen(workload(service="backend")), Reason.ROLLOUT_TIMED_OUT),
    "the Deployment kept the old image": (seen(waiting()), Reason.ROLLOUT_TIMED_OUT),
    "another sync ran meanwhile and took the image back": (seen(waiting(), operation=FOREIGN), Reason.OUTCOME_UNKNOWN),
    "another sync ran meanwhile and its pods do not": (seen(BROKEN, operation=FOREIGN), Reason.OUTCOME_UNKNOWN),
    "another sync runs": (
        seen(operation=sync(request_id=None, phase=Phase.RUNNING, finished_at=None, started_at=after(303))),
        Reason.OUTCOME_UNKNOWN,
    ),
    "a read from before our sync": (seen(operation=BEFORE), Reason.OUTCOME_UNKNOWN),
    "a read without any sync": (seen(operation=None), Reason.OUTCOME_UNKNOWN),
}


@pytest.mark.parametrize(("event", "reason"), UNDECIDED.values(), ids=UNDECIDED)
def test_what_is_undecided_fails_only_at_the_deadline(event: ApplicationObserved, reason: Reason) -> None:
    assert judge(event) is None
    assert judge(event, deadline=None) is None
    assert judge(event, now=after(1499.999)) is None
    assert LATE is not None
    assert judge(event, now=LATE) == failed(reason)


def test_our_sync_applied_pods_that_do_not_run() -> None:
    assert judge(seen(BROKEN)) == failed(Reason.ROLLOUT_FAILED)


def test_a_later_sync_of_somebody_else_may_have_brought_it_about() -> None:
    assert judge(seen(operation=FOREIGN, reconciled_at=after(304))) == SUCCEEDED
    assert judge(seen(operation=FOREIGN, reconciled_at=after(303))) is None


def test_a_sync_of_the_same_second_counts_as_later() -> None:
    same_second = sync(request_id=None, started_at=after(299), finished_at=after(300))

    assert judge(seen(operation=same_second)) == SUCCEEDED
    assert judge(seen(operation=same_second), dispatched_at=after(300)) is None
    assert judge(seen(operation=same_second), dispatched_at=None) is None


def test_pods_that_ran_the_image_before_prove_nothing_about_a_change_of_something_else() -> None:
    only_configuration = content(images=(ImageChange(service="ticket-service", old=image(), new=image()),))

    assert judge(seen(operation=BEFORE), content=only_configuration) is None
    assert judge(seen(), content=only_configuration) == SUCCEEDED


def test_without_a_content_nothing_can_be_judged() -> None:
    assert judge(seen(), content=None) == failed(Reason.OUTCOME_UNKNOWN)


def test_a_content_without_an_image_or_with_another_never_succeeds() -> None:
    for new_image in (None, image(OLD_TAG)):
        changed = content(images=(ImageChange(service="ticket-service", old=None, new=new_image),))
        assert judge(seen(), content=changed) is None
        assert judge(seen(), content=changed, now=after(1500)) == failed(Reason.ROLLOUT_TIMED_OUT)
