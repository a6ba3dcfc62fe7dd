"""Requests to a cluster's API, through the Kubernetes client and in a thread of its own.

The client is synchronous, so every cluster has one thread: one that does not answer keeps its thread busy and nobody
else's. A caller waits a bounded time, for its turn too, and then hears that the cluster is unreachable.

Everything is read as plain JSON. The client's generated models cost 30 MB and a second of import, and would refuse an
object of a newer cluster; its requests, credentials and TLS are what it is used for.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import urllib3
from kubernetes import config
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration

from bot.adapters.cluster_errors import (
    ClusterError,
    ClusterForbidden,
    ClusterUnreachable,
    CredentialsRefused,
    error_of,
)
from bot.adapters.fields import Json, entries, section

_PAGE = 500
_PAGES = 4
_LARGEST_PAGE = 32 * 1024 * 1024
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 8.0
# One more try when a kept connection turns out to be closed; the server's own wishes for a delay are not waited for.
_RETRIES = urllib3.Retry(total=1, connect=0, redirect=0, status=0, respect_retry_after_header=False)
_Result = TypeVar("_Result")


class Cluster:
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
        except (CredentialsRefused, ClusterForbidden):
            # Credentials may have been rotated; the next call reads them again.
            self._forget()
            raise
        except ClusterError:
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


def items(client: ApiClient, path: str) -> list[Json]:
    """All items of a list. Raises ClusterUnreachable when there are too many: a part would be taken for the whole."""
    found, cut = first_items(client, path)
    if cut:
        raise ClusterUnreachable(f"{path} has more than {_PAGE * _PAGES} items")
    return found


def first_items(client: ApiClient, path: str) -> tuple[list[Json], bool]:
    """The first items of a list, page by page, in the order in which the cluster keeps them; whether there are more."""
    found: list[Json] = []
    query: dict[str, Any] = {"limit": _PAGE}
    for _ in range(_PAGES):
        page = _document(_request(client, "GET", path, query=query))
        found += entries(page, "items")
        following = section(page, "metadata").get("continue")
        if not following:
            return found, False
        query = {"limit": _PAGE, "continue": following}
    return found, True


def text(client: ApiClient, path: str, *, query: Mapping[str, Any]) -> str:
    """The answer as text, with what is no UTF-8 replaced."""
    return _request(client, "GET", path, query=query)


def may(client: ApiClient, *, verb: str, group: str, resource: str, namespace: str) -> bool:
    """Whether these credentials may do it. `resource` may have a subresource (`pods/log`). Asking changes nothing.

    https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
    """
    kind, _, part = resource.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": kind, "subresource": part}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    return section(_document(_request(client, "POST", path, body=review)), "status").get("allowed") is True


def _request(
    client: ApiClient, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Json | None = None
) -> str:
    """The body of a good answer. Raises the ClusterError that any other one means."""
    request = client.param_serialize(
        method,
        path,
        query_params=list((query or {}).items()),
        header_params={"Accept": "*/*", **({"Content-Type": "application/json"} if body else {})},
        body=body,
        auth_settings=["BearerToken"],
    )
    answer = client.call_api(*request, _request_timeout=(_CONNECT_SECONDS, _READ_SECONDS)).response
    content: bytes = answer.read(_LARGEST_PAGE + 1, decode_content=True)
    if len(content) > _LARGEST_PAGE:
        answer.close()
        raise ClusterUnreachable(f"{path}: the answer has more than {_LARGEST_PAGE} bytes")
    answer.release_conn()
    said = content.decode(errors="replace")
    if 200 <= answer.status < 300:
        return said
    raise error_of(answer.status, said)


def _document(said: str) -> Json:
    document = json.loads(said)
    if not isinstance(document, dict):
        raise ClusterUnreachable(f"not an object: {said}")
    return document
