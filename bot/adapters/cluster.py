"""What the pods run, log and went through, read from each environment's cluster.

Nothing here changes a cluster: the bot's credentials need to list and to read logs, and `check` says when they may do
more. How requests are made is the business of `cluster_http`.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from kubernetes.client.api_client import ApiClient

from bot.adapters import cluster_http, cluster_values, kubernetes_events
from bot.adapters.calls import Observe, measured, unobserved
from bot.adapters.cluster_errors import ClusterError, NoPods, PodMissing
from bot.adapters.cluster_http import Cluster
from bot.adapters.cluster_values import WorkloadRead
from bot.adapters.fields import Json, section
from bot.adapters.masking import masked_lines
from bot.domain import rollouts
from bot.domain.catalog import Environment, named_after
from bot.domain.inspections import EventsRead, LogRead

LARGEST_LOG = 256 * 1024
LONGEST_LINE = 2000
Right = tuple[str, str, str]
"""Verb, API group and resource."""
NEEDED: tuple[Right, ...] = (
    ("list", "apps", "deployments"),
    ("list", "", "pods"),
    ("get", "", "pods/log"),
    ("list", "", "events"),
)
NEVER: tuple[Right, ...] = (
    ("get", "", "secrets"),
    ("create", "", "pods/exec"),
    ("delete", "", "pods"),
    ("patch", "apps", "deployments"),
    ("create", "apps", "deployments"),
)
_Result = TypeVar("_Result")


class Clusters:
    """The clusters of a kubeconfig, or the one this process runs in when there is no kubeconfig.

    `timeout` bounds each call in seconds, waiting for the cluster's thread included.
    """

    def __init__(
        self,
        *,
        kubeconfig: Path | None,
        services: Collection[str],
        timeout: float = 20,
        observe: Observe = unobserved,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._services = frozenset(services)
        self._timeout = timeout
        self._observe = observe
        self._clusters: dict[str | None, Cluster] = {}

    async def aclose(self) -> None:
        """Close the connections. A thread that still waits for a cluster is left to its time-outs."""
        for cluster in self._clusters.values():
            cluster.close()
        self._clusters.clear()

    async def workloads(self, environment: Environment) -> Mapping[str, WorkloadRead]:
        """The services that have a Deployment in the environment's namespace. Raises a ClusterError."""
        return await self._run(environment, "workloads", partial(self._workloads, environment))

    async def logs(
        self,
        environment: Environment,
        *,
        service: str,
        pod: str | None = None,
        container: str | None = None,
        previous: bool = False,
        lines: int = 100,
    ) -> LogRead:
        """The last `lines` of a container's log, or of the one before it with `previous`; secrets are hidden.

        Without a `pod` it is the worst one of the service, with `previous` the one that restarted most; without a
        `container` the one named like the service, else the first. Raises a ClusterError that says why there is no log.
        """
        work = partial(
            self._logs, environment, service=service, name=pod, container=container, previous=previous, lines=lines
        )
        return await self._run(environment, "logs", work)

    async def events(self, environment: Environment, *, service: str | None = None) -> EventsRead:
        """The events of the namespace, or of one service's objects, oldest first. Raises a ClusterError.

        Of very many only a part is read; a namespace has most of them when something is wrong there.
        """
        found, cut = await self._run(
            environment, "events", lambda client: cluster_http.first_items(client, _events(environment))
        )
        if service is not None:
            found = [item for item in found if self._is_of(service, item)]
        return EventsRead(found=kubernetes_events.values(found), cut=cut)

    async def check(self, environments: Iterable[Environment]) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        found = await asyncio.gather(*(self._check(environment) for environment in environments))
        return [finding for findings in found for finding in findings]

    async def _check(self, environment: Environment) -> list[tuple[str, bool, str]]:
        title, rights = f"Cluster of {environment.name}", f"Cluster rights of {environment.name}"
        try:
            found = await self.workloads(environment)
            granted = await self._run(environment, "rights", partial(_rights, environment))
        except ClusterError as error:
            return [(title, False, error.log)]
        missing = sorted(self._services - found.keys())
        text = f"namespace {environment.namespace} has all {len(found)} Deployments"
        if missing:
            text = f"namespace {environment.namespace} has no Deployment named {', '.join(missing)}"
        lacking = [right for right in NEEDED if right not in granted]
        excess = [right for right in NEVER if right in granted]
        told = [f"lacks: {_named(lacking)}"] if lacking else []
        told += [f"more than the bot needs: {_named(excess)}"] if excess else []
        return [
            (title, not missing, text),
            (rights, not told, "; ".join(told) or "what the bot needs and no more"),
        ]

    def _is_of(self, service: str, event: Json) -> bool:
        name = str(section(event, "involvedObject").get("name") or "")
        return named_after(name, services=self._services) == service

    def _workloads(self, environment: Environment, client: ApiClient) -> dict[str, WorkloadRead]:
        place = quote(environment.namespace, safe="")
        return cluster_values.workloads(
            cluster_http.items(client, f"/apis/apps/v1/namespaces/{place}/deployments"),
            cluster_http.items(client, f"/api/v1/namespaces/{place}/pods"),
            services=self._services,
        )

    def _logs(
        self,
        environment: Environment,
        client: ApiClient,
        *,
        service: str,
        name: str | None,
        container: str | None,
        previous: bool,
        lines: int,
    ) -> LogRead:
        workload = self._workloads(environment, client).get(service)
        ordered = rollouts.restarted_first if previous else rollouts.worst_first
        pods = ordered(workload.pods) if workload else []
        pod = next((pod for pod in pods if name in (None, pod.name)), None)
        if pod is None:
            raise PodMissing(f"no pod {name}") if name and pods else NoPods(f"{service} has no pods")
        chosen = container or (service if service in pod.containers else next(iter(pod.containers), service))
        query = {"container": chosen, "tailLines": lines, "limitBytes": LARGEST_LOG}
        query |= {"previous": "true"} if previous else {}
        path = f"/api/v1/namespaces/{quote(environment.namespace, safe='')}/pods/{quote(pod.name, safe='')}/log"
        said = cluster_http.text(client, path, query=query)
        found = said.splitlines()[-lines:]
        return LogRead(
            pod=pod.name,
            container=chosen,
            previous=previous,
            lines=tuple(line[:LONGEST_LINE] for line in masked_lines(found)),
            cut=len(said.encode()) >= LARGEST_LOG or any(len(line) > LONGEST_LINE for line in found),
        )

    async def _run(self, environment: Environment, call: str, work: Callable[[ApiClient], _Result]) -> _Result:
        with measured(self._observe, system="cluster", call=call):
            return await self._cluster(environment.context).run(work, timeout=self._timeout)

    def _cluster(self, context: str | None) -> Cluster:
        if context not in self._clusters:
            self._clusters[context] = Cluster(kubeconfig=self._kubeconfig, context=context)
        return self._clusters[context]


def _events(environment: Environment) -> str:
    return f"/api/v1/namespaces/{quote(environment.namespace, safe='')}/events"


def _rights(environment: Environment, client: ApiClient) -> set[Right]:
    """Those of the rights that matter which these credentials have in the namespace."""
    return {
        (verb, group, resource)
        for verb, group, resource in (*NEEDED, *NEVER)
        if cluster_http.may(client, verb=verb, group=group, resource=resource, namespace=environment.namespace)
    }


def _named(rights: Iterable[Right]) -> str:
    return ", ".join(f"{verb} {resource}{f'.{group}' if group else ''}" for verb, group, resource in rights)
