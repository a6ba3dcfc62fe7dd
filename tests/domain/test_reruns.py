"""A workflow is run again: the same release, another attempt, and perhaps another image of the same commit."""

from dataclasses import replace

from bot.domain import releases
from bot.domain.events import Phase, RunStatus, Stage, StageStatus
from bot.domain.releases import ReleaseState
from tests.domain.examples import (
    ELSEWHERE,
    MANIFEST,
    NEWER_TAG,
    RUN,
    SECOND_TAG,
    TAG,
    after,
    image,
    job,
    pod,
    run,
    seen,
    stage,
    sync,
    waiting,
    workload,
)
from tests.domain.stories import OVER, Fact, idle, states, told

FAILED = run(status=RunStatus.COMPLETED, conclusion="failure", updated_at=after(90))
AGAIN = run(run_attempt=2, started_at=after(1800), updated_at=after(1801))
AGAIN_OVER = replace(AGAIN, status=RunStatus.COMPLETED, conclusion="success", updated_at=after(1940))
PUSHED_AGAIN = stage(Stage.PUSH, run_attempt=2, at=after(1890), tag=SECOND_TAG)


def test_a_second_attempt_takes_the_failed_release_up_again() -> None:
    told_so_far: list[Fact] = [FAILED, stage(Stage.BUILD, StageStatus.FAILED, at=after(80)), AGAIN]

    assert states(told_so_far) == [ReleaseState.FAILED, ReleaseState.FAILED, ReleaseState.RUNNING]
    assert states([*told_so_far, AGAIN_OVER])[-1] is ReleaseState.COMMITTED
    assert releases.current_run(told(*told_so_far)) == (RUN, 2)


def test_late_news_of_the_first_attempt_does_not_disturb_the_second() -> None:
    known = told(AGAIN, FAILED, stage(Stage.BUILD, StageStatus.FAILED, at=after(80)), job(conclusion="failure"))

    assert releases.state(known) is ReleaseState.RUNNING
    assert releases.run_of(known) == AGAIN
    assert releases.current_stages(known) == {}
    assert releases.current_jobs(known) == []


def test_a_job_of_the_second_attempt_alone_makes_it_current() -> None:
    known = told(FAILED, job(run_attempt=2, job_id=48002, started_at=after(1802)))

    assert releases.current_run(known) == (RUN, 2)
    assert releases.run_of(known) is None
    assert releases.state(known) is ReleaseState.RUNNING


def test_a_job_carried_over_from_the_first_attempt_does_not_make_it_current() -> None:
    carried_over = job(run_attempt=2, job_id=48002, started_at=after(2))

    assert releases.current_run(told(FAILED, AGAIN, carried_over)) == (RUN, 2)
    assert releases.current_run(told(carried_over, FAILED)) == (RUN, 2)


def test_a_re_run_of_an_older_run_is_about_the_older_run() -> None:
    by_hand = run(run_id=RUN + 5, started_at=after(600), status=RunStatus.COMPLETED, conclusion="success")

    assert releases.current_run(told(FAILED, by_hand)) == (RUN + 5, 1)
    assert releases.current_run(told(AGAIN, by_hand, FAILED)) == (RUN, 2)


def test_runs_that_started_together_are_told_apart_by_number() -> None:
    assert releases.current_run(told(run(run_id=RUN + 1), run())) == (RUN + 1, 1)
    assert releases.current_run(told(run(), run(run_id=RUN + 1))) == (RUN + 1, 1)


def test_nothing_is_current_before_anything_has_a_time() -> None:
    assert releases.current_run(told(job(started_at=None))) is None
    assert releases.current_stages(told(seen())) == {}


def test_the_second_image_goes_the_whole_way_after_the_first_was_deployed() -> None:
    second = workload(
        desired=image(SECOND_TAG),
        live=image(SECOND_TAG),
        pods=tuple(pod(n, image=image(SECOND_TAG)) for n in range(3)),
    )
    begin = told(OVER, stage(Stage.PUSH, tag=TAG), seen())

    assert states(
        [
            AGAIN,
            PUSHED_AGAIN,
            AGAIN_OVER,
            idle(desired=SECOND_TAG, live=TAG, at=1950),
            seen(second, observed_at=after(2010), operation=sync(started_at=after(2000), finished_at=after(2001))),
            seen(
                second,
                observed_at=after(2020),
                operation=sync(started_at=after(2000), finished_at=after(2001)),
                reconciled_at=after(2002),
            ),
        ],
        begin=begin,
    ) == [
        ReleaseState.RUNNING,
        ReleaseState.RUNNING,
        ReleaseState.COMMITTED,
        ReleaseState.PENDING,
        ReleaseState.ROLLING,
        ReleaseState.DEPLOYED,
    ]


def test_a_failed_sync_of_the_first_image_says_nothing_about_the_second() -> None:
    failed = seen(waiting(), operation=sync(phase=Phase.FAILED))
    again = seen(waiting(desired=image(SECOND_TAG)), operation=sync(phase=Phase.FAILED), observed_at=after(1950))

    assert states([OVER, failed, AGAIN_OVER, replace(again, revision=ELSEWHERE)]) == [
        ReleaseState.COMMITTED,
        ReleaseState.SYNC_FAILED,
        ReleaseState.SYNC_FAILED,
        ReleaseState.PENDING,
    ]


def test_a_superseded_release_that_is_built_again_lives_again() -> None:
    """Without it nobody would read the Application for it any more, and its second image would go unnoticed."""
    begin = told(OVER, idle(desired=TAG, at=150), idle(desired=NEWER_TAG, at=900))
    later = SECOND_TAG.replace("20260105", "20260106")
    wanted = idle(desired=later, live=NEWER_TAG, at=1930)

    assert releases.state(begin) is ReleaseState.SUPERSEDED
    assert states([AGAIN, wanted, AGAIN_OVER], begin=begin) == [
        ReleaseState.RUNNING,
        ReleaseState.PENDING,
        ReleaseState.PENDING,
    ]


def test_a_re_run_that_builds_nothing_leaves_the_release_where_it_was() -> None:
    deployed, pending = told(FAILED, seen()), told(FAILED, idle(desired=TAG, at=150))

    assert states([AGAIN, AGAIN_OVER], begin=deployed) == [ReleaseState.RUNNING, ReleaseState.DEPLOYED]
    assert states([AGAIN, AGAIN_OVER], begin=pending) == [ReleaseState.RUNNING, ReleaseState.PENDING]


def test_an_image_the_run_itself_brought_into_git_counts_while_it_runs() -> None:
    known = told(run(), idle(desired=TAG, at=120))

    assert releases.current_tag(known) == TAG
    assert releases.state(known) is ReleaseState.PENDING
    assert releases.manifest_revision(known) == MANIFEST
