"""As much of Discord as a bot needs to come up: two REST routes and a gateway, on a real socket.

Each connection attempt takes the next mood from a list. simcord replaces the transport below discord.py, so whatever
happens on the wire while connecting has to be shown here.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import yarl
from aiohttp import web
from discord.gateway import DiscordWebSocket
from discord.http import Route

USER = {"id": "5", "username": "chatops", "discriminator": "0", "avatar": None, "bot": True}
APPLICATION = {
    "id": "5",
    "name": "chatops",
    "icon": None,
    "description": "",
    "bot_public": False,
    "bot_require_code_grant": False,
    "verify_key": "0" * 64,
    "owner": USER,
    "flags": 0,
}


class DiscordServer:
    """Moods: `login-503`, `login-401`, `no-gateway`, `drop` (after READY) and `stay`."""

    def __init__(self, moods: list[str]) -> None:
        self.moods = moods
        self.mood = ""
        self.identified: list[dict[str, Any]] = []
        self.closed: list[int | None] = []

    async def me(self, _request: web.Request) -> web.Response:
        """The first call of an attempt."""
        self.mood = self.moods.pop(0)
        if self.mood == "login-503":
            return _answer({"message": "no"}, status=503)
        if self.mood == "login-401":
            return _answer({"message": "401: Unauthorized", "code": 0}, status=401)
        return _answer(USER)

    async def application(self, _request: web.Request) -> web.Response:
        """What the bot's application is."""
        return _answer(APPLICATION)

    async def gateway(self, request: web.Request) -> web.StreamResponse:
        """HELLO, heartbeats, READY; then what the mood says."""
        if self.mood == "no-gateway":
            return _answer({}, status=502)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 41250}})
        async for message in socket:
            frame = json.loads(message.data)
            if frame["op"] == 1:
                await socket.send_json({"op": 11})
            if frame["op"] == 2:
                self.identified.append(frame["d"])
                await socket.send_json({"op": 0, "t": "READY", "s": 1, "d": _ready()})
                if self.mood == "drop":
                    await socket.close(code=4010)
        self.closed.append(socket.close_code)
        return socket


@asynccontextmanager
async def discord_server(moods: list[str], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordServer]:
    """Run it, and point discord.py to it: both addresses are attributes of its classes."""
    server = DiscordServer(moods)
    app = web.Application()
    app.router.add_get("/api/v10/users/@me", server.me)
    app.router.add_get("/api/v10/oauth2/applications/@me", server.application)
    app.router.add_get("/gateway/", server.gateway)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    # discord.py has no setting for where Discord is.
    monkeypatch.setattr(Route, "BASE", f"http://127.0.0.1:{port}/api/v10")
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(f"ws://127.0.0.1:{port}/gateway/"))
    try:
        yield server
    finally:
        await runner.cleanup()


def _ready() -> dict[str, Any]:
    return {
        "v": 10,
        "user": USER,
        "guilds": [],
        "session_id": "s",
        "resume_gateway_url": str(DiscordWebSocket.DEFAULT_GATEWAY),
        "application": {"id": "5", "flags": 0},
    }


def _answer(body: object, *, status: int = 200) -> web.Response:
    # The library reads JSON only from exactly this content type, without a charset.
    return web.Response(body=json.dumps(body).encode(), status=status, content_type="application/json")
