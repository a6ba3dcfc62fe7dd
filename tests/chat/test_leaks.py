"""A secret that got out is found, wherever it got to and however it is written there."""

import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import quote

import aiohttp
import discord
import pytest
import structlog
from pydantic import SecretStr

from bot.storage import markers
from bot.webhooks import server
from tests.chat.town import Town
from tests.journeys.program import Said
from tests.leaks import SHORTEST, Trace

PLANTED = "plänted/sécret+0001"
HEADER = base64.b64encode(f"chatops:{PLANTED}".encode()).decode()


async def _logged(_town: Town) -> None:
    structlog.get_logger().info("it.is", url=f"https://registry/?token={quote(PLANTED, safe='')}")


async def _warned(_town: Town) -> None:
    try:
        raise LookupError(PLANTED)
    except LookupError:
        logging.getLogger("aiohttp").warning("it is", exc_info=True)


async def _stored(town: Town) -> None:
    await markers.put(town.database, "header", value=f"Basic {HEADER}")


async def _posted(town: Town) -> None:
    channel = await town.env.bot.fetch_channel(town.releases.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send(embed=discord.Embed(description=json.dumps({"token": PLANTED})))


async def _attached(town: Town) -> None:
    channel = await town.env.bot.fetch_channel(town.releases.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.send(file=discord.File(io.BytesIO(f"token: {PLANTED}".encode()), "log.txt"))


async def _answered(_town: Town) -> None:
    async with _door() as url, aiohttp.ClientSession() as session, session.get(f"{url}/healthz") as answer:
        assert PLANTED in (await answer.json())["token"]


async def _printed(_town: Town) -> None:
    Said(code=0, out=f'{{"detail": {json.dumps(PLANTED)}}}', problems="")


@asynccontextmanager
async def _door() -> AsyncIterator[str]:
    """A door of the bot that tells too much."""

    async def health() -> dict[str, object]:
        return {"token": f"Bearer {PLANTED}"}

    app = server.build(health=health, **dict.fromkeys(UNUSED))  # type: ignore[arg-type]
    async with server.serve(app, host="127.0.0.1", port=0) as port:
        yield f"http://127.0.0.1:{port}"


UNUSED = ("recorder", "proofs", "verify_oidc", "ready", "metrics", "clock", "on_delivery")


@pytest.mark.parametrize(
    ("where", "leak"),
    [
        ("log", _logged),
        ("log", _warned),
        ("database", _stored),
        ("Discord", _posted),
        ("files", _attached),
        ("doors", _answered),
        ("command line", _printed),
    ],
)
async def test_a_secret_that_got_out_is_found(
    nothing_leaks: Trace, town: Town, where: str, leak: Callable[[Town], Awaitable[None]]
) -> None:
    SecretStr(PLANTED)
    assert nothing_leaks.found() == []
    await leak(town)
    assert nothing_leaks.found() == [(where, PLANTED)]
    nothing_leaks.secrets.clear()


@pytest.mark.parametrize("length", range(SHORTEST, SHORTEST + 3))
@pytest.mark.parametrize("lead", range(3))
def test_it_is_found_in_whatever_is_encoded_around_it(nothing_leaks: Trace, lead: int, length: int) -> None:
    SecretStr("~" * length)
    nothing_leaks.printed = [base64.b64encode(b"x" * lead + b"~" * length + b"yz").decode()]
    assert nothing_leaks.found() == [("command line", "~" * length)]
    nothing_leaks.secrets.clear()


def test_what_is_planted(nothing_leaks: Trace) -> None:
    """Whatever became a secret of the settings or of an adapter; no address, and nothing that may be a word."""
    for text in ("planted-0001", "sqlite:///a.db", "short"):
        SecretStr(text)
    assert nothing_leaks.secrets == {"planted-0001"}
