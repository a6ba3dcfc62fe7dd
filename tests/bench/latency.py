"""How long people wait: from a webhook to the message that shows it, and for the acknowledgement of a command.

The whole bot runs in a scene in this process, with a simulated Discord that answers at once; so the figures are the
bot's own part. The load comes from a second process, as it would.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import discord

from bot.app import Timing
from sandbox.scene import SECRET, Scene, open_scene

RELEASES = 120
COMMANDS = 100
RATE = 200
SETTLE_SECONDS = 1.0
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Median and 99th percentile, in milliseconds."""

    p50: float
    p99: float


async def measure() -> tuple[Spread, Spread, int]:
    """Webhook to Discord, acknowledgement under load, and how many deliveries of the load were accepted."""
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite+aiosqlite:///{Path(directory) / 'bench.db'}"
        async with open_scene(database_url=url, pace=0.2, timing=Timing()) as scene:
            await asyncio.sleep(SETTLE_SECONDS)
            to_discord = await _to_discord(scene)
            acknowledged, accepted = await _under_load(scene)
    return _spread(to_discord), _spread(acknowledged), accepted


async def _to_discord(scene: Scene) -> list[float]:
    """One new release after the other: seconds from sending its first webhook to the request that posts its card."""
    world, bodies = scene.world, scene.pipeline.bodies
    waits = []
    for number in range(RELEASES):
        commit = world.commit_source("ticket-service", branch="develop", login="hyunwoo", subject=f"feat: {number}")
        at = world.timeline.after()
        run = world.actions.request("ticket-service", branch="develop", commit=commit, event="push", at=at)
        before = _posts(scene)
        began = time.perf_counter()
        await scene.senders.github("workflow_run", bodies.workflow_run("requested", run))
        while _posts(scene) == before:  # noqa: ASYNC110 - the simulated Discord has no event to wait for
            await asyncio.sleep(0.0005)
        waits.append(time.perf_counter() - began)
        run.status, run.conclusion = "completed", "cancelled"  # or a hundred releases would be on their way at once
        await scene.senders.github("workflow_run", bodies.workflow_run("completed", run))
        await asyncio.sleep(PAUSE_SECONDS)
    return waits


async def _under_load(scene: Scene) -> tuple[list[float], int]:
    """Seconds from a member's command to its acknowledgement, while deliveries keep coming."""
    waits: list[float] = []
    began = 0.0
    defer: Callable[..., Any] = discord.InteractionResponse.defer

    async def timed(response: discord.InteractionResponse[Any], **options: Any) -> Any:
        answer = await defer(response, **options)
        waits.append(time.perf_counter() - began)
        return answer

    discord.InteractionResponse.defer = timed  # type: ignore[method-assign, assignment]
    try:
        seconds = COMMANDS * 0.15
        load = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.load", scene.senders.url, SECRET, str(RATE), str(seconds),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await asyncio.sleep(SETTLE_SECONDS)
        while load.returncode is None and len(waits) < COMMANDS:
            began = time.perf_counter()
            await scene.town.people["minji"].slash(scene.town.releases, "status")
            await asyncio.sleep(0.05)
        printed, _ = await load.communicate()
    finally:
        discord.InteractionResponse.defer = defer  # type: ignore[method-assign]
    return waits, int(printed)


def _posts(scene: Scene) -> int:
    return sum(entry.method == "POST" and entry.path.endswith("/messages") for entry in scene.env.http_requests)


def _spread(seconds: list[float]) -> Spread:
    cuts = quantiles(seconds, n=100)
    return Spread(p50=cuts[49] * 1000, p99=cuts[98] * 1000)


if __name__ == "__main__":
    print(asyncio.run(measure()))
