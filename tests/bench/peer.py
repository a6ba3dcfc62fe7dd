"""What the intake is compared with: gidgethub on aiohttp, which verifies, parses, routes, and keeps nothing.

python -m tests.bench.peer SECRET        prints its address
"""

import asyncio
import sys

from aiohttp import web
from gidgethub import routing, sansio

router = routing.Router()


@router.register("workflow_run")
async def nothing(_event: sansio.Event) -> None:
    """What a handler costs that does nothing."""


async def main(secret: str) -> None:
    """Serve for ever."""

    async def receive(request: web.Request) -> web.Response:
        event = sansio.Event.from_http(request.headers, await request.read(), secret=secret)
        await router.dispatch(event)
        return web.Response(status=202)

    app = web.Application(client_max_size=25 * 1024 * 1024)
    app.router.add_post("/webhooks/github", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sys.stdout.write(f"http://127.0.0.1:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
