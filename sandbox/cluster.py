"""The Kubernetes API servers, one below a path for each context, as the `kubernetes` client asks them.

Environments of one context are namespaces of one cluster. `write_kubeconfig` makes the file that the bot reads: every
context with its own address and the token; the first one is the current one.

    async with Cluster(world) as cluster:      cluster.write_kubeconfig(path); cluster.token
"""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

import yaml
from aiohttp import web

from sandbox import objects, serving
from sandbox.deployments import Deployment, Pod
from sandbox.faults import ClusterFaults
from sandbox.manifests import Json
from sandbox.rollouts import Namespace
from sandbox.world import World

RIGHTS = (("list", "apps", "deployments"), ("list", "", "pods"), ("get", "", "pods/log"), ("list", "", "events"))
REASONS = {401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 500: "InternalError", 503: "ServiceUnavailable"}
SERVING_LOGS = (
    "> node dist/server.js",
    "connected to postgres://tiketi:s3cr3t-of-the-sandbox@postgres:5432/tiketi",
    "listening on :3000",
    "GET /health 200 2 ms",
)


class Missing(Exception):
    """There is no such object."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f'{kind} "{name}" not found')


class Cluster(serving.Server):
    """The servers of all contexts. `token` has `rights` in the namespaces of the topology, and none in others.

    `faults` act on every request, `faults_of` on those to one context.
    """

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.faults = ClusterFaults()
        self.token = "sandbox-cluster-reader"
        self.rights = set(RIGHTS)
        self.faults_of: dict[str, ClusterFaults] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What the bot asks of a cluster."""
        root = "/clusters/{context}"
        core, apps = f"{root}/api/v1/namespaces/{{namespace}}", f"{root}/apis/apps/v1/namespaces/{{namespace}}"
        return [
            web.get(f"{root}/version{{slash:/?}}", self._version),
            web.get(f"{apps}/deployments", self._deployments),
            web.get(f"{apps}/deployments/{{name}}", self._deployment),
            web.get(f"{core}/pods", self._pods),
            web.get(f"{core}/pods/{{name}}", self._pod),
            web.get(f"{core}/pods/{{name}}/log", self._log),
            web.get(f"{core}/events", self._events),
            web.post(f"{root}/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", self._review),
        ]

    def write_kubeconfig(self, path: Path) -> Path:
        """Write the configuration of every context; returns the path."""
        contexts = list(dict.fromkeys(namespace.context for namespace in self.world.namespaces.values()))
        servers = {context: f"{self.url}/clusters/{quote(context, safe='')}" for context in contexts}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": context, "cluster": {"server": servers[context]}} for context in contexts],
            "users": [{"name": "chatops", "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": "chatops"}} for name in contexts],
            "current-context": contexts[0],
        }
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return path

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        """What holds for every request: the faults, who asks, and what is not there."""
        context = request.match_info.get("context", "")
        for faults in (self.faults, self.faults_of.get(context, ClusterFaults())):
            if faults.slow:
                await asyncio.sleep(faults.slow)
            if faults.status:
                return _status(faults.status, f"{REASONS[faults.status]}: as the sandbox was told")
        if serving.bearer(request) != self.token:
            return _status(401, "Unauthorized")
        if request.match_info.http_exception:
            return _status(404, "the server could not find the requested resource")
        try:
            return await request.match_info.handler(request)
        except Missing as error:
            return _status(404, str(error))
        except PermissionError as error:
            return _status(403, str(error))

    def _namespace(self, request: web.Request) -> Namespace:
        context, name = request.match_info["context"], request.match_info["namespace"]
        for namespace in self.world.namespaces.values():
            if (namespace.context, namespace.name) == (context, name):
                return namespace
        what = request.path.split(f"/{name}/", 1)[1].partition("/")[0]
        group = "apps" if "/apis/apps/" in request.path else ""
        user = 'User "system:serviceaccount:chatops:chatops"'
        action = f'cannot list resource "{what}" in API group "{group}" in the namespace "{name}"'
        raise PermissionError(f"{what} is forbidden: {user} {action}")

    async def _version(self, request: web.Request) -> web.Response:
        build = {"gitCommit": "5c2b", "gitTreeState": "clean", "buildDate": "2026-08-13T00:00:00Z", "compiler": "gc"}
        number = {"major": "1", "minor": "36", "gitVersion": "v1.36.1-eks-1de2ab1"}
        return web.json_response(number | build | {"goVersion": "go1.26.1", "platform": "linux/amd64"})

    async def _deployments(self, request: web.Request) -> web.Response:
        found = [objects.deployment(item) for item in self._namespace(request).deployments.values()]
        return _list("DeploymentList", "apps/v1", found, request)

    async def _deployment(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        found = self._namespace(request).deployments.get(name)
        if found is None:
            raise Missing("deployments.apps", name)
        return web.json_response(objects.deployment(found))

    async def _pods(self, request: web.Request) -> web.Response:
        found = [
            objects.pod(pod, of=deployment)
            for deployment in self._namespace(request).deployments.values()
            for pod in deployment.pods
        ]
        return _list("PodList", "v1", found, request)

    async def _pod(self, request: web.Request) -> web.Response:
        deployment, pod = self._find_pod(request)
        return web.json_response(objects.pod(pod, of=deployment))

    async def _review(self, request: web.Request) -> web.Response:
        body = await request.json()
        asked = body["spec"]["resourceAttributes"]
        resource = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
        allowed = (asked["verb"], asked.get("group", ""), resource) in self.rights
        return web.json_response({**body, "status": {"allowed": allowed}}, status=201)

    async def _log(self, request: web.Request) -> web.Response:
        _, pod = self._find_pod(request)
        if ("get", "", "pods/log") not in self.rights:
            raise PermissionError(
                f'pods "{pod.name}" is forbidden: User cannot get resource "pods/log" in API group ""'
            )
        previous = request.query.get("previous", "").lower() == "true"
        container = request.query.get("container") or pod.name.rsplit("-", 2)[0]
        if container != pod.name.rsplit("-", 2)[0]:
            return _status(400, f"container {container} is not valid for pod {pod.name}")
        if pod.breakage and not pod.breakage.crashes:
            reason = "trying and failing to pull image" if "Pull" in pod.breakage.reason else "waiting to start"
            return _status(400, f'container "{container}" in pod "{pod.name}" is waiting to start: {reason}')
        if previous and not pod.restarts:
            return _status(400, f'previous terminated container "{container}" in pod "{pod.name}" not found')
        lines = pod.breakage.logs if pod.breakage else SERVING_LOGS
        tail = int(request.query.get("tailLines", len(lines)))
        text = "".join(f"{line}\n" for line in lines[max(len(lines) - tail, 0) :])
        limit = int(request.query.get("limitBytes", len(text.encode())))
        return web.Response(body=text.encode()[:limit], content_type="text/plain")

    async def _events(self, request: web.Request) -> web.Response:
        namespace = self._namespace(request)
        found = [objects.event(event, namespace=namespace.name) for event in namespace.events]
        return _list("EventList", "v1", found, request)

    def _find_pod(self, request: web.Request) -> tuple[Deployment, Pod]:
        for deployment in self._namespace(request).deployments.values():
            for pod in deployment.pods:
                if pod.name == request.match_info["name"]:
                    return deployment, pod
        raise Missing("pods", request.match_info["name"])


def _selected(found: list[Json], request: web.Request) -> list[Json]:
    """Those that the selectors of the request let through."""
    labels, fields = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
    return [
        item for item in found if _matches(labels, item["metadata"].get("labels", {})) and _matches(fields, _flat(item))
    ]


def _matches(selector: str, values: dict[str, str]) -> bool:
    """Whether values satisfy `a=b,c!=d,e,!f,g in (h,i)`."""
    for term in filter(None, re.split(r",(?![^(]*\))", selector)):
        if among := re.fullmatch(r"\s*(\S+)\s+(in|notin)\s+\((.*)\)\s*", term):
            name, word, options = among.groups()
            fits = (values.get(name) in {option.strip() for option in options.split(",")}) == (word == "in")
        elif "!=" in term:
            name, _, value = term.partition("!=")
            fits = values.get(name.strip()) != value.strip()
        elif "=" in term:
            name, _, value = term.replace("==", "=").partition("=")
            fits = values.get(name.strip()) == value.strip()
        else:
            fits = (term.strip().lstrip("!") in values) != term.strip().startswith("!")
        if not fits:
            return False
    return True


def _flat(item: Json, prefix: str = "") -> dict[str, str]:
    """Every text in an object by its path, which is what field selectors name."""
    result: dict[str, str] = {}
    for name, value in item.items():
        if isinstance(value, dict):
            result |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, str):
            result[f"{prefix}{name}"] = value
    return result


def _list(kind: str, version: str, found: list[Json], request: web.Request) -> web.Response:
    """What the selectors let through, or a page of it with a `limit`; the next one's token is its first index."""
    items = _selected(found, request)
    begin, limit = int(request.query.get("continue") or 0), int(request.query.get("limit") or len(items))
    page, left = items[begin : begin + limit], len(items) - begin - limit
    following = {"continue": str(begin + limit), "remainingItemCount": left} if left > 0 else {}
    # The items of a real list carry neither apiVersion nor kind.
    bare = [{name: value for name, value in item.items() if name not in ("apiVersion", "kind")} for item in page]
    metadata = {"resourceVersion": "100000", **following}
    return web.json_response({"kind": kind, "apiVersion": version, "metadata": metadata, "items": bare})


def _status(code: int, message: str) -> web.Response:
    body = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": REASONS.get(code, "BadRequest"),
        "code": code,
    }
    return web.json_response(body, status=code)
