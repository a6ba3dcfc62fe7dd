"""How a tag that was written where Argo CD syncs by itself ended: one read after the other, in time and late."""

import pytest

from bot.domain import verdicts
from bot.domain.events import ApplicationObserved, Health, Phase
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason
from bot.domain.verdicts import Verdict
from tests.domain.examples import MANIFEST, OLD_TAG, after, image, operation, pod, seen, sync, workload

WRITTEN = operation(tag=image().tag, written=MANIFEST)
NOW, LATE = after(320), WRITTEN.deadline
SUCCEEDED = Verdict(state=OperationState.SUCCEEDED)
THEIRS = sync(request_id=None, initiated_by="automated")
UNNOTICED = workload(desired=image(OLD_TAG), live=image(OLD_TAG))
ROLLING = workload(available=1, health=Health.PROGRESSING, pods=(pod(0), pod(1, ready=False), pod(2, ready=False)))
BROKEN = workload(available=0, health=Health.DEGRADED, pods=tuple(pod(number, ready=False) for number in range(3)))


def failed(reason: Reason) -> Verdict:
    return Verdict(state=OperationState.FAILED, reason=reason)


def judge(event: ApplicationObserved, *, late: bool = False) -> Verdict | None:
    return verdicts.judge_automated(WRITTEN, event=event, now=LATE if late and LATE else NOW)


@pytest.mark.parametrize("late", [False, True])
def test_pods_that_run_the_image_are_a_success_whoever_synced(*, late: bool) -> None:
    assert judge(seen(operation=THEIRS), late=late) == SUCCEEDED
    assert judge(seen(operation=None), late=late) == SUCCEEDED


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (seen(UNNOTICED, operation=THEIRS), Reason.CONTENT_CHANGED),
        (seen(ROLLING, operation=THEIRS), Reason.ROLLOUT_TIMED_OUT),
        (seen(workload(live=image(OLD_TAG)), operation=THEIRS), Reason.ROLLOUT_TIMED_OUT),
        (seen(operation=THEIRS, cluster_error="away"), Reason.CLUSTER_UNREACHABLE),
        (seen(BROKEN, operation=THEIRS, reconciled_at=None), Reason.ROLLOUT_TIMED_OUT),
    ],
    ids=["not noticed", "rolling out", "not applied", "no cluster", "health of before"],
)
def test_what_may_still_come_is_waited_for(event: ApplicationObserved, reason: Reason) -> None:
    assert judge(event) is None
    assert judge(event, late=True) == failed(reason)


def test_a_sync_that_failed_since_is_the_end_and_an_older_one_is_not() -> None:
    waiting = workload(live=image(OLD_TAG))
    assert judge(seen(waiting, operation=sync(request_id=None, phase=Phase.FAILED))) == failed(Reason.SYNC_FAILED)
    older = sync(request_id=None, phase=Phase.FAILED, started_at=after(100), finished_at=after(101))
    assert judge(seen(waiting, operation=older)) is None


def test_pods_that_do_not_run_are_the_end() -> None:
    assert judge(seen(BROKEN, operation=THEIRS)) == failed(Reason.ROLLOUT_FAILED)
