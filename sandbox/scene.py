"""Everything at once: the stand-ins over real sockets, a simulated Discord, and the bot between them.

`python -m bot sandbox` plays in a scene, and so do the journey tests: what is seen in the browser is what is asserted.
The bot can be stopped or killed and started again while the world goes on.

    async with open_scene(database_url=…, pace=0.02) as scene:
        await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")
"""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

import discord
import simcord
from pydantic import SecretStr

from bot.app import App, Settings, Timing, now
from bot.topology import Topology, load
from sandbox import guild
from sandbox.argocd import Argocd
from sandbox.cluster import Cluster
from sandbox.github import Github
from sandbox.guild import Town
from sandbox.notifications import Notifications
from sandbox.oidc import Oidc
from sandbox.pipeline import Pipeline
from sandbox.pushes import Pushes
from sandbox.registry import Registry
from sandbox.runners import Runners
from sandbox.senders import Senders
from sandbox.world import World

SECRET = "sandbox-webhook-secret"
ARGOCD_TOKEN = "sandbox-argocd-webhook"
AUDIENCE = "chatops"
SETTLE_SECONDS = 20.0
"""How long the simulated Discord waits for an interaction's end; the real one would wait for a quarter of an hour."""
DEFAULT = Path(__file__).parents[1] / "bot" / "topology.default.yaml"
_load = cache(load)  # to read it takes a tenth of what a scene takes to open


@dataclass(kw_only=True)
class Scene:
    """A running scene. `app` is the bot of the moment: None while it is stopped."""

    env: simcord.Env
    town: Town
    topology: Topology
    world: World
    argocd: Argocd
    github: Github
    cluster: Cluster
    registry: Registry
    oidc: Oidc
    senders: Senders
    notifications: Notifications
    pipeline: Pipeline
    settings: Settings
    timing: Timing
    clock: Callable[[], datetime]
    app: App | None = None
    _running: asyncio.Task[None] | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def catch_up(self) -> None:
        """Set the clock of the simulated Discord, which starts in the past and stands still, to the scene's."""
        behind = (self.clock() - self.env.now()).total_seconds()
        if behind > 0:
            await self.env.advance_time(behind)

    async def start(self, make: Callable[..., App] = App) -> App:
        """Start the bot on the rows that are there, and connect it to the guild."""
        app = make(self.settings, self.topology, timing=self.timing, clock=self.clock)
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._running = asyncio.create_task(self._run(app, started, self._stop), name="app")
        await asyncio.wait([started, self._running], return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            await self._running
        await self.catch_up()
        client = app.make_client()
        await self.env.restart_bot(client)
        app.connection.client = client
        self.app = app
        # A bot that comes back listens where it did before: nobody tells GitHub a new address.
        self.settings = self.settings.model_copy(update={"http_port": app.port})
        self.senders.url = f"http://127.0.0.1:{app.port}"
        return app

    async def stop(self) -> None:
        """Stop the bot as SIGTERM does; raises what it died of, if it did."""
        self._stop.set()
        await self._over()

    async def kill(self) -> None:
        """End the bot between two steps, wherever they are, without a word to anybody."""
        if self._running is not None:
            self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._over()

    async def _over(self) -> None:
        running, self._running, self.app = self._running, None, None
        if running is not None:
            await running

    async def _run(self, app: App, started: asyncio.Future[None], stop: asyncio.Event) -> None:
        async with app.serve():
            started.set_result(None)
            await stop.wait()


@asynccontextmanager
async def open_scene(
    *,
    database_url: str,
    pace: float,
    timing: Timing,
    for_page: bool = False,
    clock: Callable[[], datetime] = now,
) -> AsyncIterator[Scene]:
    """Build a scene and start the bot in it; `pace` is the seconds that a step of the world takes.

    `for_page` builds the guild that the page of `make sandbox` shows.
    """
    async with AsyncExitStack() as stack:
        with guild.nobody() as client:
            env = await stack.enter_async_context(_simulated(client))
        town = guild.build(env, for_page=for_page)
        place = guild.topology_of(town, packaged=_load(DEFAULT))
        world = await stack.enter_async_context(World(place, clock=clock, pace=pace))
        servers = Argocd(world), Github(world), Cluster(world), Registry(world.images), Oidc(world)
        for server in servers:
            await stack.enter_async_context(server)
        argocd, github, cluster, registry, oidc = servers
        senders = Senders(
            "http://127.0.0.1:9", github_secret=SECRET, argocd_token=ARGOCD_TOKEN, ci_token=oidc.token, retry_wait=pace
        )
        await stack.enter_async_context(senders)
        await stack.enter_async_context(Pushes(world, senders))
        notifications = await stack.enter_async_context(Notifications(world, senders))
        pipeline = Pipeline(world, senders, pace=pace)
        await stack.enter_async_context(Runners(pipeline))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = Settings(
            discord_token=SecretStr("sandbox-discord-token"),
            discord_guild_id=town.guild.id,
            argocd_url=argocd.url,
            argocd_token=SecretStr(argocd.token),
            argocd_webhook_token=(SecretStr(ARGOCD_TOKEN),),
            github_api_url=github.url,
            github_token=SecretStr(github.token),
            github_webhook_secret=(SecretStr(SECRET),),
            ci_oidc_issuer=oidc.url,
            ci_oidc_audience=AUDIENCE,
            database_url=SecretStr(database_url),
            http_port=0,
            registry_url=registry.url,
            kubeconfig=cluster.write_kubeconfig(directory / "kubeconfig"),
        )
        scene = Scene(
            env=env,
            town=town,
            topology=place,
            world=world,
            argocd=argocd,
            github=github,
            cluster=cluster,
            registry=registry,
            oidc=oidc,
            senders=senders,
            notifications=notifications,
            pipeline=pipeline,
            settings=settings,
            timing=timing,
            clock=clock,
        )
        stack.push_async_callback(scene.kill)
        await scene.start()
        yield scene


@asynccontextmanager
async def _simulated(client: discord.Client) -> AsyncIterator[simcord.Env]:
    """A simulated Discord. `simcord.run` would tie it to the context it is entered in, and a fixture has its own."""
    env = simcord.Env(client, settle_timeout=SETTLE_SECONDS)
    await env.start()
    try:
        yield env
    finally:
        await env.shutdown()
