"""Values survive the row: written and read back they are equal, and the join of releases does not notice it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.domain import releases
from bot.domain.approvals import Approval
from bot.domain.events import ApplicationObserved, JobReported, RunReported, StageReported
from bot.domain.incidents import Incident
from bot.domain.operations import Between, Operation, OperationKind, OperationState
from bot.domain.releases import Release
from bot.domain.sightings import SyncSeen, Wanted
from bot.storage import documents
from tests.domain import strategies
from tests.domain.examples import after, approval, operation, release
from tests.domain.stories import Fact, told
from tests.domain.strategies import UNHURRIED

st.register_type_strategy(
    datetime,
    st.datetimes(
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the zones are the next argument
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=9)), timezone(-timedelta(minutes=90))]),
    ),
)
any_value = settings(UNHURRIED, max_examples=60)


def some(kind: type) -> st.SearchStrategy[dict[str, Any]]:
    """A few values of a kind, under any keys."""
    return st.dictionaries(st.text(max_size=8), st.from_type(kind), max_size=2)


any_release = st.builds(
    Release,
    runs=some(RunReported),
    jobs=some(JobReported),
    stages=some(StageReported),
    wanted=some(Wanted),
    syncs=some(SyncSeen),
    deployed=some(datetime),
)


@any_value
@given(value=any_release)
def test_a_release_survives(value: Release) -> None:
    assert documents.release.load(documents.release.dump(value)) == value


@any_value
@given(value=st.from_type(Operation))
def test_an_operation_survives_with_its_digest(value: Operation) -> None:
    found = documents.operation.load(documents.operation.dump(value))

    assert found == value
    assert value.content is None or (found.content is not None and found.content.digest == value.content.digest)


@any_value
@given(value=st.from_type(Approval))
def test_an_approval_survives(value: Approval) -> None:
    assert documents.approval.load(documents.approval.dump(value)) == value


@any_value
@given(value=st.from_type(Incident))
def test_an_incident_survives(value: Incident) -> None:
    assert documents.incident.load(documents.incident.dump(value)) == value


@any_value
@given(value=st.from_type(ApplicationObserved))
def test_an_observation_survives(value: ApplicationObserved) -> None:
    assert documents.observation.load(documents.observation.dump(value)) == value


pairs = st.one_of(
    *(strategies.twins(kind()) for kind in (strategies.runs, strategies.jobs, strategies.stages, strategies.reads))
)


@settings(UNHURRIED, max_examples=300)
@given(history=st.lists(strategies.facts(), max_size=6), pair=pairs)
def test_a_fact_read_back_from_its_row_is_no_other_fact(history: list[Fact], pair: tuple[Fact, Fact]) -> None:
    """Between two facts the release goes through its row, where its moments get other time zone objects."""
    first, then = pair
    known = told(*history)

    one, other = stored(stored(known, first), then), stored(stored(known, then), first)
    assert one == other == told(first, then, begin=known)


def stored(known: Release, fact: Fact) -> Release:
    return documents.release.load(documents.release.dump(releases.apply(known, fact)))


def test_a_row_from_before_what_is_lost_had_lines_can_be_read() -> None:
    between = Between(base="a" * 40, head="b" * 40, gained=0, lost=1, lines=("fix: seats",))
    text = json.loads(documents.operation.dump(replace(operation(), between=between)))
    del text["between"]["lost_lines"]

    assert documents.operation.load(json.dumps(text)).between == between


def test_an_approval_from_before_unknown_people_were_named_can_be_read() -> None:
    told = approval(unsure=True)
    text = json.loads(documents.approval.dump(told))
    del text["unmapped"], text["refuse_unknown"], text["refuse_unsure"]

    found = documents.approval.load(json.dumps(text))
    assert found == told
    assert (found.unknown, found.refuses) == (True, False)
    assert replace(found, unmapped=("octocat",)).refuses  # What is not known to be allowed is not.


def test_a_row_from_before_images_were_looked_up_can_be_read_and_keeps_its_digest() -> None:
    text = json.loads(documents.operation.dump(operation()))
    for change in text["content"]["images"]:
        assert (change.pop("digest"), change.pop("index")) == (None, False)

    found = documents.operation.load(json.dumps(text))
    assert found == operation()
    assert found.content is not None
    assert found.content.digest == "81eefe302605807a6c1ea2cc3a0838d4cbd8636b94eb91f5a2a8cf2695057f11"


def test_a_row_of_a_newer_version_can_be_read() -> None:
    text = json.loads(documents.operation.dump(operation())) | {"colour": "blue"}

    assert documents.operation.load(json.dumps(text)) == operation()


def test_a_row_of_an_older_version_can_be_read() -> None:
    known = json.loads(documents.operation.dump(operation()))
    needed = ("id", "kind", "environment", "service", "state", "requested_by", "requested_name")
    old = {name: known[name] for name in (*needed, "requested_at", "updated_at")}

    assert documents.operation.load(json.dumps(old)) == Operation(
        id=operation().id,
        kind=OperationKind.DEPLOY,
        environment="prod",
        service="ticket-service",
        state=OperationState.RUNNING,
        requested_by=11,
        requested_name="mina",
        requested_at=after(200),
        updated_at=after(300),
    )


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"service": 1}'])
def test_what_is_no_document_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        documents.release.load(text)
    assert documents.release.load(documents.release.dump(release())) == release()
