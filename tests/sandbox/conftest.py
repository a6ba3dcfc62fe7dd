"""A world of the packaged topology that nobody ticks but the test, and the servers that show it."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import bot
from bot import topology as topologies
from bot.topology import Topology
from sandbox.argocd import Argocd
from sandbox.github import Github
from sandbox.notifications import Notifications
from sandbox.pipeline import Pipeline
from sandbox.senders import Senders
from sandbox.world import World, with_clusters
from tests.docs.scripts import git
from tests.sandbox.receiver import SECRET, Receiver

NOON = datetime(2026, 8, 22, 12, 0, 0, tzinfo=UTC)
PROD = "/api/v1/applications/tiketi-prod"
needs_git = pytest.mark.skipif(not shutil.which("git"), reason="NOT TESTED: the repository with the real git")


async def get(api: httpx.AsyncClient, path: str = f"{PROD}?project=tiketi") -> dict[str, Any]:
    """What Argo CD answers to a reader, the Application of production by default."""
    answer = await api.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert isinstance(body, dict)
    return body


@pytest.fixture(scope="session")
def topology() -> Topology:
    """The packaged topology, with a cluster for each environment."""
    return with_clusters(topologies.load(Path(bot.__file__).parent / "topology.default.yaml"))


@pytest.fixture
def world(topology: Topology) -> World:
    """A world at noon whose steps the test takes."""
    return World(topology, clock=lambda: NOON)


@pytest.fixture
async def argocd(world: World) -> AsyncIterator[Argocd]:
    """Argo CD over that world."""
    async with Argocd(world) as server:
        yield server


@pytest.fixture
async def api(argocd: Argocd) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that Argo CD, with the bot's token and the right content type."""
    headers = {"Authorization": f"Bearer {argocd.token}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=argocd.url, headers=headers) as client:
        yield client


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
async def running(topology: Topology) -> AsyncIterator[World]:
    """A world that ticks by itself."""
    async with World(topology, pace=0.001) as world:
        yield world


@pytest.fixture
async def senders(receiver: Receiver) -> AsyncIterator[Senders]:
    async with Senders(
        receiver.url, github_secret=SECRET, argocd_token="argocd-token", ci_token="ci-token", seed="a", retry_wait=0
    ) as ready:
        yield ready


@pytest.fixture
async def notifications(running: World, senders: Senders) -> AsyncIterator[Notifications]:
    async with Notifications(running, senders) as sending:
        yield sending


@pytest.fixture
def pipeline(running: World, senders: Senders, notifications: Notifications) -> Pipeline:
    return Pipeline(running, senders, pace=0.001)


@pytest.fixture
async def server(world: World) -> AsyncIterator[Github]:
    async with Github(world) as running:
        yield running


@pytest.fixture
async def hub(server: Github) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the token, below the repository."""
    headers = {"Authorization": f"Bearer {server.token}"}
    async with httpx.AsyncClient(base_url=f"{server.url}/repos/{server.shapes.full_name}/", headers=headers) as client:
        yield client


@pytest.fixture
def clone(world: World, tmp_path: Path) -> Path:
    """Somebody's clone of the repository."""
    git("clone", "--quiet", f"file://{world.git.directory}", "clone", directory=tmp_path)
    return tmp_path / "clone"
