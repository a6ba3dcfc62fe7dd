"""The world and the servers that show it, on a clock that the test sets. All this lives on when the bot dies."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from bot.topology import Topology
from sandbox.argocd import Argocd
from sandbox.cluster import Cluster
from sandbox.github import Github
from sandbox.registry import Registry
from sandbox.world import World


class Clock:
    """A clock that a test sets. Each look at it is a millisecond later, so that no two moments are the same."""

    def __init__(self) -> None:
        self._now = datetime(2026, 8, 22, 12, 0, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by


class Interrupted(Argocd):
    """Argo CD's stand-in, with a say for the test in each of the next POSTs, before it is handled and after, and in
    every GET, whose path it is told."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.on_get: Callable[[str], Awaitable[None]] | None = None
        self.before: list[Callable[[], Awaitable[None]]] = []
        self.after: list[Callable[[], Awaitable[None]]] = []

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        """The answer, between what the test wants to happen."""
        if request.method == "GET" and self.on_get:
            await self.on_get(request.path)
        if request.method == "POST" and self.before:
            await self.before.pop(0)()
        response = await super().intercept(request)
        if request.method == "POST" and self.after:
            await self.after.pop(0)()
        return response


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The world and the servers that show it."""

    world: World
    argocd: Interrupted
    github: Github
    cluster: Cluster
    registry: Registry
    kubeconfig: Path
    clock: Clock


@asynccontextmanager
async def outside_of(topology: Topology, directory: Path, *, pace: float = 0.005) -> AsyncIterator[Outside]:
    """A world that nobody ticks but the test, unless it enters it."""
    clock = Clock()
    world = World(topology, clock=clock, pace=pace)
    async with (
        Interrupted(world) as argocd,
        Github(world) as github,
        Cluster(world) as cluster,
        Registry(world.images) as registry,
    ):
        yield Outside(
            world=world,
            argocd=argocd,
            github=github,
            cluster=cluster,
            registry=registry,
            kubeconfig=cluster.write_kubeconfig(directory / "kubeconfig"),
            clock=clock,
        )


def configure(world: World, value: str = "debug") -> None:
    """Somebody changes the configuration of a service of prod."""
    overlay = world.overlay("prod")
    config = {**overlay.config, "ticket-service": {"LOG_LEVEL": value}}
    world.commit_overlay("prod", replace(overlay, config=config), message="logs", login="dependabot[bot]")
