"""A world of the packaged topology that nobody ticks but the test, and the servers that show it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

import bot
from bot import topology as topologies
from bot.topology import Topology
from sandbox.argocd import Argocd
from sandbox.world import World, with_clusters

NOON = datetime(2026, 8, 22, 12, 0, 0, tzinfo=UTC)


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
