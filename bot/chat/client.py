"""The Discord client: what it listens to, which commands it registers, and what it does with orders nobody takes.

It needs the `guilds` intent only: members and their roles come with each interaction. It calls nobody by default.
Commands are registered in the one guild, so they appear at once, and only when they changed since last time.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.cards import refusal
from bot.chat import boundary, buttons, forms
from bot.chat.components import FORMS, KINDS
from bot.chat.deps import Deps

LONGEST_WAIT = 60.0
"""Seconds to wait for Discord's rate limits; longer than this the caller is told and does something better."""

LoadMarker = Callable[[], Awaitable[str | None]]
StoreMarker = Callable[[str], Awaitable[None]]
MakeCogs = Callable[[Deps], Iterable[commands.Cog]]

log = structlog.get_logger(__name__)


class Tree(app_commands.CommandTree["Client"]):
    """Commands for members of the guild, in the guild; a fault outside a command's own boundary is answered too."""

    async def on_error(
        self, interaction: discord.Interaction["Client"], error: app_commands.AppCommandError, /
    ) -> None:
        """The command did not even start: unknown to this version, or with options it does not know."""
        name = interaction.command.name if interaction.command else "unknown"
        await boundary.reply(interaction, boundary.failed(error, name=name, person=interaction.user.id))


class Client(commands.Bot):
    """One connection's client. A new one is built for every attempt to connect."""

    def __init__(self, deps: Deps, *, make_cogs: MakeCogs, load_marker: LoadMarker, store_marker: StoreMarker) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=Tree,
            intents=discord.Intents(guilds=True),
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            max_ratelimit_timeout=LONGEST_WAIT,
        )
        self.deps = deps
        self._make_cogs = make_cogs
        self._load_marker = load_marker
        self._store_marker = store_marker

    async def setup_hook(self) -> None:
        """Before the gateway is opened: commands are known."""
        for cog in self._make_cogs(self.deps):
            await self.add_cog(cog, guild=discord.Object(self.deps.guild_id))
        await self._register()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Take presses and submitted forms, and answer what nothing claims: what an earlier version of the bot made."""
        submitted = interaction.type is discord.InteractionType.modal_submit
        if not submitted and interaction.type is not discord.InteractionType.component:
            return
        data: Mapping[str, Any] = dict(interaction.data or {})
        custom_id = str(data.get("custom_id", ""))
        if submitted and (form := forms.find(FORMS, custom_id)):
            await forms.submit(interaction, form, custom_id=custom_id, deps=self.deps)
        elif not submitted and (kind := buttons.find(KINDS, custom_id)):
            await buttons.press(interaction, kind, custom_id=custom_id, deps=self.deps)
        else:
            self.deps.observe("unknown", "expired", 0.0)
            await boundary.reply(interaction, refusal.expired("form" if submitted else "button"))

    async def _register(self) -> None:
        """Send the guild's commands to Discord when they differ from what was sent last.

        A failure is logged and the old commands stay: cards and buttons work without new ones.
        """
        guild = discord.Object(self.deps.guild_id)
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands(guild=guild)]
        text = json.dumps([self.application_id, self.deps.guild_id, payload], sort_keys=True, default=str)
        wanted = hashlib.sha256(text.encode()).hexdigest()
        if await self._load_marker() == wanted:
            return
        try:
            await self.tree.sync(guild=guild)
        except (discord.HTTPException, app_commands.AppCommandError) as error:
            log.exception("client.commands_not_registered", error=repr(error))
            return
        await self._store_marker(wanted)
        log.info("client.commands_registered", commands=len(payload))


def build_client(deps: Deps, *, make_cogs: MakeCogs, load_marker: LoadMarker, store_marker: StoreMarker) -> Client:
    """A client that is ready to be started once."""
    return Client(deps, make_cogs=make_cogs, load_marker=load_marker, store_marker=store_marker)
