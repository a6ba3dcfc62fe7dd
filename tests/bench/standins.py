"""What the bot needs around it: Argo CD, GitHub and a cluster, in this process, and the bot in one of its own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from bot import topology
from bot.settings import PACKAGED_TOPOLOGY
from bot.storage import migrations
from bot.storage.engine import Database
from bot.topology import Topology
from sandbox.argocd import Argocd
from sandbox.cluster import Cluster
from sandbox.github import Github
from sandbox.world import World, with_clusters
from tests.bench.processes import Running, started


@asynccontextmanager
async def bot(
    directory: Path, *, extend: Callable[[Topology], Topology] = lambda place: place
) -> AsyncIterator[tuple[Running, Argocd]]:
    """The whole bot but for its connection to Discord, with a database in this directory, and its Argo CD.

    The database has the newest schema, as at every start but the first one of a version.
    `extend` changes the topology that the bot is given; the world around it keeps its own.
    """
    place = with_clusters(topology.load(PACKAGED_TOPOLOGY))
    topology_file = directory / "topology.yaml"
    topology_file.write_text(extend(place).model_dump_json())  # JSON is YAML
    async with AsyncExitStack() as stack:
        world = World(place)
        argocd = await stack.enter_async_context(Argocd(world))
        github = await stack.enter_async_context(Github(world))
        cluster = await stack.enter_async_context(Cluster(world))
        kubeconfig = cluster.write_kubeconfig(directory / "kubeconfig")
        url = await migrated(directory / "bot.db")
        addresses = (argocd.url, argocd.token, github.url, str(kubeconfig), str(topology_file))
        yield await stack.enter_async_context(started("tests.bench.bot_process", url, *addresses)), argocd


async def migrated(file: Path) -> str:
    """The address of a new database with the newest schema."""
    url = f"sqlite+aiosqlite:///{file}"
    database = Database(url)
    await migrations.upgrade(database)
    await database.close()
    return url
