"""The report action: what it sends is a report, and nothing that goes wrong fails the pipeline."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from bot.domain.events import Stage, StageReported, StageStatus
from bot.settings import PACKAGED_TOPOLOGY
from bot.storage.engine import Database
from bot.topology import load
from bot.webhooks import ci
from tests.docs.pages import ROOT
from tests.docs.scripts import Finished, needs_tools, run
from tests.webhooks.doors import Doors, opened

pytestmark = needs_tools

REVISION = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
TAG = "a1b2c3d-20260105-143022"
DIGEST = f"sha256:{'9' * 64}"
GITHUB = {
    "GITHUB_RUN_ID": "15820391744",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_SHA": REVISION,
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "ORGANIZATION/project-ticketing",
}
ACTION = yaml.safe_load((ROOT / "deploy" / "github" / "report" / "action.yml").read_text())
[STEP] = ACTION["runs"]["steps"]


@dataclass
class Runner:
    """A job of GitHub Actions: it gives tokens, and runs the script with the inputs as the action hands them on."""

    directory: Path
    url: str
    issuer: str
    given: list[tuple[str, str | None]] = field(default_factory=list)

    async def report(self, **variables: str) -> Finished:
        """One report; `variables` replace those that a job of ticket-service would set."""
        environment = {
            **GITHUB,
            **dict.fromkeys(STEP["env"], ""),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.issuer}/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of the job",
            "CHATOPS_URL": f"{self.url}/",
            "AUDIENCE": "the bot",
            "SERVICE": "ticket-service",
            "ENVIRONMENT": "prod",
            "STAGE": "build",
            "STATUS": "started",
            **variables,
        }
        return await run("report/report.sh", environment, directory=self.directory)


@asynccontextmanager
async def runner(doors: Doors, directory: Path, *, status: int = 200) -> AsyncIterator[Runner]:
    """A runner whose issuer answers with `status`."""
    job = Runner(directory=directory, url=doors.url, issuer="")

    async def token(request: web.Request) -> web.Response:
        job.given.append((request.query["audience"], request.headers.get("Authorization")))
        return web.json_response({"value": f"token.{len(job.given)}.signed"}, status=status)

    app = web.Application()
    app.router.add_get("/token", token)
    served = web.AppRunner(app, shutdown_timeout=1)
    await served.setup()
    await web.TCPSite(served, "127.0.0.1", 0).start()
    job.issuer = f"http://127.0.0.1:{served.addresses[0][1]}"
    try:
        yield job
    finally:
        await served.cleanup()


@pytest.fixture
async def doors(database_url: str) -> AsyncIterator[Doors]:
    """The bot's doors, which take every token of the issuer above for one of the run."""
    database = Database(database_url)

    async def verify(token: str) -> Mapping[str, object]:
        assert re.fullmatch(r"token\.\d\.signed", token)
        return {
            "repository": "ORGANIZATION/project-ticketing",
            "run_id": 15820391744,
            "run_attempt": 2,
            "sha": REVISION,
            "ref": "refs/heads/main",
            "event_name": "push",
        }

    async with opened(database, verify_oidc=verify) as running:
        yield running
    await database.close()


async def stored(doors: Doors) -> list[StageReported]:
    """The reports that the bot took, as it reads them."""
    found = []
    for delivery in await doors.stored():
        [event] = ci.parse(delivery.headers, delivery.body, catalog=load(PACKAGED_TOPOLOGY).catalog())
        assert isinstance(event, StageReported)
        found.append(event)
    return found


async def test_a_report_is_what_the_inputs_say(doors: Doors, tmp_path: Path) -> None:
    async with runner(doors, tmp_path) as job:
        finished = await job.report(
            STAGE="push",
            STATUS="success",
            TAG=TAG,
            DIGEST=DIGEST,
            CRITICAL="0",
            HIGH="12",
            MESSAGE='it\'s "done"\nyes',
        )

    assert finished.code == 0
    assert "::warning" not in finished.output
    [event] = await stored(doors)
    assert event == StageReported(
        service="ticket-service",
        environment="prod",
        run_id=15820391744,
        run_attempt=2,
        source_revision=REVISION,
        stage=Stage.PUSH,
        status=StageStatus.SUCCEEDED,
        at=event.at,
        tag=TAG,
        digest=DIGEST,
        critical=0,
        high=12,
        message='it\'s "done"',
        url="https://github.com/ORGANIZATION/project-ticketing/actions/runs/15820391744",
    )


async def test_every_report_asks_for_a_token_of_its_own(doors: Doors, tmp_path: Path) -> None:
    async with runner(doors, tmp_path) as job:
        await job.report()
        finished = await job.report(STATUS="failure")
        assert job.given == [("the bot", "Bearer of the job")] * 2

    assert "::add-mask::token.2.signed" in finished.output
    assert [event.status for event in await stored(doors)] == [StageStatus.STARTED, StageStatus.FAILED]


async def test_where_there_is_no_oidc_the_shared_token_does(doors: Doors, tmp_path: Path) -> None:
    async with runner(doors, tmp_path) as job:
        await job.report(STAGE="scan", STATUS="skipped", CHATOPS_TOKEN="ci-token")
        assert job.given == []

    [event] = await stored(doors)
    assert (event.stage, event.status) == (Stage.SCAN, StageStatus.SKIPPED)


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"CHATOPS_URL": "http://127.0.0.1:9"}, "the bot did not answer"),
        ({"CHATOPS_URL": ""}, "the address of the bot is empty"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": ""}, "the job needs 'permissions: id-token: write'"),
        ({"ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:9/?"}, "GitHub gave no OIDC token"),
        ({"CHATOPS_TOKEN": "wrong"}, 'the bot answered 401: {"status": "refused"'),
        ({"STATUS": "done"}, "the status is 'done', which is none"),
        ({"CRITICAL": "many"}, "the report could not be written as JSON"),
    ],
)
async def test_what_goes_wrong_is_a_warning(
    doors: Doors, tmp_path: Path, variables: dict[str, str], warning: str
) -> None:
    async with runner(doors, tmp_path) as job:
        finished = await job.report(**variables)

    assert finished.code == 0
    assert f"::warning title=chatops report::{warning}" in finished.output
    assert await stored(doors) == []


async def test_a_token_that_github_does_not_give_is_a_warning(doors: Doors, tmp_path: Path) -> None:
    async with runner(doors, tmp_path, status=403) as job:
        finished = await job.report()

    assert (finished.code, "GitHub gave no OIDC token" in finished.output) == (0, True)


def test_the_action_hands_every_input_on_through_the_environment() -> None:
    handed = re.findall(r"inputs\.([a-z-]+)", "\n".join(STEP["env"].values()))
    assert sorted(handed) == sorted(ACTION["inputs"])
    assert "${{" not in STEP["run"]
    assert STEP["continue-on-error"] is True
    script = (ROOT / "deploy" / "github" / "report" / "report.sh").read_text()
    assert [name for name in STEP["env"] if not re.search(rf"\$\{{?{name}\b", script)] == []
