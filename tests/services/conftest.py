"""A world, a bot in it, and nobody who waits between two tries."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import stamina
import structlog
import structlog.testing

from bot import topology as topologies
from bot.domain.catalog import Catalog
from bot.services import observations
from bot.settings import PACKAGED_TOPOLOGY
from bot.topology import Topology
from sandbox.world import World, with_clusters
from tests.services.house import HYUNWOO, TICKETS, Bot, bot_in
from tests.services.outside import Interrupted, Outside, outside_of


@pytest.fixture(autouse=True)
def _no_waiting_between_tries() -> Iterator[None]:
    """Three tries as in production, without the pauses between them."""
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Nothing is printed: half of the tests make the bot complain."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """An observer that looks without a pause while something moves: here the clock stands still between two steps."""
    monkeypatch.setattr(observations, "BUSY", timedelta(0))


@pytest.fixture(scope="session")
def topology() -> Topology:
    """The packaged topology, every environment on a cluster of its own."""
    return with_clusters(topologies.load(PACKAGED_TOPOLOGY))


@pytest.fixture(scope="session")
def catalog(topology: Topology) -> Catalog:
    """The same, as the domain sees it, with hyunwoo known on both sides; of others in prod people are only told."""
    known = topology.catalog(argocd_url="https://argocd.test")
    prod = replace(known.environments["prod"], refuse_unknown=False)
    return replace(known, environments={**known.environments, "prod": prod}, logins={HYUNWOO.id: "hyunwoo"})


@pytest.fixture
async def outside(topology: Topology, tmp_path: Path) -> AsyncIterator[Outside]:
    """The world, moved by the test."""
    async with outside_of(topology, tmp_path) as outside:
        yield outside


@pytest.fixture
def world(outside: Outside) -> World:
    """What is true outside."""
    return outside.world


@pytest.fixture
def argocd(outside: Outside) -> Interrupted:
    """Argo CD's stand-in."""
    return outside.argocd


@pytest.fixture
async def bot(outside: Outside, database_url: str, catalog: Catalog) -> AsyncIterator[Bot]:
    """The bot's services on an empty database."""
    async with bot_in(outside, database_url, catalog=catalog) as bot:
        yield bot


@pytest.fixture
async def earlier(world: World) -> str:
    """The tag that ticket-service ran in production before the one that it runs now."""
    tag = world.overlay("prod").tags[TICKETS]
    world.release("prod", TICKETS, login="sora")
    world.tick()
    world.operate("prod")
    await world.settle()
    return tag
