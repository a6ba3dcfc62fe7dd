"""GitHub's payloads into events: workflow runs, their jobs, and pushes to branches.

A run is ours when it ran in our repository, on its own code (not a fork's and not for a pull request), from the file of
a service's workflow, and on a branch that builds for an environment. A run that a person started by hand may build for
any environment, and a job names neither its workflow's file nor the event that started it: what they leave out, the
run's reports say, and the intake joins the two by the run's id.
"""

from collections.abc import Mapping
from typing import Any

from bot.adapters.fields import Json, entries, section
from bot.domain import people
from bot.domain.catalog import Catalog
from bot.domain.events import BranchPushed, Event, JobReported, RunReported, RunStatus, Step, Unusable
from bot.webhooks import payloads

TITLE_LENGTH = 200
NAME_LENGTH = 100
STEPS_KEPT = 100


def parse(headers: Mapping[str, str], body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
    """The events in a delivery; none for what is not about the pipeline. Raises `Unusable`."""
    read = {"workflow_run": _run, "workflow_job": _job, "push": _push}.get(headers.get("event", ""))
    if read is None:
        return ()
    payload = payloads.document(headers, body)
    repository = section(payload, "repository").get("full_name")
    if not isinstance(repository, str):
        raise Unusable("The repository is missing.")
    if not _same(repository, catalog.repository):
        return ()
    event = read(payload, catalog)
    return () if event is None else (event,)


def _run(payload: Json, catalog: Catalog) -> RunReported | None:
    run = section(payload, "workflow_run")
    path = run.get("path") or section(payload, "workflow").get("path")
    if not isinstance(path, str):
        raise Unusable("The path of the workflow is missing.")
    service = catalog.service_of_workflow(path)
    trigger = str(run.get("event") or "")
    if service is None or trigger.startswith("pull_request"):
        return None
    if not _same(section(run, "head_repository").get("full_name"), catalog.repository):
        return None
    branch = payloads.text(run.get("head_branch"), limit=NAME_LENGTH)
    environment = catalog.environment_of_branch(branch)
    by_hand = trigger == "workflow_dispatch"
    if environment is None and not by_hand:
        return None
    started_at = payloads.moment(run.get("run_started_at")) or payloads.moment(run.get("created_at"))
    if started_at is None:
        raise Unusable("The time at which the run started is missing.")
    run_id = payloads.number(run.get("id"), name="The run's id")
    commit = section(run, "head_commit")
    return RunReported(
        service=service.name,
        environment=None if by_hand or environment is None else environment.name,
        run_id=run_id,
        run_attempt=_attempt(run),
        branch=branch,
        source_revision=payloads.revision(run.get("head_sha"), name="The run's head_sha"),
        status=_status(run),
        conclusion=_conclusion(run),
        url=payloads.url(run.get("html_url")) or _run_url(catalog, run_id),
        title=payloads.text(commit.get("message"), limit=TITLE_LENGTH)
        or payloads.text(run.get("display_title"), limit=TITLE_LENGTH),
        author=_author(section(commit, "author")),
        actor=_login(run, "triggering_actor") or _login(run, "actor") or _login(payload, "sender"),
        started_at=started_at,
        updated_at=payloads.moment(run.get("updated_at")) or started_at,
    )


def _job(payload: Json, catalog: Catalog) -> JobReported:
    job = section(payload, "workflow_job")
    run_id = payloads.number(job.get("run_id"), name="The job's run_id")
    return JobReported(
        service="",
        environment=None,
        run_id=run_id,
        run_attempt=_attempt(job),
        job_id=payloads.number(job.get("id"), name="The job's id"),
        branch=payloads.text(job.get("head_branch"), limit=NAME_LENGTH),
        source_revision=payloads.revision(job.get("head_sha"), name="The job's head_sha"),
        name=payloads.text(job.get("name"), limit=NAME_LENGTH),
        status=_status(job),
        conclusion=_conclusion(job),
        url=payloads.url(job.get("html_url")) or _run_url(catalog, run_id),
        started_at=payloads.moment(job.get("started_at")),
        completed_at=payloads.moment(job.get("completed_at")),
        steps=tuple(_step(step) for step in entries(job, "steps")[:STEPS_KEPT]),
    )


def _step(step: Json) -> Step:
    return Step(
        name=payloads.text(step.get("name"), limit=NAME_LENGTH),
        status=_status(step),
        conclusion=_conclusion(step),
        started_at=payloads.moment(step.get("started_at")),
        completed_at=payloads.moment(step.get("completed_at")),
    )


def _push(payload: Json, catalog: Catalog) -> BranchPushed | None:
    """A branch that an environment follows has a new head. Tags and deletions move no branch."""
    ref = payload.get("ref")
    if not isinstance(ref, str):
        raise Unusable("The ref is missing.")
    branch = ref.removeprefix("refs/heads/")
    followed = any(environment.branch == branch for environment in catalog.environments.values())
    if branch == ref or not followed or payload.get("deleted") is True:
        return None
    return BranchPushed(branch=branch, revision=payloads.revision(payload.get("after"), name="The new head"))


def _status(value: Json) -> RunStatus:
    try:
        return RunStatus(str(value.get("status")))
    except ValueError as error:
        raise Unusable("The status is missing or unknown.") from error


def _conclusion(value: Json) -> str | None:
    return payloads.text(value.get("conclusion"), limit=NAME_LENGTH) or None


def _attempt(value: Json) -> int:
    """Payloads from before re-runs were counted have no attempt."""
    return 1 if value.get("run_attempt") is None else payloads.number(value["run_attempt"], name="run_attempt")


def _author(author: Json) -> str:
    """The login of the commit's author where GitHub or a no-reply address tells it, else the name in the commit."""
    known = payloads.text(author.get("username"), limit=NAME_LENGTH)
    address, name = (payloads.text(author.get(key), limit=NAME_LENGTH) for key in ("email", "name"))
    return known or people.login_in(address) or name


def _login(value: Json, name: str) -> str:
    return payloads.text(section(value, name).get("login"), limit=NAME_LENGTH)


def _run_url(catalog: Catalog, run_id: int) -> str:
    return f"https://github.com/{catalog.repository}/actions/runs/{run_id}"


def _same(name: Any, repository: str) -> bool:
    return isinstance(name, str) and name.casefold() == repository.casefold()
