"""A thousand Applications in one Argo CD, all of them in the topology: how fast, and how much memory.

The peer is the plain poll: asking for every Application to notice that one has changed.
"""

import asyncio
import copy
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import quantiles

from bot.app import Timing
from bot.storage import applications
from bot.storage.engine import Database
from bot.topology import Topology
from sandbox.applications import Application
from sandbox.scene import Scene, open_scene
from tests.bench import standins
from tests.bench.lines import Line

NUMBER = 1000
TRIES = 100
CHANGES = 60
GROWTH_MIB = 10
START_SECONDS = 180
MEMORY_CHANGES = 3000


async def measure() -> Sequence[Line]:
    """Completion, /status, how soon a change is known and what it costs, and memory."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite+aiosqlite:///{Path(name) / 'bench.db'}"
        async with open_scene(database_url=url, pace=1.0, timing=Timing()) as scene:
            await scene.stop()
            scene.topology = crowded(scene.topology, context="cluster-prod")
            scene.argocd.crowd = crowd(scene.world.application("prod"))
            await scene.start()
            lines = await _quick(scene, Database(url))
    with tempfile.TemporaryDirectory() as name:
        return [*lines, *await _memory(Path(name))]


def crowded(topology: Topology, *, context: str) -> Topology:
    """The topology with an environment for every Application of the crowd, all on the same cluster."""
    document = topology.model_dump(mode="json")
    for number in range(NUMBER - len(document["environments"])):
        document["environments"][f"app-{number:04}"] = {
            "branch": "main",
            "application": f"crowd-{number:04}",
            "overlay": "k8s/overlays/prod",
            "namespace": topology.environments["prod"].namespace,
            "automated": True,
            "pipeline": False,
            "context": context,
        }
    return Topology.model_validate(document)


def crowd(like: Application) -> dict[str, Application]:
    """Applications that look like that one."""
    made = {}
    for number in range(NUMBER):
        name = f"crowd-{number:04}"
        made[name] = Application(
            name=name,
            environment=like.environment,
            uid=f"crowd-{number}",
            created=like.created,
            spec=copy.deepcopy(like.spec),
            health=dict(like.health),
            sync_status="Synced",
            revision=like.revision,
            resources=copy.deepcopy(like.resources),
            reconciled_at=like.reconciled_at,
        )
    return made


def change(app: Application) -> None:
    """Something that a person would see: its health."""
    well = app.health["status"] == "Healthy"
    app.health = {**app.health, "status": "Progressing" if well else "Healthy"}
    app.version += 1


async def _quick(scene: Scene, database: Database) -> list[Line]:
    minji, channel = scene.town.people["minji"], scene.town.releases
    await _all_read(database)
    completed = await _times(lambda: minji.autocomplete(channel, "status", "environment", "app-05"))
    shown = await _times(lambda: minji.slash(channel, "status", environment="app-0500"))
    asked = len(scene.argocd.requests)
    noticed = [await _noticed(scene, database, number) for number in range(CHANGES)]
    cost = (len(scene.argocd.requests) - asked) / CHANGES
    await database.close()
    return [
        _milliseconds(f"completing an option, {NUMBER:,} Applications, p99", completed, aim=100),
        _milliseconds(f"/status of one of {NUMBER:,} environments, p99", shown, aim=500),
        _milliseconds("a change in Argo CD until it was read, p99", noticed, aim=2000),
        Line(name="requests to Argo CD for each change", value=f"{cost:.1f}", note=f"a plain poll asks {NUMBER:,}"),
    ]


async def _all_read(database: Database) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            async with database.reading() as connection:
                looks = await applications.looks(connection)
            if sum(look.observed_at is not None for look in looks.values()) >= NUMBER:
                return
            await asyncio.sleep(0.2)


async def _times(act: Callable[[], Awaitable[object]]) -> list[float]:
    seconds = []
    for _ in range(TRIES):
        began = time.perf_counter()
        await act()
        seconds.append(time.perf_counter() - began)
    return seconds


async def _noticed(scene: Scene, database: Database, number: int) -> float:
    """Seconds from a change of one Application until the read that shows it is in the database."""
    name = f"app-{number * 13 % 900:04}"
    since, began = scene.clock(), time.perf_counter()
    change(scene.argocd.crowd[name.replace("app", "crowd")])
    while True:
        async with database.reading() as connection:
            look = (await applications.looks(connection))[name]
        if look.observed_at is not None and look.observed_at > since:
            return time.perf_counter() - began
        await asyncio.sleep(0.005)


async def _memory(directory: Path) -> list[Line]:
    """Resident memory of the bot in its own process, once all were read and after many changes."""
    async with standins.bot(directory, extend=lambda place: crowded(place, context="cluster-prod")) as (bot, argocd):
        argocd.crowd = crowd(argocd.world.application("prod"))
        database = Database(f"sqlite+aiosqlite:///{directory / 'bot.db'}")
        await _all_read(database)
        await database.close()
        before = bot.resident_mib()
        apps = list(argocd.crowd.values())
        for number in range(MEMORY_CHANGES):
            change(apps[number * 7 % len(apps)])
            await asyncio.sleep(0.005)
        growth = bot.resident_mib() - before
    name = f"resident memory with {NUMBER:,} Applications"
    return [
        Line(name=f"{name} once read", value=f"{before:.0f} MiB"),
        Line(
            name=f"its growth in {MEMORY_CHANGES:,} changes",
            value=f"{growth:.1f} MiB",
            aim=f"<= {GROWTH_MIB} MiB",
            met=growth <= GROWTH_MIB,
        ),
    ]


def _milliseconds(name: str, seconds: list[float], *, aim: int) -> Line:
    p99 = quantiles(seconds, n=100)[98] * 1000
    return Line(name=name, value=f"{p99:.0f} ms", aim=f"<= {aim} ms", met=p99 <= aim)


if __name__ == "__main__":
    for line in asyncio.run(measure()):
        print(line)
