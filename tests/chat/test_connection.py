"""Staying connected: whatever may pass is tried again with a new client; what cannot pass ends with a sentence."""

import asyncio

import discord
import pytest

from bot.chat.connection import LONGEST, Connection, DiscordRefused
from tests.chat.discord_server import discord_server
from tests.chat.town import until


def connection(made: list[discord.Client], *, shortest: float = 0.001) -> Connection:
    """A connection whose clients are kept to be looked at."""

    def make() -> discord.Client:
        made.append(discord.Client(intents=discord.Intents(guilds=True), guild_ready_timeout=0.01))
        return made[-1]

    return Connection(make, token=lambda: "token", shortest=shortest, chance=lambda: 1.0)


async def test_it_tries_again_until_it_is_connected_and_closes_cleanly(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[discord.Client] = []
    async with discord_server(["login-503", "no-gateway", "drop", "stay"], monkeypatch) as server:
        one = connection(made)
        task = asyncio.create_task(one.run())
        await until(lambda: server.mood == "stay" and one.ready)
        assert one.client is made[3]
        assert [client.is_closed() for client in made] == [True, True, True, False]
        assert [identity["token"] for identity in server.identified] == ["token", "token"]
        assert server.identified[0]["intents"] == 1

        task.cancel()
        await asyncio.wait([task])
        assert made[3].is_closed()
        assert not one.ready
        await until(lambda: len(server.closed) == 2)


async def test_a_refused_token_ends_it_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[discord.Client] = []
    async with discord_server(["login-503", "login-401"], monkeypatch):
        with pytest.raises(DiscordRefused, match="Set CHATOPS_DISCORD_TOKEN anew"):
            await connection(made).run()

    assert len(made) == 2


def test_the_pauses_grow_and_have_an_end() -> None:
    one = connection([], shortest=1.0)

    assert [one._pause(failures) for failures in (1, 2, 3, 9, 10, 1000)] == [1.0, 2.0, 4.0, 256.0, LONGEST, LONGEST]
