"""A migrated database for every test of storage, on the kind that `--database` names."""

from collections.abc import AsyncIterator

import pytest

from bot.storage.engine import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the newest schema and nothing in it."""
    handle = Database(database_url)
    yield handle
    await handle.close()
