"""As much of Discord's REST as `python -m bot check` asks for: who the bot is, its guild, channels and membership."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from discord import Permissions
from discord.http import Route

GUILD = 100000000000000000
BOT = 100000000000000005
TOKEN = "discord-token"
RIGHTS = Permissions(view_channel=True, send_messages=True, embed_links=True, read_message_history=True).value


@asynccontextmanager
async def discord_rest(
    monkeypatch: pytest.MonkeyPatch, *, channels: Mapping[str, int], roles: Mapping[str, int], rights: int = RIGHTS
) -> AsyncIterator[None]:
    """Serve it, and point discord.py to it. Channels and roles are ids by name; everybody in the guild has `rights`."""
    user = {"id": str(BOT), "username": "tiketi-chatops", "discriminator": "0", "avatar": None, "bot": True}
    everyone = _role("@everyone", GUILD, rights)
    guild = {"id": str(GUILD), "name": "Tiketi", "roles": [everyone, *(_role(*role) for role in roles.items())]}
    there = [
        {"id": str(id), "type": 0, "name": name, "position": at, "guild_id": str(GUILD), "permission_overwrites": []}
        for at, (name, id) in enumerate(channels.items())
    ]
    application: dict[str, Any] = {
        "id": str(BOT),
        "name": "tiketi-chatops",
        "icon": None,
        "description": "",
        "bot_public": False,
    }
    application |= {"bot_require_code_grant": False, "verify_key": "0" * 64, "owner": user}
    answers: dict[str, Any] = {
        "/users/@me": user,
        "/oauth2/applications/@me": application,
        f"/guilds/{GUILD}": guild,
        f"/guilds/{GUILD}/channels": there,
        f"/guilds/{GUILD}/members/{BOT}": {"user": user, "roles": [], "flags": 0, "joined_at": None},
    }

    async def answer(request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == f"Bot {TOKEN}"
        body = answers.get(request.path) if known else {"message": "401: Unauthorized", "code": 0}
        # The library reads JSON only from exactly this content type, without a charset.
        return web.Response(
            body=json.dumps(body or {"message": "404: Not Found", "code": 0}).encode(),
            status=401 if not known else 200 if body else 404,
            content_type="application/json",
        )

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    # discord.py has no setting for where Discord is.
    monkeypatch.setattr(Route, "BASE", f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield
    finally:
        await runner.cleanup()


def _role(name: str, id: int, permissions: int = 0) -> dict[str, Any]:
    return {"id": str(id), "name": name, "permissions": str(permissions), "position": 0, "color": 0}
