"""HTTP in: three doors for deliveries and three windows to look through.

    POST /webhooks/github, /webhooks/argocd, /webhooks/ci     202 once it is on the disk
    GET  /healthz    the process answers
    GET  /readyz     it can do its work, or 503 with what is missing
    GET  /metrics    Prometheus

The access log is off and bodies stay compressed if they come so: a delivery is stored exactly as it was signed.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

from aiohttp import web

from bot.storage.recorder import Recorder
from bot.webhooks.answers import answer, boundary
from bot.webhooks.receipt import OnDelivery, Proofs, Receipt, VerifyOidc

MAX_BODY = 25 * 1024 * 1024  # GitHub sends no larger ones
_SOURCES = {f"/webhooks/{source}": source for source in ("github", "argocd", "ci")}
_IDLE_SECONDS = 75  # longer than a reverse proxy keeps an idle connection, so that it is the proxy who closes
_SHUTDOWN_SECONDS = 10
_BACKLOG = 1024


def build(
    *,
    recorder: Recorder,
    proofs: Callable[[], Proofs],
    verify_oidc: VerifyOidc | None,
    health: Callable[[], Awaitable[Mapping[str, object]]],
    ready: Callable[[], Awaitable[Mapping[str, str]]],
    metrics: Callable[[], bytes],
    clock: Callable[[], datetime],
    on_delivery: OnDelivery,
    max_body: int = MAX_BODY,
) -> web.Application:
    """The application. `proofs` has what senders must show at this moment; what is empty there shuts its door.

    `health` adds facts to the answer of /healthz. `ready` gives the parts that are not ready, each with what is
    wrong; none means ready. `on_delivery` hears (source, outcome), where the outcome is `accepted`, `repeated`,
    `refused`, `unverified`, `overloaded`, `not_stored` or `broken`.
    """
    receipt = Receipt(
        recorder=recorder,
        proofs=proofs,
        verify_oidc=verify_oidc,
        clock=clock,
        on_delivery=on_delivery,
        max_body=max_body,
    )

    def refused(request: web.Request, outcome: str) -> None:
        if request.path in _SOURCES:
            on_delivery(_SOURCES[request.path], outcome)

    async def healthz(_request: web.Request) -> web.Response:
        return answer(200, status="alive", **await health())

    async def readyz(_request: web.Request) -> web.Response:
        missing = await ready()
        return answer(503, status="not ready", missing=dict(missing)) if missing else answer(200, status="ready")

    async def metricsz(_request: web.Request) -> web.Response:
        return web.Response(body=metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app = web.Application(middlewares=[boundary(refused)], client_max_size=max_body)
    app.router.add_post("/webhooks/github", receipt.github)
    app.router.add_post("/webhooks/argocd", receipt.argocd)
    app.router.add_post("/webhooks/ci", receipt.ci)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metricsz)
    return app


@asynccontextmanager
async def serve(app: web.Application, *, host: str, port: int) -> AsyncIterator[int]:
    """Listen while the context lasts and give the port, which is a free one for port 0.

    At the end no new request is taken, and those under way have a few seconds to be answered.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        auto_decompress=False,
        keepalive_timeout=_IDLE_SECONDS,
        shutdown_timeout=_SHUTDOWN_SECONDS,
    )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=_BACKLOG) as listener:
        await runner.setup()
        try:
            await web.SockSite(runner, listener, backlog=_BACKLOG).start()
            yield int(listener.getsockname()[1])
        finally:
            await _accept_no_more(listener)
            await runner.cleanup()


async def _accept_no_more(listener: socket.socket) -> None:
    """Let the connections that were just accepted reach the server, which can only then close them.

    Closing the server in between would leave them open and without an answer until the process ends:
    https://github.com/python/cpython/issues/109564
    """
    asyncio.get_running_loop().remove_reader(listener)
    for _turn in range(3):  # the task that makes the transport, the call that tells the server of it, and one to spare
        await asyncio.sleep(0)
