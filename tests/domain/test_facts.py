"""The orders behind the joins are total: two facts are equal in order only when they are equal."""

import itertools
from datetime import UTC, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from bot.domain import facts, sightings
from bot.domain.events import (
    JobReported,
    Phase,
    RunReported,
    RunStatus,
    Stage,
    StageReported,
    StageStatus,
    SyncOperation,
)
from bot.domain.sightings import Observed, Wanted
from tests.domain import strategies
from tests.domain.examples import after, image, job, run, stage, step, sync
from tests.domain.strategies import UNHURRIED

observations = st.builds(
    Observed, at=strategies.moments(), workload=strategies.workloads(), fresh=st.booleans(), known=st.booleans()
)
wishes = st.builds(
    Wanted,
    at=strategies.moments(),
    revision=strategies.WORDS,
    image=st.sampled_from([image("a"), image("b")]),
)


def rise(keys: list[tuple[object, ...]]) -> bool:
    """Whether each is greater than the one before."""
    return all(one < then for one, then in itertools.pairwise(keys))


@UNHURRIED
@given(pair=strategies.twins(strategies.runs()))
def test_the_order_of_runs_is_total(pair: tuple[RunReported, RunReported]) -> None:
    assert (facts.run_order(pair[0]) == facts.run_order(pair[1])) is (pair[0] == pair[1])


@UNHURRIED
@given(pair=strategies.twins(strategies.jobs()))
def test_the_order_of_jobs_is_total(pair: tuple[JobReported, JobReported]) -> None:
    assert (facts.job_order(pair[0]) == facts.job_order(pair[1])) is (pair[0] == pair[1])


@UNHURRIED
@given(pair=strategies.twins(strategies.stages()))
def test_the_order_of_stages_is_total(pair: tuple[StageReported, StageReported]) -> None:
    assert (facts.stage_order(pair[0]) == facts.stage_order(pair[1])) is (pair[0] == pair[1])


@UNHURRIED
@given(pair=strategies.twins(strategies.syncs()))
def test_the_order_of_syncs_is_total(pair: tuple[SyncOperation, SyncOperation]) -> None:
    one, other = (facts.sync_order(operation, seen_at=after(0)) for operation in pair)

    assert (one == other) is (pair[0] == pair[1])


@UNHURRIED
@given(pair=strategies.twins(observations))
def test_the_order_of_observations_is_total(pair: tuple[Observed, Observed]) -> None:
    assert (sightings.newest(pair[0]) == sightings.newest(pair[1])) is (pair[0] == pair[1])


@UNHURRIED
@given(pair=strategies.twins(wishes))
def test_the_order_of_wishes_is_total(pair: tuple[Wanted, Wanted]) -> None:
    assert (sightings.earliest(pair[0]) == sightings.earliest(pair[1])) is (pair[0] == pair[1])


def test_a_run_moves_forward() -> None:
    rising = [
        run(status=RunStatus.REQUESTED, updated_at=after(9)),
        run(status=RunStatus.QUEUED),
        run(status=RunStatus.IN_PROGRESS),
        run(status=RunStatus.IN_PROGRESS, updated_at=after(2)),
        run(status=RunStatus.COMPLETED, updated_at=after(3)),
        run(status=RunStatus.COMPLETED, conclusion="success"),
        run(status=RunStatus.COMPLETED, conclusion="failure", updated_at=after(2)),
    ]

    assert rise([facts.run_order(one) for one in rising])


def test_a_job_moves_forward_step_by_step() -> None:
    done, to_come = step("Build", conclusion="success"), step("Build")
    rising = [
        job(status=RunStatus.QUEUED, steps=(done, done)),
        job(),
        job(steps=(done, to_come)),
        job(steps=(done, done)),
        job(status=RunStatus.COMPLETED, steps=(done,)),
        job(status=RunStatus.COMPLETED, conclusion="success"),
    ]

    assert rise([facts.job_order(one) for one in rising])


def test_a_stage_moves_forward_and_its_later_report_counts() -> None:
    rising = [
        stage(Stage.SCAN, StageStatus.STARTED, at=after(9)),
        stage(Stage.SCAN, StageStatus.SKIPPED, at=after(8)),
        stage(Stage.SCAN, StageStatus.SUCCEEDED, at=after(1)),
        stage(Stage.SCAN, StageStatus.SUCCEEDED, at=after(2)),
        stage(Stage.SCAN, StageStatus.FAILED, at=after(0)),
    ]

    assert rise([facts.stage_order(one) for one in rising])


def test_a_sync_moves_forward_and_the_newest_read_of_it_counts() -> None:
    rising = [
        (sync(), 9),
        (sync(phase=Phase.RUNNING, started_at=after(301), message="z"), 1),
        (sync(phase=Phase.RUNNING, started_at=after(301), message="a"), 2),
        (sync(phase=Phase.TERMINATING, started_at=after(301)), 0),
        (sync(phase=Phase.FAILED, started_at=after(301)), 0),
    ]

    assert rise([facts.sync_order(one, seen_at=after(at)) for one, at in rising])


def test_equal_facts_read_alike_in_any_time_zone_and_process() -> None:
    seoul = timezone(timedelta(hours=9))
    there = sync(started_at=after(300).astimezone(seoul), services=frozenset({"b", "a", "c"}))
    here = sync(started_at=after(300).astimezone(UTC), services=frozenset({"c", "b", "a"}))

    assert there == here
    assert facts.text(there) == facts.text(here)
    assert '"services": ["a", "b", "c"]' in facts.text(here)
