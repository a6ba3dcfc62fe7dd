"""Events in any order, any number of times, give the same release.

The first test tells a whole story with two attempts in every order; the others hold the laws of a join for arbitrary
facts, however contradictory, after any history. The laws together say what the first test samples.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import releases, timeline
from bot.domain.events import Health, Phase, RunStatus, Stage, StageStatus
from bot.domain.releases import Release, ReleaseState
from tests.domain import strategies
from tests.domain.examples import (
    ELSEWHERE,
    MANIFEST,
    SECOND_TAG,
    TAG,
    after,
    image,
    job,
    pod,
    run,
    seen,
    stage,
    step,
    sync,
    workload,
)
from tests.domain.stories import Fact, idle, told
from tests.domain.strategies import UNHURRIED

histories = st.lists(strategies.facts(), max_size=24)
pairs = st.one_of(
    st.tuples(strategies.facts(), strategies.facts()),
    *(strategies.twins(kind()) for kind in (strategies.runs, strategies.jobs, strategies.stages, strategies.reads)),
)


def second(**changes: Any) -> Any:
    """The service with the image of the second attempt."""
    pods = tuple(pod(number, image=image(SECOND_TAG)) for number in range(3))
    return workload(**{"desired": image(SECOND_TAG), "live": image(SECOND_TAG), "pods": pods, **changes})


RUNNING = sync(phase=Phase.RUNNING, finished_at=None, started_at=after(2100))
ENDED = sync(started_at=after(2100), finished_at=after(2102))
BUILT = (step("Build image", conclusion="success", begun=4, ended=70),)
AGAIN = run(run_attempt=2, started_at=after(1800), updated_at=after(1801))
STORY: list[Fact] = [
    run(status=RunStatus.REQUESTED),
    run(),
    job(),
    job(steps=BUILT),
    stage(Stage.BUILD, StageStatus.STARTED, at=after(4)),
    stage(Stage.BUILD, at=after(70)),
    stage(Stage.PUSH, at=after(90), tag=TAG),
    stage(Stage.MANIFEST, StageStatus.FAILED, at=after(95), message="rejected"),
    job(
        status=RunStatus.COMPLETED,
        conclusion="failure",
        steps=(*BUILT, step("Update manifest", conclusion="failure", begun=90, ended=95)),
    ),
    run(status=RunStatus.COMPLETED, conclusion="failure", updated_at=after(99)),
    idle(at=100),
    AGAIN,
    job(run_attempt=2, job_id=48002, started_at=after(1802)),
    stage(Stage.SCAN, run_attempt=2, at=after(1880), critical=1, high=2),
    stage(Stage.PUSH, run_attempt=2, at=after(1890), tag=SECOND_TAG),
    stage(Stage.MANIFEST, run_attempt=2, at=after(1900), manifest_revision=MANIFEST),
    replace(AGAIN, status=RunStatus.COMPLETED, conclusion="success", updated_at=after(1940)),
    idle(desired=SECOND_TAG, at=1910),
    idle(desired=SECOND_TAG, at=1970),
    seen(second(live=image(TAG)), operation=RUNNING, observed_at=after(2101)),
    seen(second(available=1), operation=ENDED, revision=ELSEWHERE, observed_at=after(2103)),
    seen(second(available=2, health=Health.PROGRESSING), operation=ENDED, observed_at=after(2110)),
    seen(second(), operation=ENDED, observed_at=after(2130), reconciled_at=after(2120)),
    seen(second(), operation=ENDED, observed_at=after(2190), reconciled_at=after(2180)),
]


def lines(release: Release) -> Sequence[object]:
    """Everything that is derived from a release to be shown."""
    return (
        releases.state(release),
        *timeline.pipeline(release),
        timeline.sync(release),
        timeline.rollout(release),
        timeline.scan(release),
        timeline.failed_step(release),
        releases.manifest_revision(release),
    )


def test_the_story_ends_well() -> None:
    known = told(*STORY)

    assert releases.state(known) is ReleaseState.DEPLOYED
    assert releases.current_run(known) == (7001, 2)
    assert known.deployed == {SECOND_TAG: after(2130)}


@settings(UNHURRIED, max_examples=300)
@given(order=st.permutations(range(len(STORY))), again=st.lists(st.integers(0, len(STORY) - 1), max_size=len(STORY)))
def test_a_story_told_in_any_order_with_any_repetition_is_the_same_story(order: list[int], again: list[int]) -> None:
    known, expected = told(*(STORY[place] for place in (*order, *again))), told(*STORY)

    assert known == expected
    assert lines(known) == lines(expected)


@UNHURRIED
@given(history=histories, fact=strategies.facts())
def test_a_fact_told_twice_changes_nothing(history: list[Fact], fact: Fact) -> None:
    once = told(*history, fact)

    assert told(fact, begin=once) == once
    assert told(*history, begin=once) == once


@settings(UNHURRIED, max_examples=500)
@given(history=histories, pair=pairs)
def test_two_facts_may_change_places(history: list[Fact], pair: tuple[Fact, Fact]) -> None:
    known, (first, then) = told(*history), pair

    assert told(first, then, begin=known) == told(then, first, begin=known)


@settings(UNHURRIED, max_examples=300)
@given(
    facts=st.lists(strategies.facts(), max_size=12).flatmap(
        lambda facts: st.tuples(st.just(facts), st.permutations(facts))
    )
)
def test_any_facts_in_any_order_give_the_same_lines(facts: tuple[list[Fact], list[Fact]]) -> None:
    known, shuffled = (told(*order) for order in facts)

    assert known == shuffled
    assert lines(known) == lines(shuffled)


@UNHURRIED
@given(history=histories)
def test_what_was_deployed_stays_deployed(history: list[Fact]) -> None:
    known = told()
    for fact in history:
        after_fact = told(fact, begin=known)
        assert set(known.deployed) <= set(after_fact.deployed)
        assert all(after_fact.deployed[tag] <= at for tag, at in known.deployed.items())
        known = after_fact
