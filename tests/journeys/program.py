"""The program as a child process, told everything by its environment, as a container is.

simcord has no sockets, so Discord is an address where nobody listens, or a server of the test. It is the one thing that
no setting changes: the library's own address is set before the program starts.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from bot.settings import PREFIX
from bot.topology import Topology
from sandbox.scene import Scene

ROOT = Path(__file__).parents[2]
PATIENCE = 30
NOBODY = "http://127.0.0.1:9"
_START = """
import sys
address = sys.argv.pop(1)
if sys.argv[1] in ("run", "check"):  # the others do not import the library, and should not have to here
    from discord.http import Route
    Route.BASE = address + "/api/v10"
from bot.__main__ import cli
cli()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How the program ended, and what it wrote."""

    code: int
    out: str
    problems: str

    @property
    def found(self) -> dict[str, tuple[str, str]]:
        """The table of `check`: what was looked at, with `ok` or `wrong` and what was found."""
        rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in self.out.splitlines()[1:]]
        return {name: (mark, text) for mark, name, text in rows}


def everything(scene: Scene, directory: Path) -> dict[str, str]:
    """The variables that make the settings of the scene's bot, with its topology written to a file."""
    known = scene.settings
    topology = write(scene.topology, directory / "topology.yaml")
    assert known.github_token is not None
    values = {
        "DISCORD_TOKEN": known.discord_token.get_secret_value(),
        "DISCORD_GUILD_ID": str(known.discord_guild_id),
        "ARGOCD_URL": known.argocd_url,
        "ARGOCD_TOKEN": known.argocd_token.get_secret_value(),
        "ARGOCD_WEBHOOK_TOKEN": ",".join(secret.get_secret_value() for secret in known.argocd_webhook_token),
        "GITHUB_API_URL": known.github_api_url,
        "GITHUB_TOKEN": known.github_token.get_secret_value(),
        "GITHUB_WEBHOOK_SECRET": ",".join(secret.get_secret_value() for secret in known.github_webhook_secret),
        "CI_OIDC_ISSUER": known.ci_oidc_issuer,
        "CI_OIDC_AUDIENCE": str(known.ci_oidc_audience),
        "DATABASE_URL": known.database_url.get_secret_value(),
        "KUBECONFIG": str(known.kubeconfig),
        "REGISTRY_URL": str(known.registry_url),
        "TOPOLOGY": str(topology),
        "HTTP_PORT": "0",
    }
    return {f"{PREFIX}{name}": value for name, value in values.items()}


def write(topology: Topology, path: Path) -> Path:
    """The topology as the file that a person would have written."""
    path.write_text(yaml.safe_dump(topology.model_dump(mode="json"), sort_keys=False))
    return path


@asynccontextmanager
async def started(
    command: str, variables: Mapping[str, str], *, directory: Path, discord: str = NOBODY
) -> AsyncIterator[Process]:
    """The program in a directory of its own, with these variables and no others of ours. It does not outlive this."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _START, discord, *command.split()),
        cwd=directory,
        env={**inherited, "PYTHONPATH": str(ROOT), "COLUMNS": "500", **variables},
        stdin=None,
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield child
    finally:
        if child.returncode is None:
            child.kill()
            await child.communicate()


async def run(command: str, variables: Mapping[str, str], *, directory: Path, discord: str = NOBODY) -> Said:
    """What the program said until it ended."""
    async with started(command, variables, directory=directory, discord=discord) as child:
        out, problems = await child.communicate()
    assert child.returncode is not None
    return Said(code=child.returncode, out=out.decode(), problems=problems.decode())
