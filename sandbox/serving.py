"""What every stand-in server has in common: a free port on 127.0.0.1, a record of requests, a delay on demand.

    async with Argocd(world) as argocd:
        argocd.url                     http://127.0.0.1:41733
        argocd.requests                every request so far, oldest first
        argocd.received("POST")        the bodies of those with that method

A server is started and stopped by `async with`, or by `start` and `stop` where the two are far apart.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One request as it arrived; header names are in lower case, `authorization` is left out; `body` is the JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Server:
    """One stand-in. A subclass gives `routes`, and may answer before them by overriding `intercept`."""

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self._runner: web.AppRunner | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end; empty before the start."""
        return self._url

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, *, port: int = 0) -> None:
        """Listen on 127.0.0.1."""
        application = web.Application(middlewares=[self._record], client_max_size=26_000_000)
        application.add_routes(self.routes())
        # Handlers that wait for ever belong to the faults: they end with the client, and at the latest with the server.
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, bound = self._runner.addresses[0][:2]
        self._url = f"http://{host}:{bound}"

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What it answers."""
        raise TypeError(f"{type(self).__name__} answers nothing")

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        """An answer in place of the route's, or None."""
        return None

    def received(self, method: str, path: str = "") -> list[Any]:
        """The bodies of the requests with this method whose path ends so."""
        return [item.body for item in self.requests if item.method == method and item.path.endswith(path)]

    @web.middleware
    async def _record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        content = await request.read()
        self.requests.append(
            Recorded(
                method=request.method,
                path=request.path,
                query=dict(request.query),
                headers={name.lower(): text for name, text in request.headers.items() if name != "Authorization"},
                body=_decode(content),
            )
        )
        answer = await self.intercept(request)
        return await handler(request) if answer is None else answer


async def hang() -> None:
    """Wait until the client or the server gives up."""
    await asyncio.Event().wait()


def cut(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def bearer(request: web.Request) -> str | None:
    """The token in `Authorization: Bearer …` or `token …`, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() in ("bearer", "token") and token else None


def _decode(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return content.decode(errors="replace")
