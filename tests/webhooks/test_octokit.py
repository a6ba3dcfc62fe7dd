"""Every payload of GitHub's examples goes in signed, is kept, and is read without a surprise."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.catalog import Catalog, Environment, Service
from bot.domain.events import Event, JobReported, RunReported, RunStatus, Unusable
from bot.webhooks import github
from tests.webhooks.doors import Doors
from tests.webhooks.octokit import Example, examples

STRANGE: tuple[Any, ...] = (None, 1, -1, 2**80, "\ud800\0", [], {}, {"login": [], "message": 1, "full_name": None})
HEAD = "3484a3fb816e0859fd6e1cea078d76385ff50625"


def catalog(repository: str, *, branch: str, workflow: str = "test.yml") -> Catalog:
    """A catalog in which the repository of some example is the one that is served."""
    service = Service(name="example", directory=".", image="example", workflow=workflow)
    place = Environment(
        name="prod", branch=branch, application="example", overlay="k8s", namespace="example", automated=False
    )
    return Catalog(
        repository=repository,
        project="example",
        registry="registry.example",
        services={"example": service},
        environments={"prod": place},
    )


def read(example: Example, served: Catalog) -> tuple[Event, ...]:
    return github.parse({"event": example.event, "content-type": "application/json"}, example.body, catalog=served)


async def test_all_of_them_are_accepted_and_kept(doors: Doors) -> None:
    answers = await asyncio.gather(
        *(
            doors.github(example.body, event=example.event, delivery=f"{number:03}")
            for number, example in enumerate(examples())
        )
    )
    assert len(examples()) == 329
    assert {(answer.status, answer.body["status"]) for answer in answers} == {(202, "accepted")}
    stored = sorted(await doors.stored(), key=lambda delivery: delivery.key)
    assert [(delivery.headers["event"], delivery.body) for delivery in stored] == [
        (example.event, example.body) for example in examples()
    ]


def test_none_of_them_says_anything_about_tiketi(catalog: Catalog) -> None:
    assert {read(example, catalog) for example in examples() if "repository" in example.payload} == {()}


@pytest.mark.parametrize("lost", ["workflow_run", "workflow_job", "repository", "ref"])
def test_whatever_they_lack_is_unusable_or_nothing_but_never_a_surprise(lost: str) -> None:
    for example in examples():
        payload = {key: value for key, value in example.payload.items() if key != lost}
        name = example.payload.get("repository", {}).get("full_name", "octo-org/octo-repo")
        served = catalog(name, branch="master")
        with suppress(Unusable):
            read(Example(example.event, payload), served)


def test_every_field_of_a_run_may_be_null_or_of_another_kind() -> None:
    example = examples("workflow_run")[1]
    served = catalog("octo-org/octo-repo", branch="master")
    assert read(example, served)
    for name in example.payload["workflow_run"]:
        for value in STRANGE:
            run = {**example.payload["workflow_run"], name: value}
            with suppress(Unusable):
                read(Example("workflow_run", {**example.payload, "workflow_run": run}), served)


def test_the_runs_are_read_exactly() -> None:
    served = catalog("octo-org/octo-repo", branch="master")
    run = RunReported(
        service="example",
        environment="prod",
        run_id=289782451,
        run_attempt=1,
        branch="master",
        source_revision=HEAD,
        status=RunStatus.COMPLETED,
        conclusion="success",
        url="https://github.com/octo-org/octo-repo/actions/runs/289782451",
        title="build(test): check workflow run event payload",
        author="matfax",
        actor="Codertocat",
        started_at=datetime(2020, 10, 5, 16, 33, 49, tzinfo=UTC),
        updated_at=datetime(2020, 10, 5, 16, 33, 49, tzinfo=UTC),
    )
    assert [read(example, served) for example in examples("workflow_run")] == [
        (),  # it ran on the code of another repository than the one it is reported for
        (run,),
        (run,),
        (_changed(run, status=RunStatus.QUEUED, conclusion=None),),
        (_changed(run, status=RunStatus.COMPLETED, conclusion="action_required"),),
    ]


def test_the_old_run_without_a_path_of_its_own_is_found_by_its_workflow() -> None:
    example = examples("workflow_run")[0]
    here = {**example.payload, "repository": {"full_name": "octo-org/octo-repo"}}
    served = catalog("octo-org/octo-repo", branch="main", workflow="syntax.yml")
    started = datetime(2021, 12, 16, 19, 37, 22, tzinfo=UTC)
    assert read(Example("workflow_run", here), served) == (
        RunReported(
            service="example",
            environment=None,
            run_id=1589141559,
            run_attempt=1,
            branch="main",
            source_revision="5779607b49aab1200488439f02372c57b4f75444",
            status=RunStatus.QUEUED,
            conclusion=None,
            url="https://github.com/octo-org/octo-repo/actions/runs/1589141559",
            title="Update milestone-created.yml",
            author="Mona Lisa",
            actor="Codertocat",
            started_at=started,
            updated_at=started,
        ),
    )


def test_the_jobs_are_read_exactly() -> None:
    jobs: list[Event] = []
    for example in examples("workflow_job"):
        jobs += read(example, catalog(example.payload["repository"]["full_name"], branch="main"))
    read_as = [
        (job.name, job.run_id, job.run_attempt, job.branch, job.status.value, job.conclusion, len(job.steps))
        for job in jobs
        if isinstance(job, JobReported) and (job.service, job.environment) == ("", None)
    ]
    assert read_as == [
        ("Test workflow", 940463255, 1, "", "in_progress", None, 1),
        ("linters", 2202229078, 1, "main", "completed", "failure", 12),
        ("linters", 2202229078, 1, "main", "completed", "success", 8),
        ("Analyze (javascript)", 2202229078, 1, "main", "in_progress", None, 1),
        ("Do examples need to be regenerated?", 5373506832, 1, "renovate/got-13.x", "in_progress", None, 9),
        ("update", 2202229078, 1, "main", "queued", None, 0),
        ("test", 4747967848, 1, "main", "waiting", None, 0),
        ("test", 4747967848, 1, "main", "waiting", None, 0),
    ]


def _changed(run: RunReported, *, status: RunStatus, conclusion: str | None) -> RunReported:
    return replace(
        run,
        status=status,
        conclusion=conclusion,
        updated_at=datetime(2020, 10, 5, 16, 33, 24, tzinfo=UTC),
    )
