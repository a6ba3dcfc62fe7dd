"""The client: which commands it registers and when, and that a fault outside every boundary is answered as well."""

from collections.abc import Iterable
from dataclasses import replace

import discord
from discord import app_commands
from discord.ext import commands

import cogs
from bot.chat.client import Client, build_client
from bot.chat.deps import Deps
from tests.chat.office import Office
from tests.chat.town import Town
from tests.journeys import expected


class Marker:
    """What was registered last."""

    def __init__(self) -> None:
        self.value: str | None = None

    async def load(self) -> str | None:
        """The marker."""
        return self.value

    async def store(self, value: str) -> None:
        """Set it."""
        self.value = value


def client(deps: Deps, marker: Marker, *more: commands.Cog) -> Client:
    """A client with the bot's commands, and more."""

    def make(deps: Deps) -> Iterable[commands.Cog]:
        return [*cogs.make(deps), *more]

    return build_client(deps, make_cogs=make, load_marker=marker.load, store_marker=marker.store)


def registrations(town: Town) -> list[list[str]]:
    """The names in every registration so far."""
    bodies = [request.json for request in town.env.http_requests if request.method == "PUT"]
    return [sorted(command["name"] for command in body) for body in bodies if isinstance(body, list)]


class Broken(commands.Cog):
    """A command that fails before it gets to its boundary."""

    @app_commands.command(description="Fails")
    async def broken(self, interaction: discord.Interaction) -> None:
        """Fail."""
        raise ValueError("before the boundary")


async def test_commands_are_registered_when_they_changed(office: Office) -> None:
    marker = Marker()
    before = len(registrations(office.town))
    for more in ((), (), (Broken(),)):
        await office.town.env.restart_bot(client(office.deps, marker, *more))

    known = sorted({usage.split()[0].strip("`/") for usage in expected.HELP.splitlines() if usage.startswith("`/")})
    assert registrations(office.town)[before:] == [known, sorted(["broken", *known])]


async def test_commands_belong_to_the_guild_and_to_nobody_elses(office: Office) -> None:
    [put] = [request for request in office.town.env.http_requests if request.method == "PUT"]

    assert put.path.endswith(f"/guilds/{office.town.guild.id}/commands")
    assert isinstance(put.json, list)
    contexts = [(command["name"], command["contexts"], command["integration_types"]) for command in put.json]
    assert contexts == [(command["name"], [0], [0]) for command in put.json]
    assert "deploy" in {command["name"] for command in put.json}


async def test_a_failed_registration_is_tried_again_at_the_next_start(office: Office) -> None:
    marker = Marker()
    for status in (503, 403):
        office.town.env.inject_error("PUT", "/applications/*/guilds/*/commands", status=status)
        await office.town.env.restart_bot(client(office.deps, marker, Broken()))
        assert marker.value is None
        assert office.town.env.bot.is_ready()

    await office.town.env.restart_bot(client(office.deps, marker))
    assert marker.value is not None


async def test_a_fault_outside_the_boundary_is_answered_with_an_id(office: Office) -> None:
    await office.town.env.restart_bot(client(office.deps, Marker(), Broken()))

    result = await office.town.mina.slash(office.town.releases, "broken")

    assert result.response is not None
    assert result.response.ephemeral
    assert result.response.embeds[0].title == "Something broke in the bot"
    assert [type(error) for error in office.town.env.errors] == [app_commands.CommandInvokeError]


async def test_it_asks_for_nothing_it_does_not_need(office: Office) -> None:
    bot = client(replace(office.deps), Marker())

    assert bot.intents == discord.Intents(guilds=True)
    assert bot.allowed_mentions is not None
    assert bot.allowed_mentions.to_dict() == discord.AllowedMentions.none().to_dict()
    assert bot.http.max_ratelimit_timeout == 60.0
