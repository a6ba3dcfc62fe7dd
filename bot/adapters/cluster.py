"""What the pods run, read from each environment's cluster with the Kubernetes client.

That client is synchronous, so every cluster has one thread of its own: one that does not answer keeps its thread busy
and nobody else's. A caller waits a bounded time, for its turn too, and then hears that the cluster is unreachable.

Only two lists are read, as plain JSON. The client's generated models cost 30 MB and a second of import, and would
refuse an object of a newer cluster; its requests, credentials and TLS are what it is used for.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import urllib3
from kubernetes import config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from bot.adapters import cluster_values
from bot.adapters.calls import CallFailed, Observe, measured, unobserved
from bot.adapters.cluster_values import WorkloadRead
from bot.domain.catalog import Environment
from bot.domain.reasons import Reason

__all__ = ["ClusterUnreachable", "Clusters", "WorkloadRead"]

_PAGE = 500
_PAGES = 4
_LARGEST_PAGE = 32 * 1024 * 1024
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 8.0
# One more try when a kept connection turns out to be closed; the server's own wishes for a delay are not waited for.
_RETRIES = urllib3.Retry(total=1, connect=0, redirect=0, status=0, respect_retry_after_header=False)
_Result = TypeVar("_Result")


class ClusterUnreachable(CallFailed):
    """Nobody can say what the pods run: the cluster does not answer, or does not let the bot look."""

    default = Reason.CLUSTER_UNREACHABLE


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
        self._clusters: dict[str | None, _Cluster] = {}

    async def aclose(self) -> None:
        """Close the connections. A thread that still waits for a cluster is left to its time-outs."""
        for cluster in self._clusters.values():
            cluster.close()
        self._clusters.clear()

    async def workloads(self, environment: Environment) -> Mapping[str, WorkloadRead]:
        """The services that have a Deployment in the environment's namespace. Raises ClusterUnreachable."""
        cluster, namespace = self._cluster(environment.context), environment.namespace
        with measured(self._observe, system="cluster", call="workloads"):
            return await cluster.run(
                lambda client: cluster_values.workloads(
                    _list(client, f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/deployments"),
                    _list(client, f"/api/v1/namespaces/{quote(namespace, safe='')}/pods"),
                    services=self._services,
                ),
                timeout=self._timeout,
            )

    async def check(self, environments: Iterable[Environment]) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        return [await self._check(environment) for environment in environments]

    async def _check(self, environment: Environment) -> tuple[str, bool, str]:
        title = f"Cluster of {environment.name}"
        try:
            found = await self.workloads(environment)
        except ClusterUnreachable as error:
            return title, False, error.log
        missing = sorted(self._services - found.keys())
        if missing:
            return title, False, f"namespace {environment.namespace} has no Deployment named {', '.join(missing)}"
        return title, True, f"namespace {environment.namespace} has all {len(found)} Deployments"

    def _cluster(self, context: str | None) -> "_Cluster":
        if context not in self._clusters:
            self._clusters[context] = _Cluster(kubeconfig=self._kubeconfig, context=context)
        return self._clusters[context]


class _Cluster:
    """One cluster: its thread, and the client that lives in it."""

    def __init__(self, *, kubeconfig: Path | None, context: str | None) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._client: ApiClient | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"cluster-{context or 'current'}")

    async def run(self, work: Callable[[ApiClient], _Result], *, timeout: float) -> _Result:
        """Do the work in the thread. Work that has not begun when the time is up is never begun."""
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._work, work)
        except TimeoutError as error:
            raise ClusterUnreachable(f"no answer within {timeout:g} s") from error

    def close(self) -> None:
        """Close the connections nobody uses; the one that a stuck call holds goes when that call gives up."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._forget()

    def _work(self, work: Callable[[ApiClient], _Result]) -> _Result:
        try:
            if self._client is None:
                self._client = self._connect()
            return work(self._client)
        except _AccessRefused:
            # Credentials may have been rotated; the next call reads them again.
            self._forget()
            raise
        except ClusterUnreachable:
            raise
        except Exception as error:
            # The client raises its own errors, urllib3's, those of credential plug-ins and of YAML; to the bot they
            # all say one thing, and none of them may end the loop that asked.
            raise ClusterUnreachable(repr(error)) from error

    def _connect(self) -> ApiClient:
        """A client for this context. Reads the kubeconfig, and may run a credential plug-in."""
        configuration = Configuration()
        configuration.retries = _RETRIES
        if self._kubeconfig is not None:
            config.load_kube_config(  # type: ignore[no-untyped-call]  # the loader is older than its package's types
                config_file=str(self._kubeconfig),
                context=self._context,
                client_configuration=configuration,
                persist_config=False,
            )
        elif self._context is not None:
            # The cluster this runs in is some cluster. Taking it for the one that was named could call a release
            # deployed that never left Git.
            raise ClusterUnreachable(f"context {self._context} needs CHATOPS_KUBECONFIG, which is not set")
        else:
            try:
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            except config.ConfigException as error:
                raise ClusterUnreachable(f"CHATOPS_KUBECONFIG is not set, and this is no pod: {error}") from error
        return ApiClient(configuration)

    def _forget(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.rest_client.close()


class _AccessRefused(ClusterUnreachable):
    """The cluster answers, but not to these credentials."""


def _list(client: ApiClient, path: str) -> list[Mapping[str, Any]]:
    """All items of a list, page by page."""
    items: list[Mapping[str, Any]] = []
    query: dict[str, Any] = {"limit": _PAGE}
    for _ in range(_PAGES):
        page = _get(client, path, query=query)
        items += [item for item in page.get("items") or () if isinstance(item, dict)]
        following = (page.get("metadata") or {}).get("continue")
        if not following:
            return items
        query = {"limit": _PAGE, "continue": following}
    raise ClusterUnreachable(f"{path} has more than {_PAGE * _PAGES} items")


def _get(client: ApiClient, path: str, *, query: Mapping[str, Any]) -> Mapping[str, Any]:
    request = client.param_serialize(
        "GET",
        path,
        query_params=list(query.items()),
        header_params={"Accept": "application/json"},
        auth_settings=["BearerToken"],
    )
    answer = client.call_api(*request, _request_timeout=(_CONNECT_SECONDS, _READ_SECONDS)).response
    content = answer.read(_LARGEST_PAGE + 1, decode_content=True)
    if len(content) > _LARGEST_PAGE:
        answer.close()
        raise ClusterUnreachable(f"{path}: the answer has more than {_LARGEST_PAGE} bytes")
    answer.release_conn()
    text = content.decode(errors="replace")
    if answer.status in (401, 403):
        raise _AccessRefused(f"{answer.status}: {text}")
    page = json.loads(text) if answer.status == 200 else None
    if not isinstance(page, dict):
        raise ClusterUnreachable(f"{answer.status}: {text}")
    return page
