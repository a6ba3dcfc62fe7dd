"""Reading what is true: Argo CD and the cluster, looked at again and again.

Webhooks and Argo CD's own stream only hint that something changed; every sentence the bot says about an Application
comes from a read. An environment is read at once after a hint, every few seconds while something is on its way there
(a release, an operation of the bot's, or one that somebody else started), and now and then otherwise. Only a few reads
go on at once for each cluster and each Argo CD, so that one that does not answer slows nothing else down, and a
thousand Applications are not read in one breath.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError
from bot.adapters.argocd_values import ApplicationRead
from bot.adapters.cluster import Clusters
from bot.adapters.cluster_errors import ClusterError
from bot.adapters.cluster_values import WorkloadRead
from bot.domain import images, moments
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import ApplicationObserved, Health, Workload
from bot.domain.reasons import Reason
from bot.services import aftermaths, environments, incidents, operations, own_requests, releases, rests
from bot.storage import applications
from bot.storage import operations as operation_rows
from bot.storage import releases as release_rows
from bot.storage.engine import Database

IDLE = timedelta(seconds=60)
IDLE_EACH = timedelta(seconds=1)
"""With many environments each is read more seldom, so that idle reads are at most one a second."""
BUSY = timedelta(seconds=5)
SHORTEST = timedelta(seconds=1)
AFTER_FAILURE = 5
BREATH = timedelta(milliseconds=50)  # under load it makes one look for what is due of many hints
AT_ONCE_CLUSTER, AT_ONCE_ARGOCD = 2, 8

log = structlog.get_logger(__name__)


class Observer:
    """Reads Applications, keeps the newest read of each, and tells releases, alerts and requests about it."""

    def __init__(
        self,
        database: Database,
        *,
        argocds: Mapping[str, ArgoCD],
        clusters: Clusters,
        catalog: Catalog,
        clock: Callable[[], datetime],
        shortest: timedelta = SHORTEST,
    ) -> None:
        self._database = database
        self._argocds = argocds
        self._clusters = clusters
        self._catalog = catalog
        self._clock = clock
        self._shortest = shortest
        self._locks = {name: asyncio.Lock() for name in catalog.environments}
        self._idle = max(IDLE, IDLE_EACH * len(catalog.environments))
        self._in_hand: set[str] = set()
        self._taken: set[str] = set()  # where the newest read showed an operation, whoever started it
        places = catalog.environments.values()
        self._clusters_free = {place.context: asyncio.Semaphore(AT_ONCE_CLUSTER) for place in places}
        self._argocds_free = {place.argocd: asyncio.Semaphore(AT_ONCE_ARGOCD) for place in places}

    async def run(self) -> None:
        """Keep every environment observed until cancelled; what cannot be read is left alone for longer."""
        async with asyncio.TaskGroup() as group:
            while True:
                for environment in await self._due():
                    self._in_hand.add(environment.name)
                    group.create_task(self._look(environment), name=f"observe-{environment.name}")
                await self._database.wait("applications", seconds=self._shortest.total_seconds())
                await asyncio.sleep(BREATH.total_seconds())

    async def _look(self, environment: Environment) -> None:
        """Read one environment when there is room, and leave it alone for a while after that."""
        event = None
        try:
            async with self._clusters_free[environment.context], self._argocds_free[environment.argocd]:
                event = await self.observe(environment)
        except Exception:
            # A read that fails in a way nobody thought of must not end the watch of this environment.
            log.exception("observer.failed", environment=environment.name)
        pause = self._shortest if event is not None else AFTER_FAILURE * self._shortest
        await asyncio.sleep(pause.total_seconds())
        self._in_hand.discard(environment.name)
        self._database.wake("applications")

    async def observe(
        self, environment: Environment, *, refresh: Literal["normal", "hard"] | None = None
    ) -> ApplicationObserved | None:
        """Read once and keep the result. None when Argo CD did not answer; the reason is then kept instead.

        Raises `ArgocdError` only when a refresh was asked for, since then somebody waits for that answer.
        """
        async with self._locks[environment.name]:
            since = self._clock()
            try:
                read = await self._argocds[environment.argocd].read(environment.application, refresh=refresh)
            except ArgocdError as error:
                log.warning("observer.unread", environment=environment.name, reason=error.reason, answer=error.log)
                await self._fail(environment, error.reason, since=since)
                if refresh is not None:
                    raise
                return None
            # The cluster second: pods seen before a sync ended must not be taken for what it has made of them.
            cluster = await self._workloads(environment)
            event = compose(environment, catalog=self._catalog, read=read, cluster=cluster, at=since)
            await self._keep(event, automated=read.automated)
            (self._taken.add if event.pending else self._taken.discard)(environment.name)
            return event

    async def _workloads(self, environment: Environment) -> dict[str, WorkloadRead] | Reason:
        try:
            return dict(await self._clusters.workloads(environment))
        except ClusterError as error:
            log.warning("observer.cluster_unread", environment=environment.name, answer=error.log)
            return error.reason

    async def _fail(self, environment: Environment, reason: Reason, *, since: datetime) -> None:
        async with self._database.transaction("cards") as connection:
            await applications.fail(connection, environment.name, reason=reason, since=since)

    async def _keep(self, event: ApplicationObserved, *, automated: bool) -> None:
        environment = self._catalog.environments[event.environment]
        now = self._clock()
        changing = environments.changing(self._database, environment.name, wakes=("cards", "operations"))
        async with changing as connection:
            await applications.save(connection, event)
            moved = await releases.observe(connection, event, now=now)
            for signal in incidents.of_application(event, url=environment.page or ""):
                await incidents.record(connection, signal, now=now)
            await own_requests.supersede_stale(connection, event, now=now)
            await aftermaths.prove(connection, event)
            await aftermaths.observe(connection, event, now=now)
            await operations.show_progress(connection, environment.name, now=now)
            await rests.end(connection, event)
            if environment.required_approvals and not environment.automated and not automated:
                await own_requests.ask_for_consent(connection, moved, catalog=self._catalog, now=now)

    async def _due(self) -> list[Environment]:
        """The environments that were hinted at, never read, or not read for long enough; not those in hand."""
        async with self._database.reading() as connection:
            looks = await applications.looks(connection)
            moving = await release_rows.moving(connection) | await operation_rows.busy(connection)
        busy = moving | self._taken
        now = self._clock()

        def due(name: str) -> bool:
            look = looks.get(name)
            if look is None or look.hinted_at is not None or look.observed_at is None:
                return True
            return moments.has_passed(BUSY if name in busy else self._idle, since=look.observed_at, now=now)

        places = self._catalog.environments
        return [place for name, place in places.items() if name not in self._in_hand and due(name)]


def compose(
    environment: Environment,
    *,
    catalog: Catalog,
    read: ApplicationRead,
    cluster: dict[str, WorkloadRead] | Reason,
    at: datetime,
) -> ApplicationObserved:
    """One observation from the two reads. Without the cluster's answer the counts are zero and say nothing."""
    return ApplicationObserved(
        environment=environment.name,
        observed_at=at,
        uid=read.uid,
        revision=read.revision,
        sync=read.sync,
        health=read.health,
        reconciled_at=read.reconciled_at,
        health_since=read.health_since,
        operation=read.operation,
        pending=read.pending,
        pending_request_id=read.pending_request_id,
        workloads=tuple(
            workload
            for service in sorted(catalog.services)
            if (workload := _workload(service, read=read, cluster=cluster)) is not None
        ),
        conditions=read.conditions,
        cluster_error=cluster.value if isinstance(cluster, Reason) else None,
    )


def _workload(service: str, *, read: ApplicationRead, cluster: dict[str, WorkloadRead] | Reason) -> Workload | None:
    mine = [resource for resource in read.resources if resource.service == service]
    deployment = next((item for item in mine if item.resource.kind == "Deployment"), None)
    counted = cluster.get(service) if isinstance(cluster, dict) else None
    if deployment is None and counted is None:
        return None
    desired = images.parse(deployment.desired_image) if deployment and deployment.desired_image else None
    live = images.parse(deployment.live_image) if deployment and deployment.live_image else None
    name = deployment.resource.name if deployment else service
    health, message = read.resource_health.get(name, (Health.UNKNOWN, ""))
    return Workload(
        service=service,
        desired=desired,
        live=counted.live if counted else live,
        changed=any(item.changed for item in mine),
        settled=counted.settled if counted else False,
        replicas=counted.replicas if counted else 0,
        updated=counted.updated if counted else 0,
        available=counted.available if counted else 0,
        total=counted.total if counted else 0,
        health=health,
        message=message or None,
        pods=counted.pods if counted else (),
        restarted_at=counted.restarted_at if counted else None,
    )
