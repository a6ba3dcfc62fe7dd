"""The Argo CD API server, with its rules of transport, of permission and of order.

It answers from the world and starts operations in it. The texts of errors are those of Argo CD 3.5. `faults` changes
how requests go; the `faults` of an Application change what the controller does with them.

    async with Argocd(world) as argocd:      argocd.url, argocd.token, argocd.requests, argocd.faults
        world.syncs                          what really reached the cluster
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

from aiohttp import web

from sandbox import argocd_actions as actions
from sandbox import argocd_requests as requests
from sandbox import argocd_views as views
from sandbox import gojson, serving
from sandbox.applications import Application
from sandbox.argocd_accounts import Account, Accounts, Denied, NotAuthenticated
from sandbox.argocd_answers import refusal, reply
from sandbox.argocd_refusals import (
    DENIED,
    FAULTS,
    INTERNAL,
    INVALID,
    NOT_FOUND,
    PRECONDITION,
    UNAUTHENTICATED,
    UNKNOWN,
    Refused,
    check_rollback,
    check_sync,
    resolve,
)
from sandbox.argocd_stream import Stream
from sandbox.faults import ArgocdFaults
from sandbox.git import UnknownRevision
from sandbox.manifests import BuildFailed, Json
from sandbox.operations import NothingToTerminate, OperationInProgress
from sandbox.world import World

RESTART = "action/apps/Deployment/restart"
AppHandler = Callable[[Application, web.Request], Awaitable[web.StreamResponse]]


class Argocd(serving.Server):
    """The server, of all Applications or of those named. `token` may do all the bot needs; `accounts` has others.

    `crowd` has further Applications, which no controller moves and which manage nothing.
    """

    def __init__(self, world: World, *, applications: Collection[str] | None = None) -> None:
        super().__init__()
        self.world = world
        self._named = None if applications is None else frozenset(applications)
        self.crowd: dict[str, Application] = {}
        self.faults = ArgocdFaults()
        self.accounts = Accounts(project=world.topology.project)
        self.token = self.accounts.issue("chatops", actions=("get", "sync", RESTART))

    @property
    def applications(self) -> dict[str, Application]:
        """Those that it has."""
        named = self._named
        mine = {name: app for name, app in self.world.applications.items() if named is None or name in named}
        return mine | self.crowd

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Everything the bot asks of Argo CD."""
        one = "/api/v1/applications/{name}"
        return [
            web.get("/api/version", self._version),
            web.get("/api/v1/session/userinfo", self._userinfo),
            web.get("/api/v1/account/can-i/{resource}/{action}/{subject:.+}", self._can_i),
            web.get("/api/v1/applications", self._list),
            web.get(one, self._on(self._get)),
            web.post(f"{one}/sync", self._sync),
            web.post(f"{one}/rollback", self._rollback),
            web.delete(f"{one}/operation", self._on(self._terminate)),
            web.get("/api/v1/stream/applications", self._stream),
            web.get(f"{one}/events", self._on(self._events)),
            web.get(f"{one}/resource/actions", self._on(self._actions)),
            web.post(f"{one}/resource/actions/v2", self._act),
            web.get(f"{one}/managed-resources", self._on(self._managed)),
            web.get(f"{one}/resource-tree", self._on(self._tree)),
            web.get(f"{one}/syncwindows", self._on(self._windows)),
            web.get(f"{one}/revisions/{{revision}}/metadata", self._on(self._revision)),
            web.get(f"{one}/manifests", self._on(self._manifests)),
            web.get(r"/{path:(?!api/).*}", self._page),
        ]

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        """The rules that hold before a route is reached, and around every one of them."""
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)
        if not request.path.startswith("/api/"):
            return None
        if request.method != "GET" and request.headers.get("Content-Type", "").lower() != "application/json":
            return web.Response(status=415, text="Invalid content type\n")
        if error := request.match_info.http_exception:
            return web.Response(status=error.status, text=f"{error.reason}\n")
        if self.faults.status:
            return web.json_response(views.error(*FAULTS[self.faults.status]), status=self.faults.status)
        try:
            return await request.match_info.handler(request)
        except NotAuthenticated as error:
            return refusal(request, UNAUTHENTICATED, str(error))
        except Denied as error:
            return refusal(request, DENIED, str(error))
        except gojson.NotDecodable as error:
            return refusal(request, INVALID, str(error))
        except Refused as error:
            return refusal(request, error.code, error.message)

    def _account(self, request: web.Request) -> Account:
        return self.accounts.find(serving.bearer(request))

    def _find(self, request: web.Request, project: str, *, action: str = "get") -> Application:
        """The Application, under Argo CD's rule of what is told to whom: unknown and forbidden look alike."""
        account, name = self._account(request), request.match_info["name"]
        app = self.applications.get(name)
        if not account.may(action, f"{project or (app.project if app else '')}/{name}"):
            raise Refused(DENIED, "permission denied")
        if app is None or (project and app.project != project):
            raise Refused(NOT_FOUND, f'applications.argoproj.io "{name}" not found')
        return app

    def _on(self, handler: AppHandler) -> serving.Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(self._find(request, request.query.get("project", "")), request)

        return handle

    async def _page(self, request: web.Request) -> web.Response:
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(text="<!doctype html><title>Argo CD</title>", content_type="text/html")
        return web.Response(status=404, text="404 page not found\n")

    async def _version(self, request: web.Request) -> web.Response:
        version = {"Version": "v3.5.1+109ca7c"}
        try:
            self._account(request)
        except NotAuthenticated:
            return reply(request, version)
        return reply(request, version | {"GitCommit": "109ca7c", "GoVersion": "go1.26.1", "Platform": "linux/amd64"})

    async def _userinfo(self, request: web.Request) -> web.Response:
        try:
            account = self._account(request)
        except NotAuthenticated:
            return reply(request, {})
        return reply(request, {"loggedIn": True, "username": account.subject, "iss": "argocd"})

    async def _can_i(self, request: web.Request) -> web.Response:
        account, asked = self._account(request), request.match_info
        allowed = account.may(asked["action"], asked["subject"], resource=asked["resource"])
        return reply(request, {"value": "yes" if allowed else "no"})

    async def _list(self, request: web.Request) -> web.Response:
        account, query = self._account(request), request.query
        projects, name = query.getall("projects", []), query.get("name")
        items = [
            app.stored()
            for _, app in sorted(self.applications.items())
            if account.may("get", f"{app.project}/{app.name}")
            and (not projects or app.project in projects)
            and name in (None, "", app.name)
        ]
        version = str(max((app.version for app in self.applications.values()), default=0))
        if "fields" not in query:
            return reply(request, {"metadata": {"resourceVersion": version}, "items": self._null(items)})
        fields = [field.removeprefix("items.") for field in query["fields"].split(",")]
        chosen = [views.select(item, fields) for item in items]
        return reply(request, {"items": self._null(chosen or None)})

    async def _get(self, app: Application, request: web.Request) -> web.Response:
        if "refresh" in request.query:
            if app.faults.refresh_hangs:
                await serving.hang()
            if self.faults.refresh_expires:
                raise Refused(UNKNOWN, "application refresh deadline exceeded")
            self.world.controller.refresh(app)
        return reply(request, app.document())

    async def _sync(self, request: web.Request) -> web.StreamResponse:
        body = gojson.decode(await request.read(), requests.SYNC)
        app = self._find(request, body.get("project", ""))
        account = self._account(request)
        check_sync(app, account, body)
        if self.faults.sync_lost:
            raise Refused(INTERNAL, "etcdserver: request timed out")
        operation = requests.operation(app, resolve(self.world.git, app, body), body, username=account.subject)
        self._begin(app, operation)
        return serving.cut(request) if self.faults.sync_cut else reply(request, app.document())

    async def _rollback(self, request: web.Request) -> web.StreamResponse:
        body = gojson.decode(await request.read(), requests.ROLLBACK)
        app = self._find(request, body.get("project", ""), action="sync")
        entry = check_rollback(app, body)
        if self.faults.rollback_lost:
            raise Refused(INTERNAL, "etcdserver: request timed out")
        operation = requests.rollback(app, entry, body, username=self._account(request).subject)
        self._begin(app, operation, event=f"initiated rollback to {entry['id']}")
        return serving.cut(request) if self.faults.rollback_cut else reply(request, app.document())

    def _begin(self, app: Application, operation: Json, *, event: str | None = None) -> None:
        try:
            self.world.operations.begin(app, operation, event=event)
        except OperationInProgress as error:
            raise Refused(PRECONDITION, "another operation is already in progress") from error

    async def _terminate(self, app: Application, request: web.Request) -> web.Response:
        self._account(request).require("sync", f"{app.project}/{app.name}")
        try:
            self.world.operations.terminate(app)
        except NothingToTerminate as error:
            message = "Unable to terminate operation. No operation is in progress"
            raise Refused(INVALID, message) from error
        return serving.cut(request) if self.faults.terminate_cut else reply(request, {})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        account, projects = self._account(request), request.query.getall("projects", [])

        def visible() -> list[Application]:
            may = [app for app in self.applications.values() if account.may("get", f"{app.project}/{app.name}")]
            return [app for app in may if not projects or app.project in projects]

        return await Stream(request, faults=self.faults).run(visible, heartbeat=self.faults.heartbeat)

    async def _events(self, app: Application, request: web.Request) -> web.Response:
        return reply(request, {"metadata": {}, "items": self._null(app.events)})

    async def _actions(self, app: Application, request: web.Request) -> web.Response:
        return reply(request, actions.listed(app, request))

    async def _act(self, request: web.Request) -> web.StreamResponse:
        body = gojson.decode(await request.read(), actions.RUN)
        app = self._find(request, body.get("project", ""))
        if self.faults.action_lost:
            raise Refused(INTERNAL, "etcdserver: request timed out")
        try:
            actions.run(self.world, app, self._account(request), body)
        except actions.NotInTree as error:
            raise Refused(INVALID, str(error)) from error
        return serving.cut(request) if self.faults.action_cut else reply(request, {})

    async def _managed(self, app: Application, request: web.Request) -> web.Response:
        wanted = {part: request.query[part] for part in ("group", "kind", "namespace", "name") if part in request.query}
        items = [
            views.difference(item)
            for item in self._differences(app)
            if all(item.reference[part] == value for part, value in wanted.items())
        ]
        if self.faults.head_moves:
            self.faults.head_moves -= 1
            service = next(iter(self.world.topology.services))
            self.world.commit_source(service, branch=app.branch, login="minji", subject="docs: a word")
            self.world.controller.refresh(app)
        return reply(request, {"items": self._null(items)})

    async def _tree(self, app: Application, request: web.Request) -> web.Response:
        namespace = self.world.namespaces[app.environment]
        return reply(request, views.tree(self._differences(app), namespace))

    async def _windows(self, app: Application, request: web.Request) -> web.Response:
        return reply(request, app.windows(at=self.world.timeline.now()))

    async def _revision(self, app: Application, request: web.Request) -> web.Response:
        revision = request.match_info["revision"]
        try:
            return reply(request, views.revision(self.world.git.find(revision)))
        except UnknownRevision as error:
            failure = f"rpc error: code = Internal desc = Failed to checkout revision {revision}"
            raise Refused(UNKNOWN, f"error getting revision metadata: {failure}") from error

    async def _manifests(self, app: Application, request: web.Request) -> web.Response:
        revision = request.query.get("revision") or app.branch
        try:
            found = self.world.comparer.targets(app, revision)
        except (UnknownRevision, BuildFailed) as error:
            failure = f"rpc error: code = Unknown desc = {error}"
            raise Refused(UNKNOWN, f"error generating manifests: {failure}") from error
        return reply(request, {"manifests": [json.dumps(manifest) for manifest in found]})

    def _differences(self, app: Application) -> list[Any]:
        if app.name in self.crowd:
            return []
        try:
            return self.world.comparer.differences(app, app.revision)
        except (UnknownRevision, BuildFailed):
            return []

    def _null(self, items: list[Json] | None) -> list[Json] | None:
        return None if self.faults.items_null else items
