"""A migrated database, and open doors before it."""

from collections.abc import AsyncIterator

import pytest

import bot.topology
from bot.domain.catalog import Catalog
from bot.settings import PACKAGED_TOPOLOGY
from bot.storage.engine import Database
from bot.topology import Topology
from sandbox.world import with_clusters
from tests.webhooks.doors import Doors, opened


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database with its schema."""
    made = Database(database_url)
    yield made
    await made.close()


@pytest.fixture
async def doors(database: Database) -> AsyncIterator[Doors]:
    """Every door open to those who have its secret."""
    async with opened(database) as running:
        yield running


@pytest.fixture(scope="session")
def topology() -> Topology:
    """The packaged topology, with a cluster for each environment."""
    return with_clusters(bot.topology.load(PACKAGED_TOPOLOGY))


@pytest.fixture(scope="session")
def catalog(topology: Topology) -> Catalog:
    """What exists at tiketi."""
    return topology.catalog()
