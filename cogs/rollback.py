"""/rollback: where a service can go back to and how. What is chosen is ordered with a button and a reason."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import boundary, rolling_back
from bot.chat.deps import Deps
from cogs import completion


class Rollback(commands.Cog):
    """Going back."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Where a service can go back to, and how; nothing happens before you choose")
    @app_commands.describe(
        environment="Where",
        service="Which service",
        to="The image to go back to; without it, the last one that ran well",
    )
    async def rollback(
        self, interaction: discord.Interaction, environment: str, service: str, to: str | None = None
    ) -> None:
        """Show the plan."""
        tag = to.strip() if to else None
        work = partial(rolling_back.plan, interaction, self._deps, environment=environment, service=service, tag=tag)
        await boundary.answer(interaction, name="rollback", observe=self._deps.observe, work=work)

    @rollback.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @rollback.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @rollback.autocomplete("to")
    async def _tags(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.proven(interaction, self._deps, current)
