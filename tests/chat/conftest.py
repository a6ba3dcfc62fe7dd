"""A town for each test, and the bot in it for those that need it."""

from collections.abc import AsyncIterator

import pytest

from tests.chat.office import Office
from tests.chat.office import office as move_in
from tests.chat.shelf import Shelf
from tests.chat.town import Town
from tests.chat.town import town as build
from tests.leaks import nothing_leaks

__all__ = ["nothing_leaks"]


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    """A simulated guild and an empty database."""
    async with build(database_url) as place:
        yield place


@pytest.fixture
async def office(town: Town) -> AsyncIterator[Office]:
    """The bot at work in the town."""
    async with move_in(town) as place:
        yield place


@pytest.fixture
def shelf(town: Town) -> Shelf:
    """An empty shelf in the town."""
    return Shelf(town)
