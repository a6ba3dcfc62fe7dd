"""Generated facts about one release, from pools so small that they collide: the same run, the same moment, one tag.

Moments come in several time zones, because a fact that was read back from a row need not have the zone object of one
that was parsed from a request.
"""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bot.domain.events import (
    ApplicationObserved,
    Health,
    JobReported,
    Phase,
    RunReported,
    RunStatus,
    Stage,
    StageReported,
    StageStatus,
    Step,
    SyncOperation,
    SyncStatus,
    Workload,
)
from tests.domain.examples import ELSEWHERE, MANIFEST, NEWER_TAG, OLD_TAG, SECOND_TAG, TAG, after, image, pod, run
from tests.domain.examples import job as job_example
from tests.domain.examples import stage as stage_example
from tests.domain.stories import Fact

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How much time an example takes says nothing about the domain, and a busy machine is no failure."""

RUNS, ATTEMPTS = st.sampled_from([7001, 7002]), st.sampled_from([1, 2])
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=9)), timezone(timedelta(0), "Z")])
CONCLUSIONS = st.sampled_from([None, "success", "failure"])
WORDS = st.sampled_from(["", "a", "b"])
IMAGES = st.sampled_from([None, *(image(tag) for tag in (TAG, TAG, TAG, SECOND_TAG, OLD_TAG, NEWER_TAG, "latest"))])


@st.composite
def moments(draw: st.DrawFn, most: int = 4) -> datetime:
    """One of few moments, in some time zone; halves of a second, since not everybody's clock counts whole ones."""
    return after(draw(st.integers(0, most)) / 2).astimezone(draw(ZONES))


def runs() -> st.SearchStrategy[RunReported]:
    """A report about one of two runs."""
    return st.builds(
        run,
        run_id=RUNS,
        run_attempt=ATTEMPTS,
        status=st.sampled_from(RunStatus),
        conclusion=CONCLUSIONS,
        title=WORDS,
        started_at=moments(),
        updated_at=moments(),
    )


def steps() -> st.SearchStrategy[Step]:
    """A step of a job, however contradictory."""
    return st.builds(
        Step,
        name=st.sampled_from(["Build image", "Push image"]),
        status=st.sampled_from(RunStatus),
        conclusion=CONCLUSIONS,
        started_at=st.none() | moments(),
        completed_at=st.none() | moments(),
    )


def jobs() -> st.SearchStrategy[JobReported]:
    """A report about one of two jobs."""
    return st.builds(
        job_example,
        run_id=RUNS,
        run_attempt=ATTEMPTS,
        job_id=st.sampled_from([1, 2]),
        status=st.sampled_from(RunStatus),
        conclusion=CONCLUSIONS,
        started_at=st.none() | moments(),
        steps=st.lists(steps(), max_size=2).map(tuple),
    )


def stages() -> st.SearchStrategy[StageReported]:
    """A report of the pipeline about one of its stages."""
    return st.builds(
        stage_example,
        st.sampled_from(Stage),
        st.sampled_from(StageStatus),
        run_id=RUNS,
        run_attempt=ATTEMPTS,
        at=moments(),
        tag=st.sampled_from([None, TAG, SECOND_TAG]),
        manifest_revision=st.sampled_from([None, MANIFEST, ELSEWHERE]),
        message=WORDS,
    )


def syncs() -> st.SearchStrategy[SyncOperation]:
    """A sync operation: often the same one, seen differently, or else one of more than a release keeps."""
    return st.builds(
        SyncOperation,
        phase=st.sampled_from(Phase),
        message=WORDS,
        revision=st.sampled_from([MANIFEST, ELSEWHERE]),
        started_at=moments(most=1) | moments(most=24),
        finished_at=st.none() | moments(),
        request_id=st.none(),
        services=st.none() | st.sampled_from([frozenset({"ticket-service"}), frozenset({"ticket-service", "backend"})]),
        source_digest=st.just(""),
        initiated_by=st.just(""),
    )


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """The service in a read, half of the time with everything running as it should."""
    live = draw(IMAGES)
    pods = tuple(pod(number, image=live) for number in range(2)) if live else ()
    running = draw(st.booleans())
    return Workload(
        service="ticket-service",
        desired=draw(IMAGES),
        live=live,
        changed=draw(st.booleans()),
        settled=running or draw(st.booleans()),
        replicas=2,
        updated=2,
        available=2 if running else draw(st.integers(0, 2)),
        total=2,
        health=Health.HEALTHY if running else draw(st.sampled_from(Health)),
        pods=pods,
    )


def reads() -> st.SearchStrategy[ApplicationObserved]:
    """A read of the Application, whether or not such a one could follow another."""
    return st.builds(
        ApplicationObserved,
        environment=st.just("prod"),
        observed_at=moments(),
        uid=st.just("u-1"),
        revision=st.sampled_from([MANIFEST, ELSEWHERE]),
        sync=st.sampled_from(SyncStatus),
        health=st.sampled_from(Health),
        reconciled_at=st.none() | moments(),
        health_since=st.none(),
        operation=syncs() | syncs() | st.none(),
        pending=st.booleans(),
        pending_request_id=st.none(),
        workloads=st.tuples(workloads()),
        cluster_error=st.sampled_from([None, None, "away"]),
    )


def facts() -> st.SearchStrategy[Fact]:
    """Any fact about the release."""
    return st.one_of(runs(), jobs(), stages(), reads())


@st.composite
def twins(draw: st.DrawFn, kind: st.SearchStrategy[Any]) -> tuple[Any, Any]:
    """Two of a kind that differ in little, or in nothing: where an order forgets a field, they show it."""
    first = draw(kind)
    return first, _resembling(draw, first, draw(kind))


def _resembling(draw: st.DrawFn, one: Any, other: Any) -> Any:
    """The one value with a few parts of the other."""
    kind: Any = type(one)
    if is_dataclass(one) and kind is type(other):
        pairs = {field.name: (getattr(one, field.name), getattr(other, field.name)) for field in fields(one)}
        return kind(
            **{name: mine if mine == its else _resembling(draw, mine, its) for name, (mine, its) in pairs.items()}
        )
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other):
        return tuple(_resembling(draw, *pair) for pair in zip(one, other, strict=True))
    return other if draw(st.integers(0, 5)) == 0 else one
