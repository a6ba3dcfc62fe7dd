"""A world that moves only when a test says so, and what stands in front of it and can be told what to answer."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import stamina
from aiohttp import web

from bot import topology
from bot.adapters.argocd import ArgoCD
from bot.adapters.cluster import Clusters
from bot.adapters.github import GitHub
from bot.domain.catalog import Catalog, Environment
from bot.settings import PACKAGED_TOPOLOGY
from bot.topology import Topology
from sandbox.argocd import Argocd
from sandbox.world import World, with_clusters
from tests import amazon
from tests.adapters import clustered
from tests.adapters import hub as hub_of

PROD = "tiketi-prod"


@dataclass(slots=True)
class Calls:
    """What an adapter reported: system, call and outcome, in order. The seconds are checked to be a duration."""

    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, system: str, call: str, outcome: str, seconds: float) -> None:
        assert 0 <= seconds < 60
        self.seen.append((system, call, outcome))


class Scripted(Argocd):
    """Argo CD's stand-in; while `answers` last, they are given in place of its own, to requests of `method`."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.answers: list[web.Response] = []
        self.method = "GET"

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        if self.answers and request.method == self.method:
            return self.answers.pop(0)
        return await super().intercept(request)


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    """Three tries as in production, without the pauses between them."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture(scope="session")
def tiketi() -> Topology:
    """The packaged topology, every environment on a cluster of its own."""
    return with_clusters(topology.load(PACKAGED_TOPOLOGY))


@pytest.fixture(scope="session")
def catalog(tiketi: Topology) -> Catalog:
    """The same, as the domain sees it."""
    return tiketi.catalog()


@pytest.fixture
def world(tiketi: Topology) -> World:
    """Everything deployed, synced and healthy; nobody ticks it but the test."""
    return World(tiketi)


@pytest.fixture
async def server(world: World) -> AsyncIterator[Scripted]:
    """Argo CD."""
    async with Scripted(world) as server:
        yield server


@pytest.fixture
async def hub(world: World) -> AsyncIterator[hub_of.Scripted]:
    """GitHub."""
    async with hub_of.Scripted(world) as server:
        yield server


@pytest.fixture
async def repository(hub: hub_of.Scripted, calls: Calls) -> AsyncIterator[GitHub]:
    """The adapter of its repository."""
    async with hub_of.connected(hub, observe=calls) as adapter:
        yield adapter


@pytest.fixture
async def api(world: World) -> AsyncIterator[clustered.Scripted]:
    """The API servers of all clusters."""
    async with clustered.Scripted(world) as server:
        yield server


@pytest.fixture
def kubeconfig(api: clustered.Scripted, tmp_path: Path) -> Path:
    """How to reach them."""
    return api.write_kubeconfig(tmp_path / "kubeconfig")


@pytest.fixture
async def clusters(kubeconfig: Path, catalog: Catalog, calls: Calls) -> AsyncIterator[Clusters]:
    """The adapter."""
    adapter = Clusters(kubeconfig=kubeconfig, services=catalog.services, observe=calls)
    yield adapter
    await adapter.aclose()


@pytest.fixture
def prod(catalog: Catalog) -> Environment:
    """Production."""
    return catalog.environments["prod"]


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made-up credentials of AWS, and nothing of the machine that runs the test."""
    for name, value in amazon.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def calls() -> Calls:
    """What the adapter reports of its calls."""
    return Calls()


@pytest.fixture
async def argocd(server: Scripted, catalog: Catalog, calls: Calls) -> AsyncIterator[ArgoCD]:
    """The adapter, with a token that may do all it needs."""
    async with connected(server, catalog, token=server.token, calls=calls) as adapter:
        yield adapter


@asynccontextmanager
async def connected(
    server: Scripted, catalog: Catalog, *, token: str, calls: Calls | None = None, timeout: float = 10, url: str = ""
) -> AsyncIterator[ArgoCD]:
    """An adapter with any token, time-out or address."""
    adapter = ArgoCD(
        url=url or server.url,
        token=lambda: token,
        project=catalog.project,
        services=catalog.services,
        timeout=timeout,
        observe=calls or Calls(),
    )
    try:
        yield adapter
    finally:
        await adapter.aclose()


def paths(server: Scripted) -> list[str]:
    """What was asked about the production Application: the parts of it, in order."""
    return [request.path.removeprefix(f"/api/v1/applications/{PROD}") for request in server.requests]
