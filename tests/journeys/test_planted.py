"""Every secret of the settings is planted, everything is done that can go well or wrong, and none of them is found."""

import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
import structlog
from pydantic import SecretStr

from bot import telemetry
from bot.settings import PREFIX, Settings
from sandbox.scene import Scene
from sandbox.senders import Senders
from tests.journeys import people, program, seeing
from tests.journeys.looks import ask
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

PLANTED = {
    "discord_token": SecretStr("planted-discord-0001"),
    "argocd_webhook_token": (SecretStr("planted-argocd-hook-0002"),),
    "github_webhook_secret": (SecretStr("planted-hook-0003"), SecretStr("planted-hook-0004")),
    "ci_token": (SecretStr("planted-ci-0005"),),
    "registry_username": "chatops",
    "registry_password": SecretStr("planted-registry-0006"),
    "github_token": SecretStr("planted-github-0007"),
}
PLACE = "ticket-service → prod"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that the process logs, with nothing hidden: what is not there needs no hiding."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, level, root.handlers = root.handlers[:], root.level, []
    levels = {name: logging.getLogger(name).level for name in telemetry.TALKATIVE}
    telemetry.configure_logging(log_format="json", secrets=(), stream=stream)
    yield stream
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


@pytest.fixture
async def planted(scene: Scene, log: io.StringIO) -> Scene:
    """The bot of the scene, started anew with secrets that can be recognised."""
    await scene.stop()
    scene.settings = scene.settings.model_copy(update=PLANTED)
    scene.github.replace_token("planted-github-0007")
    scene.senders = Senders(
        "", github_secret="planted-hook-0004", argocd_token="planted-argocd-hook-0002", ci_token="planted-ci-0005"
    )
    scene.pipeline.senders = scene.senders
    await scene.start()
    return scene


def secrets(settings: Settings) -> set[str]:
    """The secrets as they are and as they may be written in an address."""
    found = {text for text in settings.secret_values() if text}
    return found | {quote(text, safe="") for text in found}


async def journey(scene: Scene, rows: Rows) -> None:
    """A deploy, a rejection, a rollback, a lock, a look at the trail, and a refusal of each kind."""
    jisoo, hyunwoo, releases = scene.town.people["jisoo"], scene.town.people["hyunwoo"], scene.town.releases
    for number in (1, 2):
        await scene.pipeline.run("ticket-service", "prod", author="sora", subject=f"fix: {number}")
        card = await seeing.message(releases, titled=f"{PLACE} · waiting for approval")
        await hyunwoo.click(card, label="Approve")
        await jisoo.click(card, label="Approve")
        await rows.ended()
    await hyunwoo.slash(releases, "deploy", environment="prod", service="backend")
    await scene.pipeline.run("ticket-service", "prod", author="sora", subject="fix: another one")
    await people.reject(jisoo, await seeing.message(releases, titled=f"{PLACE} · waiting for approval"), why="Not now")
    shown = await hyunwoo.slash(releases, "rollback", environment="prod", service="ticket-service")
    assert shown.response is not None
    form = await hyunwoo.click(shown.response.message, label="Previous tag")
    await hyunwoo.submit_modal(form, {"reason": "It was better before"})
    await jisoo.click(await seeing.message(releases, titled="⏪ ticket-service → prod · waiting"), label="Approve")
    await rows.ended()
    for command, options in (("lock", {"reason": "Enough"}), ("unlock", {}), ("windows", {}), ("validate", {})):
        await ask(scene, "jisoo", command, environment="prod", **options)
    for command in ("audit", "help", "status"):
        await ask(scene, "jisoo", command)
    for command in ("tags", "compare"):
        options = {"from": "staging", "to": "prod"} if command == "compare" else {}
        await ask(scene, "jisoo", command, service="ticket-service", **options)


async def trouble(scene: Scene) -> None:
    """Everybody says no, in the ways in which they do."""
    for status, commands in ((401, ("windows", "diff", "history", "validate")), (403, ("diff",)), (500, ("windows",))):
        scene.argocd.faults.status, scene.github.faults.status = status, status
        for command in commands:
            await ask(scene, "jisoo", command, environment="prod")
        await ask(scene, "jisoo", "tags", service="backend")
    scene.argocd.faults.status = scene.github.faults.status = None
    scene.argocd.accounts.revoke(scene.argocd.token)
    await ask(scene, "jisoo", "windows", environment="prod")
    assert await scene.senders.github("ping", {"zen": "."}, secret="planted-hook-0003") == 202
    assert await scene.senders.github("ping", {"zen": "."}, secret="another") == 401
    assert await scene.senders.argocd({"nothing": 1}, token="another") == 401
    assert await scene.senders.ci({"nothing": 1}, token="another") == 401


async def told(scene: Scene) -> str:
    """What the process tells over HTTP, and of itself."""
    parts = [repr(scene.settings), str(scene.settings), repr(scene.app), repr(vars(scene.app))]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{scene.settings.http_port}") as session:
        for path in ("/metrics", "/healthz", "/readyz"):
            async with session.get(path) as answer:
                parts.append(await answer.text())
    return "\n".join(parts)


async def test_no_secret_comes_out_anywhere(
    planted: Scene, rows: Rows, log: io.StringIO, database_url: str, tmp_path: Path
) -> None:
    async with planted.senders:
        await journey(planted, rows)
        variables = program.everything(planted, tmp_path) | {
            f"{PREFIX}CI_TOKEN": "planted-ci-0005",
            f"{PREFIX}REGISTRY_USERNAME": "chatops",
            f"{PREFIX}REGISTRY_PASSWORD": "planted-registry-0006",
        }
        commands = ("check", "audit export")
        said = [await program.run(command, variables, directory=tmp_path) for command in commands]
        broken = await program.run("check", variables | {f"{PREFIX}HTTP_PORT": "no"}, directory=tmp_path)
        assert [one.code for one in said] == [1, 0]  # nobody listens where Discord is
        assert broken.code == 2
        await trouble(planted)
        http = await told(planted)
    stored = b"".join(path.read_bytes() for path in files(database_url))
    seen = {
        "cards and answers": repr([(one.method, one.path, one.json) for one in planted.env.http_requests]),
        "log": log.getvalue(),
        "rows": repr([await rows.all(table) for table in rows.tables()]),
        "database": stored.decode("latin-1"),
        "HTTP, numbers, repr": http,
        "command line": repr([*said, broken]),
    }

    looked_for = secrets(planted.settings)
    assert len({text for text in looked_for if "planted" in text}) == 7
    assert [(where, text) for where, found in seen.items() for text in looked_for if text in found] == []
    assert re.findall("planted-[a-z]+", "".join(seen.values())) == []
    # What is looked through is not empty: each has what it is known for.
    assert ["ticket-service" in seen["cards and answers"], "interaction.refused" in seen["log"]] == [True, True]
    assert ["gate:approve" in seen["rows"], "chatops_operations_total" in http] == [True, True]
    assert "argocd_unreachable" in seen["log"]


def files(database_url: str) -> list[Path]:
    """The files of SQLite; PostgreSQL's are not the bot's to read."""
    _scheme, _, path = database_url.partition("sqlite+aiosqlite:///")
    return sorted(Path(path).parent.glob(f"{Path(path).name}*")) if path else []
