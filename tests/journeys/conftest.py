"""A running scene for every journey, on the database that the run asks for."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.app import Timing
from sandbox.scene import Scene, open_scene

QUICK = Timing(
    look=timedelta(seconds=0.02),
    pause=timedelta(seconds=0.02),
    claim=timedelta(seconds=1),
    grace=timedelta(seconds=0.2),
    spacing=timedelta(seconds=0.02),
)
PACE = 0.02


@pytest.fixture
async def scene(database_url: str) -> AsyncIterator[Scene]:
    """The town, its world and the bot, started."""
    async with open_scene(database_url=database_url, pace=PACE, timing=QUICK) as opened:
        yield opened
