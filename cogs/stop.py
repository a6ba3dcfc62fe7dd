"""/stop and /resume: the kill switch."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import boundary, stopping
from bot.chat.deps import Deps


class Stop(commands.Cog):
    """Stopping everything."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Hold everything that I would do, in every environment, until /resume")
    async def stop(self, interaction: discord.Interaction) -> None:
        """Ask why, and for two words."""
        form = partial(stopping.ask_to_stop, interaction, self._deps)
        await boundary.ask(interaction, name="stop_everything", observe=self._deps.observe, form=form)

    @app_commands.command(description="Let everything go on after /stop")
    async def resume(self, interaction: discord.Interaction) -> None:
        """Ask why, and for two words."""
        form = partial(stopping.ask_to_resume, interaction, self._deps)
        await boundary.ask(interaction, name="resume_everything", observe=self._deps.observe, form=form)
