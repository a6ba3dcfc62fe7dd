"""The life of a release, told as a table, and what re-runs, other commits and half-done rollouts make of it."""

from typing import Any

import pytest

from bot.domain import releases
from bot.domain.events import Health, Phase, RunStatus, Stage, StageStatus
from bot.domain.releases import ReleaseState
from tests.domain.examples import (
    ELSEWHERE,
    MANIFEST,
    NEWER_TAG,
    OLD_TAG,
    RUN,
    TAG,
    after,
    image,
    job,
    pod,
    release,
    run,
    seen,
    stage,
    sync,
    waiting,
    workload,
)
from tests.domain.stories import OVER, Fact, idle, states, told

RUNNING = sync(phase=Phase.RUNNING, finished_at=None)
ROLLING = workload(updated=1, available=2, total=4, health=Health.PROGRESSING, pods=(pod(0),))
LIFE: list[tuple[Fact, ReleaseState]] = [
    (run(status=RunStatus.REQUESTED), ReleaseState.RUNNING),
    (run(), ReleaseState.RUNNING),
    (stage(Stage.BUILD, StageStatus.STARTED, at=after(4)), ReleaseState.RUNNING),
    (stage(Stage.BUILD, at=after(76)), ReleaseState.RUNNING),
    (stage(Stage.SCAN, StageStatus.FAILED, at=after(94), critical=2, high=5), ReleaseState.RUNNING),
    (idle(at=95), ReleaseState.RUNNING),
    (stage(Stage.PUSH, at=after(103), tag=TAG), ReleaseState.RUNNING),
    (idle(at=104), ReleaseState.RUNNING),
    (stage(Stage.MANIFEST, at=after(107), manifest_revision=MANIFEST), ReleaseState.COMMITTED),
    (idle(at=108), ReleaseState.COMMITTED),
    (OVER, ReleaseState.COMMITTED),
    (idle(desired=TAG, at=150), ReleaseState.PENDING),
    (idle(desired=TAG, at=290), ReleaseState.PENDING),
    (seen(waiting(), operation=RUNNING, observed_at=after(301)), ReleaseState.SYNCING),
    (seen(waiting(), observed_at=after(303)), ReleaseState.PENDING),
    (seen(ROLLING, observed_at=after(304), reconciled_at=after(301)), ReleaseState.ROLLING),
    (seen(workload(), observed_at=after(305), reconciled_at=after(301)), ReleaseState.ROLLING),
    (seen(workload(), observed_at=after(310)), ReleaseState.DEPLOYED),
    (idle(desired=NEWER_TAG, live=TAG, at=900), ReleaseState.DEPLOYED),
]


def test_the_life_of_a_release() -> None:
    assert states([event for event, _ in LIFE]) == [state for _, state in LIFE]


def test_only_the_end_of_the_life_has_nothing_more_to_read() -> None:
    assert {state for state in ReleaseState if state.ended} == {ReleaseState.DEPLOYED, ReleaseState.SUPERSEDED}


def test_what_a_release_knows_in_the_end() -> None:
    known = told(*(event for event, _ in LIFE))

    assert releases.current_run(known) == (RUN, 1)
    assert releases.current_tag(known) == TAG
    assert releases.manifest_revision(known) == MANIFEST
    assert releases.sync_of(known) == sync()
    assert known.deployed == {TAG: after(310)}
    assert known.wanted[TAG].at == after(150)
    assert known.before is not None
    assert known.before.image == image(OLD_TAG)


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_a_release_lives_alike_in_every_environment_and_only_in_its_own(environment: str) -> None:
    known = told(OVER, seen(environment=environment), begin=release(environment=environment))
    other = told(OVER, seen(environment="dev"), begin=release(environment=environment))

    assert releases.state(known) is ReleaseState.DEPLOYED
    assert releases.state(other) is ReleaseState.COMMITTED
    assert other.latest is None


@pytest.mark.parametrize("event", [run(), job(), stage(Stage.BUILD)], ids=["run", "job", "stage"])
def test_reports_about_something_else_change_nothing(event: Fact) -> None:
    assert told(event) != release()
    for begin in (release(service="backend"), release(source_revision=ELSEWHERE)):
        assert told(event, begin=begin) is begin


def test_a_read_without_the_deployment_changes_nothing() -> None:
    assert told(seen(workload(service="backend"))) == release()


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([run(status=RunStatus.COMPLETED, conclusion="failure")], ReleaseState.FAILED),
        ([run(status=RunStatus.COMPLETED, conclusion="cancelled")], ReleaseState.FAILED),
        ([run(status=RunStatus.COMPLETED, conclusion=None)], ReleaseState.RUNNING),
        ([OVER], ReleaseState.COMMITTED),
        ([run(), stage(Stage.BUILD, StageStatus.FAILED)], ReleaseState.FAILED),
        ([run(), stage(Stage.SCAN, StageStatus.FAILED)], ReleaseState.RUNNING),
        ([run(), stage(Stage.MANIFEST, StageStatus.SKIPPED)], ReleaseState.RUNNING),
        ([stage(Stage.MANIFEST), run(status=RunStatus.COMPLETED, conclusion="failure")], ReleaseState.COMMITTED),
        ([], ReleaseState.RUNNING),
    ],
)
def test_what_the_pipeline_says_before_git_asks(facts: list[Fact], state: ReleaseState) -> None:
    assert releases.state(told(*facts)) is state


def test_a_late_report_does_not_take_a_run_back() -> None:
    failed = run(status=RunStatus.COMPLETED, conclusion="failure", updated_at=after(90))

    assert told(failed, run(updated_at=after(95))).runs == {f"{RUN}/1": failed}


NOT_YET: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the controller has not seen the spec": ({"settled": False}, {}),
    "a pod is not ready": ({"pods": (pod(0), pod(1), pod(2, ready=False))}, {}),
    "a pod runs the old image": ({"pods": (pod(0), pod(1), pod(2, image=image(OLD_TAG)))}, {}),
    "an old pod is left": ({"total": 4}, {}),
    "a pod is missing": ({"available": 2}, {}),
    "the service is not healthy": ({"health": Health.PROGRESSING}, {}),
    "the health is from before the sync": ({}, {"reconciled_at": after(301)}),
    "the sync goes on": ({}, {"operation": RUNNING}),
    "the cluster does not answer": ({}, {"cluster_error": "away"}),
    "it is scaled to zero": ({"replicas": 0, "updated": 0, "available": 0, "total": 0, "pods": ()}, {}),
}


@pytest.mark.parametrize(("work", "read"), NOT_YET.values(), ids=NOT_YET)
def test_deployed_needs_every_condition(work: dict[str, Any], read: dict[str, Any]) -> None:
    known = told(OVER, seen(workload(**work), **read))

    assert known.deployed == {}
    assert releases.state(known) in (ReleaseState.ROLLING, ReleaseState.SYNCING)
    assert releases.state(told(seen(observed_at=after(320)), begin=known)) is ReleaseState.DEPLOYED


def test_an_image_of_another_commit_is_never_this_release() -> None:
    known = told(stage(Stage.PUSH, tag=TAG), idle(desired=OLD_TAG, live=OLD_TAG, at=110))

    assert (known.deployed, known.wanted, known.syncs) == ({}, {}, {})


def test_the_tag_joins_by_its_short_revision_when_the_pipeline_reports_nothing() -> None:
    known = told(OVER, seen())

    assert releases.current_tag(known) == TAG
    assert releases.manifest_revision(known) == MANIFEST
    assert releases.state(known) is ReleaseState.DEPLOYED


@pytest.mark.parametrize(
    ("work", "operation", "reconciled", "state"),
    [
        (waiting(), sync(phase=Phase.FAILED), 305, ReleaseState.SYNC_FAILED),
        (waiting(), sync(phase=Phase.ERROR), 305, ReleaseState.SYNC_FAILED),
        (waiting(), sync(phase=Phase.FAILED, services=frozenset({"backend"})), 305, ReleaseState.PENDING),
        (waiting(), sync(phase=Phase.FAILED, services=None), 305, ReleaseState.SYNC_FAILED),
        (waiting(), sync(phase=Phase.FAILED, revision=ELSEWHERE), 305, ReleaseState.PENDING),
        (waiting(), sync(phase=Phase.TERMINATING, finished_at=None), 305, ReleaseState.SYNCING),
        (waiting(), None, 305, ReleaseState.PENDING),
        (workload(health=Health.DEGRADED), sync(), 305, ReleaseState.DEGRADED),
        (workload(health=Health.DEGRADED), sync(), 301, ReleaseState.ROLLING),
        (workload(health=Health.DEGRADED), sync(phase=Phase.FAILED), 305, ReleaseState.DEGRADED),
    ],
)
def test_what_the_cluster_says_once_git_asks(work: Any, operation: Any, reconciled: float, state: ReleaseState) -> None:
    assert releases.state(told(OVER, seen(work, operation=operation, reconciled_at=after(reconciled)))) is state


def test_a_sync_of_another_revision_counts_when_it_began_after_git_asked() -> None:
    later = sync(phase=Phase.FAILED, revision=ELSEWHERE, started_at=after(200), finished_at=after(201))
    pending, known = idle(desired=TAG, at=150), seen(waiting(), operation=later)

    assert states([OVER, pending, known])[-1] is ReleaseState.SYNC_FAILED
    assert states([OVER, known])[-1] is ReleaseState.PENDING


def test_a_sync_stays_ours_when_the_branch_moves_on_while_it_runs() -> None:
    begun = seen(waiting(), operation=RUNNING, observed_at=after(301))
    ended = seen(workload(health=Health.DEGRADED), revision=ELSEWHERE, observed_at=after(320))

    assert states([OVER, begun, ended])[-2:] == [ReleaseState.SYNCING, ReleaseState.DEGRADED]
    assert states([OVER, ended, begun])[-1] is ReleaseState.DEGRADED


def test_the_newest_words_of_a_running_sync_are_kept() -> None:
    first = seen(waiting(), operation=sync(phase=Phase.RUNNING, finished_at=None, message="waiting for hooks"))
    then = seen(
        waiting(),
        operation=sync(phase=Phase.RUNNING, finished_at=None, message="applying"),
        observed_at=after(311),
    )

    for known in (told(OVER, first, then), told(OVER, then, first)):
        found = releases.sync_of(known)
        assert found is not None
        assert found.message == "applying"


def test_few_syncs_are_kept_and_they_are_the_newest() -> None:
    syncs = [sync(started_at=after(200 + n), finished_at=after(200 + n)) for n in range(20)]
    reads = [seen(waiting(), operation=one, observed_at=after(230 + n)) for n, one in enumerate(syncs)]
    known = told(*reads)

    assert [one.operation for one in known.syncs.values()] == syncs[-8:]
    assert told(*reversed(reads)) == known
    assert told(*reads, *reads) == known


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ([stage(Stage.PUSH, tag=TAG), idle(desired=NEWER_TAG, at=110)], ReleaseState.SUPERSEDED),
        ([stage(Stage.PUSH, tag=TAG), idle(desired=OLD_TAG, at=110)], ReleaseState.RUNNING),
        ([stage(Stage.PUSH, tag=TAG), idle(desired="latest", at=110)], ReleaseState.RUNNING),
        ([stage(Stage.BUILD), idle(desired=NEWER_TAG, at=110)], ReleaseState.RUNNING),
        ([idle(desired=TAG, at=110), idle(desired=NEWER_TAG, at=120)], ReleaseState.SUPERSEDED),
        ([idle(desired=TAG, at=110), idle(desired=OLD_TAG, at=120)], ReleaseState.SUPERSEDED),
        ([idle(desired=TAG, at=110), idle(desired="latest", at=120)], ReleaseState.SUPERSEDED),
        ([idle(desired=TAG, at=120), idle(desired=OLD_TAG, at=110)], ReleaseState.PENDING),
        ([idle(desired=TAG, live=TAG, at=110), idle(desired=NEWER_TAG, at=120)], ReleaseState.DEPLOYED),
    ],
)
def test_a_release_is_superseded_when_git_has_moved_on(facts: list[Fact], state: ReleaseState) -> None:
    assert releases.state(told(*facts)) is state


def test_a_manifest_without_an_image_supersedes_nothing() -> None:
    gone = seen(waiting(desired=None), observed_at=after(400))

    assert releases.state(told(stage(Stage.PUSH, tag=TAG), gone)) is ReleaseState.RUNNING


def test_what_is_shown_does_not_change_with_the_time_of_reading() -> None:
    first, again = told(OVER, seen(waiting())), told(OVER, seen(waiting()), seen(waiting(), observed_at=after(400)))

    assert first != again
    assert releases.shown(first) == releases.shown(again)
    assert releases.shown(told(OVER, seen())) != releases.shown(first)
    assert releases.shown(release()) == release()
