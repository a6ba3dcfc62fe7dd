"""/tags and /registry check: which images there are, who uses them, and whether more can be pushed."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import registry as registry_card
from bot.cards import tags as tags_card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.services import registry_checks
from cogs import completion, places

PLACES = 25
"""How many environments are compared at once; where there are more, one has to be named."""


class Registry(commands.Cog):
    """Looking at images."""

    registry = app_commands.Group(name="registry", description="The image registry")

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="The newest images of a service, who uses them, and what does not agree")
    @app_commands.describe(service="Which service", environment="Only what concerns this environment")
    async def tags(self, interaction: discord.Interaction, service: str, environment: str | None = None) -> None:
        """Show the images."""
        work = partial(self._tags, interaction, service=service, environment=environment)
        await boundary.answer(interaction, name="tags", observe=self._deps.observe, work=work)

    @registry.command(description="Whether the pipeline can push, and whether a rule deletes what runs")
    async def check(self, interaction: discord.Interaction) -> None:
        """Show how every repository stands."""
        work = partial(self._check, interaction)
        await boundary.answer(interaction, name="registry check", observe=self._deps.observe, work=work)

    @tags.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @tags.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    async def _tags(self, interaction: discord.Interaction, *, service: str, environment: str | None) -> Card:
        deps = self._deps
        visible = await places.seen(deps, interaction, environment=environment)
        places.require_service(deps, service)
        alone = environment is not None
        found = await deps.tags.tags(service, environments=visible[:PLACES], alone=alone, now=deps.clock())
        more = max(len(visible) - PLACES, 0)
        return tags_card.render(found, service=service, environment=environment, more=more, catalog=deps.catalog)

    async def _check(self, interaction: discord.Interaction) -> Card:
        deps = self._deps
        visible = await places.seen(deps, interaction, environment=None)
        found = await registry_checks.standings(deps.tags, environments=visible[:PLACES], now=deps.clock())
        return registry_card.render(found)
