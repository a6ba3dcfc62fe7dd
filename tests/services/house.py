"""The services on a real database, in a world outside; without Discord and without HTTP in.

`Bot` is one life of the bot: its connections and its services on the rows that are there. Two lives on one database
are a restart, or two replicas.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from pydantic import SecretStr

from bot.adapters.argocd import ArgoCD
from bot.adapters.cluster import Clusters
from bot.adapters.github import GitHub
from bot.adapters.registry_oci import OciRegistry
from bot.domain.catalog import Catalog
from bot.domain.events import Stage, StageReported, StageStatus
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.permissions import Actor
from bot.services import approvals, operations, refreshes, releases
from bot.services.deployments import Deployer
from bot.services.intake import Intake, Parse
from bot.services.manifests import Manifests
from bot.services.observations import Observer
from bot.services.reruns import Rerunner
from bot.services.restarts import Restarter
from bot.services.rollbacks import Planner
from bot.services.steps import Steps
from bot.services.terminations import Terminator
from bot.services.workers import Step, Worker
from bot.storage import applications
from bot.storage.engine import Database
from bot.webhooks import argocd as argocd_payloads
from bot.webhooks import ci as ci_payloads
from bot.webhooks import github as github_payloads
from sandbox.world import Released
from tests.services.outside import Clock, Outside
from tests.services.rows import Rows

TICKETS = "ticket-service"
QUICK = timedelta(seconds=0.02)
GRACE = timedelta(seconds=30)
PARSERS: Mapping[str, Parse] = {
    "github": github_payloads.parse,
    "argocd": argocd_payloads.parse,
    "ci": ci_payloads.parse,
}

HYUNWOO = Actor(id=21, name="hyunwoo", guild_id=1, role_ids=frozenset())
MINJI = Actor(id=22, name="minji", guild_id=1, role_ids=frozenset())
SORA = Actor(id=23, name="sora", guild_id=1, role_ids=frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot(Rows):
    """One life of the bot, which leaves rows behind."""

    outside: Outside
    catalog: Catalog
    argocd: ArgoCD
    clusters: Clusters
    observer: Observer
    deployer: Deployer
    restarter: Restarter
    terminator: Terminator
    rerunner: Rerunner
    planner: Planner

    @property
    def clock(self) -> Clock:
        """The clock of the bot and of the world."""
        return self.outside.clock

    def worker(
        self,
        *,
        name: str = "worker",
        claim: timedelta = timedelta(seconds=20),
        refresh: Step | None = None,
        observe: Callable[[str, str], None] = lambda _kind, _outcome: None,
    ) -> Worker:
        """A worker that is not running yet; `refresh` takes the place of the real step."""
        real = partial(
            refreshes.step, database=self.database, observer=self.observer, catalog=self.catalog, clock=self.clock
        )
        return Worker(
            self.database,
            name=name,
            catalog=self.catalog,
            steps={
                OperationKind.DEPLOY: self.deployer.step,
                OperationKind.ROLLBACK: self.deployer.step,
                OperationKind.REFRESH: refresh or real,
                OperationKind.RESTART: self.restarter.step,
                OperationKind.TERMINATE: self.terminator.step,
                OperationKind.RERUN: self.rerunner.step,
            },
            clock=self.clock,
            observe=observe,
            pause=QUICK,
            claim=claim,
        )

    def intake(self, parsers: Mapping[str, Parse] = PARSERS) -> Intake:
        """An intake that is not running yet."""
        return Intake(
            self.database,
            catalog=self.catalog,
            parsers=parsers,
            clock=self.clock,
            observe=lambda _source, _outcome: None,
            pause=QUICK,
        )

    async def take_in(self, parsers: Mapping[str, Parse] = PARSERS) -> int:
        """Work off everything that was delivered; says how many deliveries were taken, those taken again included."""
        intake, taken = self.intake(parsers), 0
        while batch := await intake.work():
            taken += batch
        return taken

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
        """Take one step, after a look at what is followed, and return what the row says then."""
        if operation.state is OperationState.RUNNING:
            await self.observer.observe(self.catalog.environments[operation.environment])
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

    async def deployed(self, *, service: str = TICKETS) -> str:
        """The tag of a new release of prod, once it runs there through the bot."""
        released = self.outside.world.release("prod", service)
        done = await self.followed(await self.running(service=service))
        assert done.state is OperationState.SUCCEEDED, done
        return released.tag

    async def followed(self, operation: Operation) -> Operation:
        """The operation once the world has come to rest and the deployer has looked at it."""
        await self.outside.world.settle()
        return await self.step(operation)

    async def hint(self, environment: str = "prod") -> None:
        """Somebody tells the bot to look at an environment."""
        async with self.database.transaction("applications") as connection:
            await applications.hint(connection, environment, now=self.clock())

    async def committed(self, released: Released, *, environment: str = "prod", service: str = TICKETS) -> None:
        """The pipeline reports the manifest commit of a release."""
        report = StageReported(
            service=service,
            environment=environment,
            run_id=1,
            run_attempt=1,
            source_revision=released.source.sha,
            stage=Stage.MANIFEST,
            status=StageStatus.SUCCEEDED,
            at=self.clock(),
            tag=released.tag,
            manifest_revision=released.manifest.sha,
        )
        async with self.database.transaction("cards", "applications") as connection:
            await releases.record(connection, report, environment=environment, now=self.clock())


@asynccontextmanager
async def bot_in(
    outside: Outside, url: str, *, catalog: Catalog, make: Callable[[str], Database] = Database
) -> AsyncIterator[Bot]:
    """One life of the bot. GitHub is asked once a question, and nobody is waited for longer than a test can bear."""
    services = tuple(catalog.services)
    async with AsyncExitStack() as stack:
        database = make(url)
        stack.push_async_callback(database.close)
        project, asked = catalog.project, outside.argocd
        argocd = ArgoCD(url=asked.url, token=lambda: asked.token, project=project, services=services, timeout=5)
        stack.push_async_callback(argocd.aclose)
        token = SecretStr(outside.github.token)
        github = GitHub(url=outside.github.url, repository=catalog.repository, token=lambda: token, retries=0)
        stack.push_async_callback(github.aclose)
        clusters = Clusters(kubeconfig=outside.kubeconfig, services=services)
        stack.push_async_callback(clusters.aclose)
        argocds = {"main": argocd}
        observer = Observer(
            database, argocds=argocds, clusters=clusters, catalog=catalog, clock=outside.clock, shortest=QUICK
        )
        steps = Steps(database=database, catalog=catalog, clock=outside.clock)
        registry = OciRegistry(url=outside.registry.url)
        stack.push_async_callback(registry.aclose)
        manifests = Manifests(catalog=catalog, github=github, registry=registry)
        deployer = Deployer(
            steps=steps, argocds=argocds, github=github, clusters=clusters, manifests=manifests, grace=GRACE
        )
        yield Bot(
            outside=outside,
            database=database,
            catalog=catalog,
            argocd=argocd,
            clusters=clusters,
            observer=observer,
            deployer=deployer,
            restarter=Restarter(steps=steps, argocds=argocds, clusters=clusters, grace=GRACE),
            terminator=Terminator(steps=steps, argocds=argocds),
            rerunner=Rerunner(steps=steps, github=github, grace=GRACE),
            planner=Planner(database=database, manifests=manifests, argocds=argocds),
        )


def requiring(catalog: Catalog, people: int) -> Catalog:
    """The same catalog, where prod needs the consent of so many."""
    prod = replace(catalog.environments["prod"], required_approvals=people)
    return replace(catalog, environments={**catalog.environments, "prod": prod})
