"""/diff, /history and /windows: what a sync would do, what syncs have done, and whether one is possible now."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import diff as diff_card
from bot.cards import history as history_card
from bot.cards import windows as windows_card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from cogs import completion, places


class Comparing(commands.Cog):
    """Looking at what Argo CD compares, remembers and allows."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="What a sync would change, object by object, without the values of secrets")
    @app_commands.describe(environment="Where", service="Only this service")
    async def diff(self, interaction: discord.Interaction, environment: str, service: str | None = None) -> None:
        """Show the differences, or a file of them."""
        work = partial(self._diff, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="diff", observe=self._deps.observe, work=work)

    @app_commands.command(description="What was deployed, when, who asked and who approved")
    @app_commands.describe(environment="Where", service="Only this service")
    async def history(self, interaction: discord.Interaction, environment: str, service: str | None = None) -> None:
        """Show Argo CD's history and the bot's own record as one."""
        work = partial(self._history, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="history", observe=self._deps.observe, work=work)

    @app_commands.command(description="Whether a sync is possible now, and the sync windows that decide it")
    @app_commands.describe(environment="Where")
    async def windows(self, interaction: discord.Interaction, environment: str) -> None:
        """Show the sync windows."""
        work = partial(self._windows, interaction, environment=environment)
        await boundary.answer(interaction, name="windows", observe=self._deps.observe, work=work)

    @diff.autocomplete("environment")
    @history.autocomplete("environment")
    @windows.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @diff.autocomplete("service")
    @history.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    async def _diff(self, interaction: discord.Interaction, *, environment: str, service: str | None) -> Card:
        deps = self._deps
        place = await places.visited(deps, interaction, Capability.VIEW, environment=environment, service=service)
        found = await deps.inspector.diff(place, service=service)
        return diff_card.render(found, environment=place, service=service, catalog=deps.catalog)

    async def _history(self, interaction: discord.Interaction, *, environment: str, service: str | None) -> Card:
        deps = self._deps
        place = await places.visited(deps, interaction, Capability.VIEW, environment=environment, service=service)
        found = await deps.inspector.history(place, service=service)
        return history_card.render(found, environment=place, service=service, catalog=deps.catalog)

    async def _windows(self, interaction: discord.Interaction, *, environment: str) -> Card:
        deps = self._deps
        place = await places.visited(deps, interaction, Capability.VIEW, environment=environment)
        return windows_card.render(environment, found=await deps.inspector.windows(place))
