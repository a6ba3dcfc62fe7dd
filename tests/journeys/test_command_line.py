"""The command line as whoever runs the bot meets it: `check`, `migrate`, and a `run` that starts, stops, or cannot."""

import json
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
from aiohttp import web

from bot.settings import PREFIX
from bot.storage import migrations
from sandbox import serving
from sandbox.scene import ARGOCD_TOKEN, SECRET, Scene
from sandbox.senders import Senders
from tests.journeys import program
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

OPEN = {
    "Argo CD": ("ok", "v3.5.1+109ca7c, as proj:tiketi:chatops"),
    "Application tiketi-dev": ("ok", "readable; Argo CD syncs it by itself"),
    "Application tiketi-staging": ("ok", "readable; Argo CD syncs it by itself"),
    "Application tiketi-prod": ("ok", "readable, and may be synced"),
    "Rights in Argo CD": ("ok", "no more than the bot needs"),
    "GitHub": ("ok", "reads ORGANIZATION/project-ticketing as a token"),
    "GitHub Contents": ("ok", "files are readable; writing one needs Contents: Read and write"),
    "GitHub Actions": ("ok", "runs are readable; running one again needs Actions: Read and write"),
    "Cluster of dev": ("ok", "namespace tiketi has all 5 Deployments"),
    "Cluster of staging": ("ok", "namespace tiketi-staging has all 5 Deployments"),
    "Cluster of prod": ("ok", "namespace tiketi has all 5 Deployments"),
    **{f"Cluster rights of {name}": ("ok", "what the bot needs and no more") for name in ("dev", "staging", "prod")},
    "Registry": ("ok", "all 5 repositories can be read"),
    "kubectl": ("ok", "v1.37.1, with kustomize v5.8.1"),
    "Identities": ("ok", "people known on both sides: 4"),
    "Database": ("ok", f"at schema {migrations.head()}"),
    "Door /webhooks/argocd": ("ok", "open"),
    "Door /webhooks/ci": ("ok", "open"),
}
SILENT = ("wrong", "does not answer (ClientConnectorError)")
FORBIDDEN = (
    '403: {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", '
    '"message": "Forbidden: as the sandbox was told", "reason": "Forbidden", "code": 403}'
)


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """A database without a schema: the bot makes it when it starts."""
    return empty_database_url


class Refusing(serving.Server):
    """A Discord that knows no such token."""

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Every request is answered alike."""
        return [web.route("*", "/{path:.*}", self._refuse)]

    async def _refuse(self, request: web.Request) -> web.Response:
        return web.json_response({"message": "401: Unauthorized", "code": 0}, status=401)


@pytest.fixture
async def refusing() -> AsyncIterator[str]:
    """The address of such a Discord."""
    async with Refusing() as server:
        yield server.url


def secrets(scene: Scene) -> list[str]:
    """What must not be read anywhere."""
    return [text for text in scene.settings.secret_values() if len(text) > 1]


async def test_check_reaches_every_system(scene: Scene, tmp_path: Path) -> None:
    said = await program.run("check", program.everything(scene, tmp_path), directory=tmp_path)

    assert said.found == {"Discord": SILENT, **OPEN}
    assert (said.code, said.problems) == (1, "")
    assert [secret for secret in secrets(scene) if secret in said.out] == []


async def test_check_says_what_is_wrong_with_each(scene: Scene, tmp_path: Path, refusing: str) -> None:
    variables = program.everything(scene, tmp_path)
    variables[f"{PREFIX}DATABASE_URL"] = "postgresql://chatops:hunter2@127.0.0.1:9/chatops"
    del variables[f"{PREFIX}ARGOCD_WEBHOOK_TOKEN"], variables[f"{PREFIX}CI_OIDC_AUDIENCE"]
    scene.argocd.accounts.revoke(scene.argocd.token)
    scene.github.faults.status = 401
    scene.cluster.faults.status = 403
    scene.registry.faults.status = 503

    said = await program.run("check", variables, directory=tmp_path, discord=refusing)

    assert said.found == {
        "Discord": ("wrong", "does not accept the token in CHATOPS_DISCORD_TOKEN"),
        "Argo CD": ("wrong", "v3.5.1+109ca7c, as nobody: the token in CHATOPS_ARGOCD_TOKEN is not accepted"),
        "GitHub": (
            "wrong",
            'does not answer as a token (401 {"message": "Bad credentials", '
            '"documentation_url": "https://docs.github.com/rest", "status": "401"})',
        ),
        "Cluster of dev": ("wrong", FORBIDDEN),
        "Cluster of staging": ("wrong", FORBIDDEN),
        "Cluster of prod": ("wrong", FORBIDDEN),
        "Registry": ("wrong", "tiketi-backend: registry unreachable (503: as the sandbox was told)"),
        "kubectl": OPEN["kubectl"],
        "Identities": ("ok", f"{OPEN['Identities'][1]}; GitHub does not tell who else writes"),
        "Database": ("wrong", "does not answer (ConnectionRefusedError): see CHATOPS_DATABASE_URL"),
        "Door /webhooks/argocd": ("wrong", "shut: set CHATOPS_ARGOCD_WEBHOOK_TOKEN to open it"),
        "Door /webhooks/ci": ("wrong", "shut: set CHATOPS_CI_OIDC_AUDIENCE or CHATOPS_CI_TOKEN to open it"),
    }
    assert said.code == 1
    assert [secret for secret in [*secrets(scene), "hunter2"] if secret in said.out + said.problems] == []


async def test_check_says_which_right_and_which_object_are_missing(scene: Scene, tmp_path: Path) -> None:
    variables = program.everything(scene, tmp_path)
    variables[f"{PREFIX}ARGOCD_TOKEN"] = scene.argocd.accounts.issue("reader", actions=("get",))
    del scene.world.applications["tiketi-dev"]
    del scene.world.namespaces["prod"].deployments["backend"]

    said = await program.run("check", variables, directory=tmp_path)

    different = {name: found for name, found in said.found.items() if OPEN.get(name) != found}
    assert different == {
        "Discord": SILENT,
        "Argo CD": ("ok", "v3.5.1+109ca7c, as proj:tiketi:reader"),
        "Application tiketi-dev": (
            "wrong",
            'does not exist in this project (404: {"error": "applications.argoproj.io \\"tiketi-dev\\" not found", '
            '"code": 5, "message": "applications.argoproj.io \\"tiketi-dev\\" not found"})',
        ),
        "Application tiketi-prod": (
            "wrong",
            "readable, but the role lacks: applications, sync, tiketi/tiketi-prod, allow",
        ),
        "Cluster of prod": ("wrong", "namespace tiketi has no Deployment named backend"),
    }


async def test_migrate_may_be_run_twice(empty_database_url: str, tmp_path: Path) -> None:
    variables = {**BARE, f"{PREFIX}DATABASE_URL": empty_database_url}
    for _ in range(2):
        said = await program.run("migrate", variables, directory=tmp_path)
        assert (said.code, said.out) == (0, f"The database is at schema {migrations.head()}.\n")


BARE = {
    f"{PREFIX}{name}": value
    for name, value in {
        "DISCORD_TOKEN": "discord-secret",
        "DISCORD_GUILD_ID": "1",
        "ARGOCD_URL": program.NOBODY,
        "ARGOCD_TOKEN": "argocd-secret",
        "GITHUB_API_URL": program.NOBODY,
        "GITHUB_TOKEN": "github-secret",
        "GITHUB_WEBHOOK_SECRET": "webhook-secret",
        "HTTP_PORT": "0",
    }.items()
}
"""No more than the program asks for, and none of it answers."""


@pytest.mark.parametrize("command", ["run", "check", "migrate"])
async def test_missing_settings_are_named_and_end_it(command: str, tmp_path: Path) -> None:
    said = await program.run(command, {}, directory=tmp_path)

    assert (said.code, said.out) == (2, "")
    assert said.problems.splitlines() == [
        "CHATOPS_DISCORD_TOKEN: is required",
        "CHATOPS_DISCORD_GUILD_ID: is required",
        "CHATOPS_ARGOCD_URL: is required",
        "CHATOPS_ARGOCD_TOKEN: is required",
        "CHATOPS_GITHUB_WEBHOOK_SECRET: is required",
        "CHATOPS_GITHUB_TOKEN: set either this or all of CHATOPS_GITHUB_APP_ID, CHATOPS_GITHUB_APP_PRIVATE_KEY, "
        "CHATOPS_GITHUB_INSTALLATION_ID; set now: none",
    ]


def test_a_command_waits_for_no_client_that_it_may_not_use() -> None:
    clients = "aiohttp", "alembic", "boto3", "discord", "github", "httpx", "kubernetes", "sqlalchemy"
    found = f"import bot.__main__, sys; print([name for name in {clients} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", found], cwd=program.ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == "[]\n"


async def test_a_wrong_topology_is_told_by_its_line_and_ends_it(tmp_path: Path) -> None:
    text = (program.ROOT / "bot" / "topology.default.yaml").read_text()
    wrong = text.replace("automated: false", "automated: perhaps")
    line = wrong[: wrong.index("perhaps")].count("\n") + 1
    (tmp_path / "mine.yaml").write_text(wrong)

    said = await program.run("run", {**BARE, f"{PREFIX}TOPOLOGY": "mine.yaml"}, directory=tmp_path)

    assert (said.code, said.out) == (2, "")
    assert said.problems == f"mine.yaml:{line}: environments.prod.automated: should be a valid boolean\n"


async def test_an_argocd_without_a_token_and_a_token_without_an_argocd_end_it(tmp_path: Path) -> None:
    text = (program.ROOT / "bot" / "topology.default.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(f"{text}\nargocd: {{laptop: {{url: 'http://127.0.0.1:9'}}}}\n")
    variables = {**BARE, f"{PREFIX}TOPOLOGY": "mine.yaml", f"{PREFIX}ARGOCD_TOKENS": "edge=hunter2"}

    said = await program.run("run", variables, directory=tmp_path)

    assert (said.code, said.out) == (2, "")
    assert said.problems.splitlines() == [
        "CHATOPS_ARGOCD_TOKENS: has no token for laptop",
        "CHATOPS_ARGOCD_TOKENS: the topology file has no Argo CD named edge",
    ]


async def test_a_run_that_discord_refuses_says_what_to_do(scene: Scene, tmp_path: Path, refusing: str) -> None:
    said = await program.run("run", program.everything(scene, tmp_path), directory=tmp_path, discord=refusing)

    assert said.code == 2
    assert said.problems.splitlines()[-1] == "Discord does not accept the bot's token. Set CHATOPS_DISCORD_TOKEN anew."
    assert "Traceback" not in said.problems
    assert [secret for secret in secrets(scene) if secret in said.out + said.problems] == []


async def test_a_run_takes_webhooks_while_discord_is_away_and_ends_when_told(
    scene: Scene, rows: Rows, tmp_path: Path
) -> None:
    await scene.stop()
    async with program.started("run", program.everything(scene, tmp_path), directory=tmp_path) as child:
        url = f"http://127.0.0.1:{await listening(child)}"
        async with Senders(url, github_secret=SECRET, argocd_token=ARGOCD_TOKEN, ci_token=scene.oidc.token) as senders:
            scene.pipeline.senders = senders
            await scene.pipeline.run("ticket-service", "staging", author="hyunwoo", subject="feat: hold a seat")
        child.send_signal(signal.SIGTERM)
        await child.communicate()

    assert {sent.status for sent in senders.sent} == {202}
    assert child.returncode == 0
    # The cards wait for Discord in the rows; the next bot, which it lets in, shows them.
    await scene.start()
    await rows.quiet()
    [message] = scene.town.releases.history()
    assert message.embeds[0].title is not None
    assert message.embeds[0].title.startswith("ticket-service → staging · ")


async def listening(child: Process) -> int:
    """The port on which the program says that it listens."""
    assert child.stderr is not None
    async for line in child.stderr:
        entry = json.loads(line)
        if entry["event"] == "app.listening":
            return int(entry["port"])
    raise AssertionError("it ended without listening")
