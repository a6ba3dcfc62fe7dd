"""GitHub's payloads as tiketi would send them: which are ours, and what each says."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

import pytest

from bot.domain.catalog import Catalog
from bot.domain.events import BranchPushed, Event, JobReported, RunReported, RunStatus, Step, Unusable
from bot.webhooks import github
from tests.webhooks.octokit import examples

REPOSITORY = {"full_name": "organization/Project-Ticketing"}  # names on GitHub do not depend on the case
HEAD = "3484a3fb816e0859fd6e1cea078d76385ff50625"
RUN = {
    **examples("workflow_run")[1].payload["workflow_run"],
    "path": ".github/workflows/ticket-service-ci-cd.yml@refs/heads/main",
    "event": "push",
    "head_branch": "main",
    "head_repository": REPOSITORY,
}
JOB = {**examples("workflow_job")[1].payload["workflow_job"], "workflow_name": "whatever it is called"}


def read(catalog: Catalog, event: str, payload: dict[str, Any]) -> tuple[Event, ...]:
    body = json.dumps({"repository": REPOSITORY, **payload}).encode()
    return github.parse({"event": event, "content-type": "application/json"}, body, catalog=catalog)


def read_run(catalog: Catalog, **changes: Any) -> RunReported | None:
    events = read(catalog, "workflow_run", {"action": "completed", "workflow_run": {**RUN, **changes}})
    assert len(events) <= 1
    for event in events:
        assert isinstance(event, RunReported)
        return event
    return None


def test_a_run_of_a_service_builds_for_the_environment_of_its_branch(catalog: Catalog) -> None:
    production = read_run(catalog)
    assert production is not None
    assert (production.service, production.environment, production.branch) == ("ticket-service", "prod", "main")
    assert read_run(catalog, head_branch="develop") == replace(production, environment="staging", branch="develop")
    assert read_run(catalog, head_branch="feature/seats") is None


def test_a_run_started_by_hand_does_not_say_where_it_deploys(catalog: Catalog) -> None:
    by_hand = read_run(catalog, event="workflow_dispatch", head_branch="feature/seats")
    assert by_hand is not None
    assert (by_hand.environment, by_hand.branch) == (None, "feature/seats")


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "pull_request"},
        {"event": "pull_request_target"},
        {"head_repository": {"full_name": "mallory/project-ticketing"}},
        {"head_repository": None},  # a fork that is gone
        {"path": ".github/workflows/lint.yml"},
        {"path": ".github/workflows/ticket-service-ci-cd.yml.disabled"},
    ],
)
def test_runs_that_do_not_deploy_say_nothing(catalog: Catalog, changes: dict[str, Any]) -> None:
    assert read_run(catalog) is not None
    assert read_run(catalog, **changes) is None


@pytest.mark.parametrize(
    "conclusion", ["failure", "cancelled", "timed_out", "skipped", "stale", "startup_failure", "of next year"]
)
def test_every_conclusion_is_handed_on(catalog: Catalog, conclusion: str) -> None:
    run = read_run(catalog, conclusion=conclusion)
    assert run is not None
    assert (run.status, run.conclusion) == (RunStatus.COMPLETED, conclusion)


def test_attempts_are_told_apart_and_old_payloads_have_one(catalog: Catalog) -> None:
    again, old = read_run(catalog, run_attempt=2), read_run(catalog, run_attempt=None)
    assert again is not None
    assert old is not None
    assert (again.run_attempt, old.run_attempt) == (2, 1)


def test_a_title_is_one_line_that_can_be_stored(catalog: Catalog) -> None:
    commit = {"message": "\n  fix: hold\0 a seat \ud83d\n\nBecause.\n" + "x" * 10_000}
    run = read_run(catalog, head_commit=commit)
    assert run is not None
    assert run.title == "fix: hold a seat ?"
    long = read_run(catalog, head_commit={"message": "x" * 10_000})
    assert long is not None
    assert long.title == "x" * 200
    without = read_run(catalog, head_commit=None)
    assert without is not None
    assert (without.title, without.author) == (RUN["display_title"], "")


@pytest.mark.parametrize(
    ("author", "login"),
    [
        ({"username": "minji", "name": "Min Ji", "email": "m@example.com"}, "minji"),
        ({"name": "Min Ji", "email": "8123456+minji@users.noreply.github.com"}, "minji"),
        ({"name": "renovate", "email": "29139614+renovate[bot]@users.noreply.github.com"}, "renovate[bot]"),
        ({"name": "Min Ji", "email": "minji@example.com"}, "Min Ji"),
        ({}, ""),
    ],
)
def test_the_author_is_a_login_where_one_is_known(catalog: Catalog, author: dict[str, str], login: str) -> None:
    run = read_run(catalog, head_commit={"message": "fix", "author": author})
    assert run is not None
    assert run.author == login


def test_who_started_this_attempt_is_its_actor(catalog: Catalog) -> None:
    rerun = read_run(catalog, actor={"login": "hyunwoo"}, triggering_actor={"login": "minji"})
    first = read_run(catalog, actor={"login": "hyunwoo"}, triggering_actor=None)
    assert rerun is not None
    assert first is not None
    assert (rerun.actor, first.actor) == ("minji", "hyunwoo")


def test_a_link_that_is_no_link_is_made_from_the_id(catalog: Catalog) -> None:
    run = read_run(catalog, html_url="javascript:alert(1)")
    assert run is not None
    assert run.url == "https://github.com/ORGANIZATION/project-ticketing/actions/runs/289782451"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": None}, "The run's id is missing or no positive number."),
        ({"id": "289782451"}, "The run's id is missing or no positive number."),
        ({"id": 2**63}, "The run's id is missing or no positive number."),
        ({"run_attempt": 0}, "run_attempt is missing or no positive number."),
        ({"head_sha": "3484a3f"}, "The run's head_sha is missing or no full commit id."),
        ({"status": "dreaming"}, "The status is missing or unknown."),
        ({"path": None}, "The path of the workflow is missing."),
        ({"run_started_at": None, "created_at": "yesterday"}, "The time at which the run started is missing."),
        (
            {"run_started_at": "2026-08-22T12:00:00", "created_at": None},
            "The time at which the run started is missing.",
        ),
    ],
)
def test_a_run_that_cannot_be_stated_is_unusable(catalog: Catalog, changes: dict[str, Any], reason: str) -> None:
    assert read_run(catalog) is not None
    with pytest.raises(Unusable) as caught:
        read_run(catalog, **changes)
    assert str(caught.value) == reason


def test_a_job_is_joined_by_its_run_and_says_how_far_its_steps_are(catalog: Catalog) -> None:
    (job,) = read(catalog, "workflow_job", {"workflow_job": {**JOB, "steps": JOB["steps"][:1]}})
    assert isinstance(job, JobReported)
    (step,) = job.steps
    assert job.url == "https://github.com/octo-org/octo-repo/runs/1291536064"
    assert (job.started_at, job.completed_at) == (
        datetime.fromisoformat("2021-08-05T10:34:58Z"),
        datetime.fromisoformat("2021-08-05T10:38:16Z"),
    )
    assert step == Step(
        name="Set up job",
        status=RunStatus.COMPLETED,
        conclusion="success",
        started_at=datetime.fromisoformat("2021-08-05T10:26:08.000Z"),
        completed_at=datetime.fromisoformat("2021-08-05T10:26:11.000Z"),
    )


def test_no_more_steps_are_kept_than_a_card_could_ever_need(catalog: Catalog) -> None:
    (job,) = read(catalog, "workflow_job", {"workflow_job": {**JOB, "steps": JOB["steps"][:1] * 1000}})
    assert isinstance(job, JobReported)
    assert len(job.steps) == 100


@pytest.mark.parametrize("branch", ["main", "develop"])
def test_a_push_to_a_branch_that_is_followed_moves_it(catalog: Catalog, branch: str) -> None:
    assert read(catalog, "push", {"ref": f"refs/heads/{branch}", "after": HEAD, "deleted": False}) == (
        BranchPushed(branch=branch, revision=HEAD),
    )


@pytest.mark.parametrize(
    "push",
    [
        {"ref": "refs/tags/main", "after": HEAD},
        {"ref": "refs/heads/feature/seats", "after": HEAD},
        {"ref": "refs/heads/main", "after": "0" * 40, "deleted": True},
        {"ref": "main", "after": HEAD},
    ],
)
def test_other_pushes_say_nothing(catalog: Catalog, push: dict[str, Any]) -> None:
    assert read(catalog, "push", push) == ()


def test_a_push_without_a_head_is_unusable(catalog: Catalog) -> None:
    with pytest.raises(Unusable, match=r"The new head is missing or no full commit id\."):
        read(catalog, "push", {"ref": "refs/heads/main"})


def test_another_repository_says_nothing(catalog: Catalog) -> None:
    push = {"repository": {"full_name": "organization/other"}, "ref": "refs/heads/main", "after": HEAD}
    assert read(catalog, "push", push) == ()


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"[]", b"null", b'"text"', b"[" * 100_000, b"1" * 10_000])
def test_a_body_that_is_no_object_is_unusable_where_it_would_be_read(catalog: Catalog, body: bytes) -> None:
    with pytest.raises(Unusable, match="The body is not"):
        github.parse({"event": "push"}, body, catalog=catalog)
    assert github.parse({"event": "ping"}, body, catalog=catalog) == ()
    assert github.parse({}, body, catalog=catalog) == ()


def test_a_form_carries_its_payload_in_a_field(catalog: Catalog) -> None:
    payload = json.dumps({"repository": REPOSITORY, "ref": "refs/heads/main", "after": HEAD})
    headers = {"event": "push", "content-type": "application/x-www-form-urlencoded"}
    body = f"payload={quote_plus(payload)}".encode()
    assert github.parse(headers, body, catalog=catalog) == (BranchPushed(branch="main", revision=HEAD),)
    for broken in (b"", b"other=1", b"payload=%7B", b"&".join([b"a=1"] * 100)):
        with pytest.raises(Unusable):
            github.parse(headers, broken, catalog=catalog)
