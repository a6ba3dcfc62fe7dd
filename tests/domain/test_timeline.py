"""The lines of a release, stage by stage, with their times."""

from dataclasses import replace

import pytest

from bot.domain import timeline
from bot.domain.events import Health, Phase, RunStatus, Stage, StageStatus
from bot.domain.timeline import Line, LineState, Scan
from tests.domain.examples import (
    NEWER_TAG,
    OLD_TAG,
    TAG,
    after,
    job,
    pod,
    run,
    seen,
    stage,
    step,
    sync,
    waiting,
    workload,
)
from tests.domain.stories import OVER, Fact, idle, told

FAILED = run(status=RunStatus.COMPLETED, conclusion="failure")
CANCELLED = run(status=RunStatus.COMPLETED, conclusion="cancelled")
RUNNING = sync(phase=Phase.RUNNING, finished_at=None, message="waiting for hooks")
BROKEN = workload(
    available=0, health=Health.DEGRADED, pods=(pod(0), pod(1, ready=False, restarts=3, reason="CrashLoopBackOff"))
)


def pending(name: str) -> Line:
    return Line(name=name, state=LineState.PENDING)


def test_before_anything_happened_everything_is_to_come() -> None:
    known = told()

    assert timeline.pipeline(known) == tuple(pending(name) for name in ("build", "scan", "push", "manifest"))
    assert (timeline.sync(known), timeline.rollout(known)) == (pending("sync"), pending("rollout"))
    assert (timeline.scan(known), timeline.progress(known), timeline.failed_step(known)) == (None, "", "")


def test_the_stages_as_the_pipeline_reports_them() -> None:
    known = told(
        run(),
        stage(Stage.BUILD, StageStatus.STARTED, at=after(4)),
        stage(Stage.BUILD, at=after(76)),
        stage(Stage.SCAN, at=after(94), critical=2, high=0),
        stage(Stage.PUSH, StageStatus.STARTED, at=after(94)),
    )

    assert timeline.pipeline(known) == (
        Line(name="build", state=LineState.SUCCEEDED, started_at=after(4), finished_at=after(76)),
        Line(name="scan", state=LineState.SUCCEEDED, finished_at=after(94)),
        Line(name="push", state=LineState.RUNNING, started_at=after(94)),
        pending("manifest"),
    )
    assert timeline.scan(known) == Scan(critical=2, high=0)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (StageStatus.SUCCEEDED, LineState.SUCCEEDED),
        (StageStatus.FAILED, LineState.FAILED),
        (StageStatus.SKIPPED, LineState.SKIPPED),
    ],
)
def test_a_stage_ends_as_reported_with_what_was_said(status: StageStatus, state: LineState) -> None:
    known = told(stage(Stage.PUSH, status, message="denied: no such repository"))

    assert timeline.pipeline(known)[2] == Line(
        name="push", state=state, finished_at=after(60), detail="denied: no such repository"
    )


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([run()], LineState.RUNNING),
        ([], LineState.RUNNING),
        ([OVER], LineState.SUCCEEDED),
        ([FAILED], LineState.FAILED),
        ([CANCELLED], LineState.FAILED),
    ],
)
def test_a_stage_whose_end_nobody_reported_ends_with_its_run(facts: list[Fact], state: LineState) -> None:
    known = told(stage(Stage.BUILD, StageStatus.STARTED, at=after(4)), *facts)

    assert timeline.pipeline(known)[0] == Line(name="build", state=state, started_at=after(4))


def test_a_skipped_or_unfinished_scan_found_nothing() -> None:
    assert timeline.scan(told(stage(Stage.SCAN, StageStatus.STARTED))) is None
    assert timeline.scan(told(stage(Stage.SCAN, StageStatus.SKIPPED))) is None
    assert timeline.scan(told(stage(Stage.SCAN, StageStatus.FAILED))) == Scan(critical=None, high=None)


def test_the_steps_of_the_job_stand_in_where_nothing_was_reported() -> None:
    steps = (
        step("Set up job", conclusion="success", begun=2, ended=3),
        step("Build image", conclusion="success", begun=4, ended=76),
        step("Trivy scan", conclusion="skipped", begun=76, ended=76),
        step("push to ECR", begun=77),
        step("Update manifest"),
    )

    assert timeline.pipeline(told(run(), job(steps=steps))) == (
        Line(name="build", state=LineState.SUCCEEDED, started_at=after(4), finished_at=after(76)),
        Line(name="scan", state=LineState.SKIPPED, started_at=after(76), finished_at=after(76)),
        Line(name="push", state=LineState.RUNNING, started_at=after(77)),
        pending("manifest"),
    )


def test_a_report_beats_the_step_of_the_same_stage() -> None:
    known = told(stage(Stage.BUILD, at=after(70)), job(steps=(step("Build image", conclusion="failure", ended=76),)))

    assert timeline.pipeline(known)[0] == Line(name="build", state=LineState.SUCCEEDED, finished_at=after(70))


@pytest.mark.parametrize("conclusion", ["failure", "cancelled", "timed_out", "stale"])
def test_any_other_end_of_a_step_is_a_failure(conclusion: str) -> None:
    known = told(job(steps=(step("Build", conclusion=conclusion, begun=4, ended=9),)))

    assert timeline.pipeline(known)[0].state is LineState.FAILED


@pytest.mark.parametrize("conclusion", ["failure", "timed_out", "cancelled"])
def test_a_failure_is_found_in_the_step_the_job_or_the_stage(conclusion: str) -> None:
    steps = (step("Set up job", conclusion="success"), step("Push image", conclusion=conclusion))
    ended = job(status=RunStatus.COMPLETED, conclusion=conclusion)
    good = job(job_id=1, name="lint", status=RunStatus.COMPLETED, conclusion="success")
    report = stage(Stage.MANIFEST, StageStatus.FAILED)

    assert timeline.failed_step(told(report, good, job(steps=steps))) == "build-and-push / Push image"
    assert timeline.failed_step(told(report, good, ended)) == "build-and-push"
    assert timeline.failed_step(told(report, good)) == "manifest"
    assert timeline.failed_step(told(good)) == ""


def test_the_sync_is_the_operation_that_moved_the_release() -> None:
    done = Line(name="sync", state=LineState.SUCCEEDED, started_at=after(300), finished_at=after(302))
    failed = sync(phase=Phase.FAILED, message="one or more objects failed to apply")

    assert timeline.sync(told(OVER, seen(waiting(), operation=RUNNING))) == Line(
        name="sync", state=LineState.RUNNING, started_at=after(300), detail="waiting for hooks"
    )
    assert timeline.sync(told(OVER, seen())) == done
    assert timeline.sync(told(OVER, seen(waiting(), operation=failed))) == replace(
        done, state=LineState.FAILED, detail="one or more objects failed to apply"
    )


def test_without_its_operation_a_sync_is_done_when_the_cluster_has_the_image() -> None:
    assert timeline.sync(told(OVER, idle(desired=TAG, at=150))) == pending("sync")
    for work in (workload(), workload(settled=False), BROKEN):
        assert timeline.sync(told(OVER, seen(work, operation=None))) == Line(name="sync", state=LineState.SUCCEEDED)


def test_a_rollout_counts_pods_from_the_end_of_the_sync_until_they_were_seen_to_run() -> None:
    rolling = workload(available=1, pods=(pod(0), pod(1, ready=False)))

    assert timeline.rollout(told(OVER, seen(rolling))) == Line(
        name="rollout", state=LineState.RUNNING, started_at=after(302), detail="1/3"
    )
    assert timeline.rollout(told(OVER, seen(rolling), seen(observed_at=after(330)))) == Line(
        name="rollout",
        state=LineState.SUCCEEDED,
        started_at=after(302),
        finished_at=after(330),
        detail="3/3",
    )


def test_a_rollout_that_fails_says_why() -> None:
    assert timeline.rollout(told(OVER, seen(BROKEN))) == Line(
        name="rollout", state=LineState.FAILED, started_at=after(302), detail="1/3 · CrashLoopBackOff"
    )
    stale = told(OVER, seen(BROKEN, reconciled_at=after(301)))
    assert timeline.rollout(stale).state is LineState.RUNNING


def test_a_rollout_under_way_during_the_sync_has_no_beginning_yet() -> None:
    assert timeline.rollout(told(OVER, seen(operation=RUNNING))) == Line(
        name="rollout", state=LineState.RUNNING, detail="3/3"
    )


@pytest.mark.parametrize(
    "facts",
    [
        [OVER, idle(desired=TAG, at=150)],
        [OVER, seen(waiting(), operation=RUNNING)],
        [OVER, seen(waiting(), operation=sync(phase=Phase.FAILED))],
        [stage(Stage.PUSH, tag=TAG), idle(desired=NEWER_TAG, at=110)],
        [OVER, idle(desired=OLD_TAG, at=110)],
    ],
)
def test_no_rollout_without_the_image_in_the_cluster(facts: list[Fact]) -> None:
    assert timeline.rollout(told(*facts)) == pending("rollout")


def test_progress_is_silent_when_the_cluster_or_the_image_is_not_known() -> None:
    assert timeline.progress(told(OVER, seen())) == "3/3"
    assert timeline.progress(told(OVER, seen(waiting()))) == "0/3"
    assert timeline.progress(told(OVER, seen(cluster_error="away"))) == ""
    assert timeline.progress(told(OVER, seen(workload(desired=None)))) == ""
