"""The composition root: builds everything once, runs it in one TaskGroup, stops it in order.

`serve` runs every part but the connection to Discord, which `run` adds; the sandbox and the tests bring a simulated
Discord instead, and everything between the doors is the same. A background loop that ends is a fault: it takes the
process down, and the supervisor outside starts it anew with the same rows.
"""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

import cogs
from bot import connections, telemetry, working
from bot.chat.board import Board
from bot.chat.client import Client, build_client
from bot.chat.connection import Connection
from bot.chat.deps import Deps
from bot.chat.gate import Gate
from bot.rereading import Rereading
from bot.services import copies, gatekeeping, leftovers
from bot.services.comparisons import Comparer
from bot.services.inspections import Inspector
from bot.services.intake import Intake
from bot.services.manifests import Manifests
from bot.services.observations import Observer
from bot.services.rollbacks import Planner
from bot.services.steps import Steps
from bot.services.tags import TagReader
from bot.services.validations import Validator
from bot.services.views import Gallery
from bot.services.workers import Worker
from bot.settings import Settings
from bot.storage import deliveries, markers, migrations
from bot.storage.engine import Database
from bot.storage.recorder import Recorder
from bot.timing import Timing
from bot.topology import Topology
from bot.webhooks import argocd as argocd_payloads
from bot.webhooks import ci as ci_payloads
from bot.webhooks import github as github_payloads
from bot.webhooks import server

__all__ = ["App", "Settings", "Timing", "now"]

KEEP_DELIVERIES = timedelta(days=14)
HOUSEKEEPING = timedelta(minutes=10)
COMMANDS = "commands"
"""The marker that remembers which commands Discord was told of."""


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


log = structlog.get_logger(__name__)


class App:
    """One bot, built but not running. `connection.client` is the Discord client in use; `run` keeps it connected."""

    def __init__(
        self,
        settings: Settings,
        topology: Topology,
        *,
        timing: Timing | None = None,
        clock: Callable[[], datetime] = now,
        database: Database | None = None,
        rereading: Rereading | None = None,
    ) -> None:
        self.settings = settings
        self._rereading = rereading
        self.topology = topology
        self.port: int | None = None
        self._timing = timing or Timing()
        self._clock = clock
        github = connections.github_web(settings.github_api_url)
        self._catalog = topology.catalog(argocd_url=settings.argocd_url, github=github)
        self._metrics = telemetry.build()
        self._database = database or Database(settings.database_url.get_secret_value())
        self._outside = connections.build(settings, topology, latest=self._latest, observe=self._observe_call)
        self._validator = Validator(github=self._outside.github)
        self._manifests = Manifests(catalog=self._catalog, github=self._outside.github, registry=self._outside.registry)
        self._recorder = Recorder(self._database)
        self._observer = Observer(
            self._database,
            argocds=self._outside.argocds,
            clusters=self._outside.clusters,
            catalog=self._catalog,
            clock=clock,
            shortest=self._timing.look,
        )

        self.connection = Connection(self.make_client, token=lambda: self._latest().discord_token.get_secret_value())

    def make_client(self) -> Client:
        """A Discord client for one connection, with every command and button."""
        outside = self._outside
        deps = Deps(
            guild_id=self.settings.discord_guild_id,
            database=self._database,
            catalog=self._catalog,
            gate=Gate(
                self.topology.policy(guild_id=self.settings.discord_guild_id),
                environments=tuple(self._catalog.environments),
                services=tuple(self._catalog.services),
                audit=partial(gatekeeping.note, self._database, clock=self._clock),
            ),
            inspector=Inspector(database=self._database, argocds=outside.argocds, clusters=outside.clusters),
            planner=Planner(database=self._database, manifests=self._manifests, argocds=outside.argocds),
            comparer=Comparer(database=self._database, catalog=self._catalog, github=outside.github),
            tags=TagReader(
                database=self._database, catalog=self._catalog, registry=outside.registry, github=outside.github
            ),
            validator=self._validator,
            clock=self._clock,
            observe=self._observe_interaction,
        )
        return build_client(
            deps,
            make_cogs=partial(cogs.make, hide_without=self.topology.hide_commands_without),
            load_marker=partial(markers.get, self._database, COMMANDS),
            store_marker=lambda value: markers.put(self._database, COMMANDS, value=value),
        )

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[None]:
        """Everything but the connection to Discord, while the context lasts.

        Brings the schema up to date, listens, and works. At the end the doors close first, then the work stops; what
        is not finished stands in the rows.
        """
        await migrations.upgrade(self._database)
        try:
            async with AsyncExitStack() as stack:
                stack.push_async_callback(self._outside.aclose)
                if self.topology.channels.audit:
                    await copies.begin(self._database)  # before there is anything to copy
                group = await stack.enter_async_context(asyncio.TaskGroup())
                tasks = [group.create_task(_endless(name, loop), name=name) for name, loop in self._loops().items()]
                stack.callback(lambda: [task.cancel() for task in tasks])
                self.port = await stack.enter_async_context(self._doors())
                log.info("app.listening", host=self.settings.http_host, port=self.port)
                yield
        finally:
            await self._database.close()

    async def run(self) -> None:
        """Serve, and stay connected to Discord, until SIGTERM or SIGINT."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with self.serve(), asyncio.TaskGroup() as group:
            connected = group.create_task(self.connection.run(), name="discord")
            await stop.wait()
            connected.cancel()
        log.info("app.stopped")

    def _loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Every background loop by name. None of them ever returns."""
        intake = Intake(
            self._database,
            catalog=self._catalog,
            parsers={"github": github_payloads.parse, "argocd": argocd_payloads.parse, "ci": ci_payloads.parse},
            clock=self._clock,
            observe=lambda source, outcome: self._metrics.events.labels(event=f"{source}.{outcome}").inc(),
        )
        steps = Steps(database=self._database, catalog=self._catalog, clock=self._clock)
        worker = Worker(
            self._database,
            name=f"{os.getpid()}-{secrets.token_hex(4)}",
            catalog=self._catalog,
            steps=working.steps_of(
                self._outside,
                steps=steps,
                observer=self._observer,
                manifests=self._manifests,
                grace=self._timing.grace,
            ),
            clock=self._clock,
            observe=lambda kind, outcome: self._metrics.operations.labels(kind=kind, outcome=outcome).inc(),
            pause=self._timing.pause,
            claim=self._timing.claim,
        )
        gallery = Gallery(
            database=self._database,
            catalog=self._catalog,
            guild_id=self.settings.discord_guild_id,
            releases_channel=self.topology.channels.releases,
            alerts_channel=self.topology.channels.alerts,
            audit_channel=self.topology.channels.audit,
        )
        board = Board(
            self._database,
            render=lambda key: gallery.card(key, now=self._clock()),
            client=lambda: self.connection.client,
            clock=self._clock,
            spacing=self._timing.spacing,
            observe=self._observe_write,
        )
        watches = working.watches_of(
            self._outside,
            database=self._database,
            catalog=self._catalog,
            clock=self._clock,
            observe=self._observe_watch,
            pause=self._timing.pause,
        )
        left = partial(
            leftovers.run, self._database, catalog=self._catalog, github=self._outside.github, clock=self._clock
        )
        copy = partial(copies.run, self._database, clock=self._clock, pause=2 * self._timing.spacing)
        return {
            **({"audit-copy": copy} if self.topology.channels.audit else {}),
            **({"secrets": self._rereading.run} if self._rereading else {}),
            "recorder": self._recorder.run,
            "observer": self._observer.run,
            "intake": intake.run,
            "worker": worker.run,
            "leftovers": left,
            "board": board.run,
            "housekeeping": self._keep_house,
            **watches,
        }

    def _doors(self) -> AbstractAsyncContextManager[int]:
        """The HTTP side, which gives its port when it is entered."""
        settings, oidc = self.settings, self._outside.oidc
        app = server.build(
            recorder=self._recorder,
            proofs=lambda: connections.proofs(self._latest()),
            verify_oidc=oidc.verify if oidc else None,
            health=self._health,
            ready=self._missing,
            metrics=self._metrics.render,
            clock=self._clock,
            on_delivery=lambda source, outcome: self._metrics.deliveries.labels(source=source, outcome=outcome).inc(),
        )
        return server.serve(app, host=settings.http_host, port=settings.http_port)

    def _latest(self) -> Settings:
        """The settings with the secrets of this moment."""
        return self._rereading.settings() if self._rereading else self.settings

    async def _health(self) -> Mapping[str, object]:
        return {"schema": migrations.head()}

    async def _missing(self) -> Mapping[str, str]:
        """The parts that are not ready, each with what is wrong."""
        missing = {}
        if not self.connection.ready:
            missing["discord"] = "not connected"
        try:
            async with asyncio.timeout(2):
                waiting = await deliveries.counts(self._database)
        except Exception as error:
            # Whatever keeps the database from answering, the answer is the same: not ready, and its kind of failure.
            missing["database"] = type(error).__name__
        else:
            self._metrics.queue_depth.labels(queue="deliveries").set(waiting.get("received", 0))
        return missing

    async def _keep_house(self) -> None:
        """Forget deliveries that nobody needs any more."""
        while True:
            gone = await deliveries.prune(self._database, self._clock() - KEEP_DELIVERIES)
            if gone:
                log.info("app.pruned", deliveries=gone)
            await asyncio.sleep(HOUSEKEEPING.total_seconds())

    def _observe_interaction(self, name: str, outcome: str, seconds: float) -> None:
        self._metrics.interactions.labels(name=name, outcome=outcome).inc()
        self._metrics.interaction_ack.observe(seconds)

    def _observe_write(self, kind: str, outcome: str, seconds: float) -> None:
        self._metrics.discord_writes.labels(kind=kind, outcome=outcome).inc()
        self._metrics.delivery_to_discord.observe(seconds)

    def _observe_watch(self, argocd: str, outcome: str) -> None:
        self._metrics.watch.labels(argocd=argocd, outcome=outcome).inc()

    def _observe_call(self, system: str, call: str, outcome: str, seconds: float) -> None:
        self._metrics.adapter.labels(system=system, call=call, outcome=outcome).observe(seconds)


async def _endless(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Run a loop that must not end; its end is a fault like any other."""
    await loop()
    raise RuntimeError(f"the loop {name} ended")
