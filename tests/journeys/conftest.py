"""A running scene for every journey, on the database that the run asks for, and the rows beside it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.app import Timing
from bot.services import observations
from sandbox.scene import Scene, open_scene
from tests.journeys.clock import Clock
from tests.journeys.rows import NEVER, Rows
from tests.leaks import nothing_leaks

__all__ = ["nothing_leaks"]

QUICK = Timing(
    look=timedelta(seconds=0.02),
    pause=timedelta(seconds=0.02),
    claim=timedelta(seconds=1),
    grace=timedelta(seconds=0.2),
    spacing=timedelta(seconds=0.02),
)
PACE = 0.02


@pytest.fixture
def clock() -> Clock:
    """The time of the scene, which can be made to pass."""
    return Clock()


@pytest.fixture
async def scene(database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """The town, its world and the bot, started."""
    # How often an environment is looked at while something is on its way there: the world is faster than five seconds.
    monkeypatch.setattr(observations, "BUSY", timedelta(seconds=0.1))
    async with open_scene(database_url=database_url, pace=PACE, timing=QUICK, clock=clock) as opened:
        yield opened
        opened.env.raise_errors()


@pytest.fixture
async def rows(database_url: str, scene: Scene) -> AsyncIterator[Rows]:
    """The bot's rows."""
    beside = Rows(database_url)
    yield beside
    await beside.close()


@pytest.fixture
async def looked(scene: Scene, rows: Rows) -> None:
    """Every environment has been read."""
    for environment in scene.topology.environments:
        await rows.observed(environment, after=NEVER)
