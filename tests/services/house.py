"""The services between a real database and the stand-ins, without Discord and without HTTP in.

`Outside` is the world and its servers; it lives on when the bot dies. `Bot` is one life of the bot: its connections
and its services on the rows that are there. Two lives on one database are a restart, or two replicas.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import SecretStr
from sqlalchemy import select

from bot.adapters.argocd import ArgoCD
from bot.adapters.cluster import Clusters
from bot.adapters.github import GitHub
from bot.domain.approvals import Approval
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.permissions import Actor
from bot.domain.releases import Release
from bot.services import approvals, operations, refreshes
from bot.services.deployments import Deployer
from bot.services.observations import Observer
from bot.services.workers import Step, Worker
from bot.storage import approvals as approval_rows
from bot.storage import documents, migrations, schema
from bot.storage import operations as operation_rows
from bot.storage.engine import Database
from bot.topology import Topology
from sandbox.argocd import Argocd
from sandbox.cluster import Cluster
from sandbox.github import Github
from sandbox.world import World

TICKETS = "ticket-service"
PATIENCE = 10.0
QUICK = timedelta(seconds=0.02)
GRACE = timedelta(seconds=30)
ENDED = frozenset(state for state in OperationState if state.ended)

HYUNWOO = Actor(id=21, name="hyunwoo", guild_id=1, role_ids=frozenset())
MINJI = Actor(id=22, name="minji", guild_id=1, role_ids=frozenset())
SORA = Actor(id=23, name="sora", guild_id=1, role_ids=frozenset())

_Found = TypeVar("_Found")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The world and the servers that show it."""

    world: World
    argocd: Argocd
    github: Github
    cluster: Cluster
    kubeconfig: Path
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """One life of the bot."""

    outside: Outside
    database: Database
    catalog: Catalog
    argocd: ArgoCD
    observer: Observer
    deployer: Deployer

    @property
    def clock(self) -> Clock:
        """The clock of the bot and of the world."""
        return self.outside.clock

    def worker(
        self,
        *,
        name: str = "worker",
        claim: timedelta = timedelta(seconds=20),
        deploy: Step | None = None,
        observe: Callable[[str, str], None] = lambda _kind, _outcome: None,
    ) -> Worker:
        """A worker that is not running yet."""

        async def refresh(operation: Operation) -> None:
            await refreshes.step(
                operation, database=self.database, observer=self.observer, catalog=self.catalog, clock=self.clock
            )

        return Worker(
            self.database,
            name=name,
            steps={OperationKind.DEPLOY: deploy or self.deployer.step, OperationKind.REFRESH: refresh},
            clock=self.clock,
            observe=observe,
            pause=QUICK,
            claim=claim,
        )

    async def request(self, actor: Actor = HYUNWOO, *, service: str = TICKETS, environment: str = "prod") -> Operation:
        """Somebody asks for a deploy."""
        return await operations.request(
            self.database,
            kind=OperationKind.DEPLOY,
            environment=environment,
            service=service,
            actor=actor,
            catalog=self.catalog,
            now=self.clock(),
        )

    async def step(self, operation: Operation) -> Operation:
        """Let the deployer take one step, and return what the row says then."""
        await self.deployer.step(operation)
        return await self.operation(operation.id)

    async def propose(self, actor: Actor = HYUNWOO, *, service: str = TICKETS) -> Operation:
        """Ask for a deploy of prod, and have it put before people."""
        return await self.step(await self.request(actor, service=service))

    async def approve(self, operation: Operation, *, actor: Actor = MINJI) -> Operation:
        """Somebody presses Approve."""
        await approvals.grant(self.database, operation.id, actor=actor, now=self.clock())
        return await self.operation(operation.id)

    async def approved(self, *, service: str = TICKETS) -> Operation:
        """A deploy of prod that was asked for and approved."""
        return await self.approve(await self.propose(service=service))

    async def running(self, *, service: str = TICKETS) -> Operation:
        """A deploy of prod whose order Argo CD has taken."""
        operation = await self.step(await self.approved(service=service))
        assert operation.state is OperationState.RUNNING, operation
        return operation

    async def followed(self, operation: Operation) -> Operation:
        """The operation once the world has come to rest and the deployer has looked at it."""
        await self.outside.world.settle()
        return await self.step(operation)

    async def operation(self, operation_id: str) -> Operation:
        """The operation as its row is."""
        async with self.database.reading() as connection:
            found = await operation_rows.get(connection, operation_id)
        assert found is not None
        return found

    async def approval(self, operation_id: str) -> Approval:
        """The approval of an operation as its row is."""
        async with self.database.reading() as connection:
            found = await approval_rows.of_operation(connection, operation_id)
        assert found is not None
        return found[0]

    async def ended(self, operation_id: str) -> Operation:
        """The operation once it has ended."""

        async def look() -> Operation | None:
            operation = await self.operation(operation_id)
            return operation if operation.state.ended else None

        return await eventually(look)

    async def table(self, name: str) -> list[dict[str, Any]]:
        """Every row of a table, in the order of its key."""
        table = schema.metadata.tables[name]
        async with self.database.reading() as connection:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in rows]

    async def operations(self) -> list[Operation]:
        """Every operation, oldest first."""
        return [documents.operation.load(row["document"]) for row in await self.table("operations")]

    async def releases(self) -> list[Release]:
        """Every release, oldest first."""
        return [documents.release.load(row["document"]) for row in await self.table("releases")]

    async def audit(self) -> list[tuple[str, str, str, str | None]]:
        """Who did what, what came of it and why, oldest first."""
        return [(row["actor"], row["action"], row["outcome"], row["reason"]) for row in await self.table("audit")]


async def eventually(look: Callable[[], Awaitable[_Found | None]], *, within: float = PATIENCE) -> _Found:
    """What `look` finds, once it finds something; raises TimeoutError."""
    async with asyncio.timeout(within):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.005)


@asynccontextmanager
async def working(*loops: Awaitable[None]) -> AsyncIterator[None]:
    """Run the loops while the context lasts. A loop that fails ends the context with its error."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_forever(loop)) for loop in loops]
        yield
        for task in tasks:
            task.cancel()


async def _forever(loop: Awaitable[None]) -> None:
    await loop
    raise AssertionError("the loop ended")


@asynccontextmanager
async def outside_of(topology: Topology, directory: Path, *, pace: float = 0.005) -> AsyncIterator[Outside]:
    """A world that nobody ticks but the test, unless it enters it."""
    clock = Clock()
    world = World(topology, clock=clock, pace=pace)
    async with Argocd(world) as argocd, Github(world) as github, Cluster(world) as cluster:
        yield Outside(
            world=world,
            argocd=argocd,
            github=github,
            cluster=cluster,
            kubeconfig=cluster.write_kubeconfig(directory / "kubeconfig"),
            clock=clock,
        )


@asynccontextmanager
async def bot_in(
    outside: Outside, url: str, *, catalog: Catalog, make: Callable[[str], Database] = Database
) -> AsyncIterator[Bot]:
    """One life of the bot. GitHub is asked once a question, and nobody is waited for longer than a test can bear."""
    services = tuple(catalog.services)
    async with AsyncExitStack() as stack:
        database = make(url)
        stack.push_async_callback(database.close)
        await migrations.upgrade(database)
        argocd = ArgoCD(
            url=outside.argocd.url,
            token=lambda: outside.argocd.token,
            project=catalog.project,
            services=services,
            timeout=5,
        )
        stack.push_async_callback(argocd.aclose)
        github = GitHub(
            url=outside.github.url,
            repository=catalog.repository,
            token=SecretStr(outside.github.token),
            retries=0,
        )
        stack.push_async_callback(github.aclose)
        clusters = Clusters(kubeconfig=outside.kubeconfig, services=services)
        stack.push_async_callback(clusters.aclose)
        observer = Observer(
            database,
            argocd=argocd,
            clusters=clusters,
            catalog=catalog,
            argocd_ui="https://argocd.test",
            clock=outside.clock,
            shortest=QUICK,
        )
        deployer = Deployer(
            database=database,
            argocd=argocd,
            github=github,
            observer=observer,
            catalog=catalog,
            clock=outside.clock,
            grace=GRACE,
        )
        yield Bot(
            outside=outside, database=database, catalog=catalog, argocd=argocd, observer=observer, deployer=deployer
        )


def requiring(catalog: Catalog, people: int) -> Catalog:
    """The same catalog, where prod needs the consent of so many."""
    prod = replace(catalog.environments["prod"], required_approvals=people)
    return replace(catalog, environments={**catalog.environments, "prod": prod})
