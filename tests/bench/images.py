"""Two thousand images in one repository: how long /tags takes when nothing is remembered, and when it is.

Everything is on the way: Discord's command, the rows, the registry and GitHub over sockets, the finished card. Each
cold try is the first question of a bot that was just started.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from statistics import quantiles

from bot.app import Timing
from sandbox.scene import Scene, open_scene
from tests.bench.lines import Line

NUMBER = 2000
KNOWN = 20
"""So many of the newest were built from commits that GitHub knows."""
COLD_TRIES = 5
WARM_TRIES = 100
SERVICE = "backend"


async def measure() -> Sequence[Line]:
    """The slowest cold try, and the 99th percentile of the warm ones."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite+aiosqlite:///{Path(name) / 'bench.db'}"
        async with open_scene(database_url=url, pace=1.0, timing=Timing()) as scene:
            fill(scene)
            cold = []
            for _ in range(COLD_TRIES):
                await scene.stop()
                await scene.start()
                cold.append(await _ask(scene))
            warm = [await _ask(scene) for _ in range(WARM_TRIES)]
    p99 = quantiles(warm, n=100)[98]
    return [
        _line(f"/tags with {NUMBER:,} images, cold, the slowest of {COLD_TRIES}", max(cold), aim=2000),
        _line(f"/tags with {NUMBER:,} images, warm, p99", p99, aim=200),
    ]


def fill(scene: Scene) -> None:
    """Push images to the repository until it has `NUMBER`."""
    world = scene.world
    repository = world.topology.services[SERVICE].image
    now = world.timeline.now()
    there = len(world.images.repositories[repository].images)
    for number in range(NUMBER - there):
        at = now - timedelta(minutes=NUMBER - there - number)
        revision = f"{number:040x}"
        if number >= NUMBER - there - KNOWN:
            subject = f"fix: seat {number}"
            revision = world.commit_source(SERVICE, branch="main", login="hyunwoo", subject=subject).sha
        tag = f"{revision[:7] if number >= NUMBER - there - KNOWN else f'{number:07x}'}-{at:%Y%m%d-%H%M%S}"
        world.images.push(repository, tags=[tag], revision=revision, at=at)


async def _ask(scene: Scene) -> float:
    """Seconds from the command to the finished answer."""
    began = time.perf_counter()
    result = await scene.town.people["minji"].slash(scene.town.releases, "tags", service=SERVICE)
    seconds = time.perf_counter() - began
    assert result.response is not None
    [embed] = result.response.message.embeds
    assert "by hyunwoo" in (embed.description or "")
    return seconds


def _line(name: str, seconds: float, *, aim: int) -> Line:
    return Line(name=name, value=f"{seconds * 1000:.0f} ms", aim=f"<= {aim} ms", met=seconds * 1000 <= aim)


if __name__ == "__main__":
    for line in asyncio.run(measure()):
        print(line)
