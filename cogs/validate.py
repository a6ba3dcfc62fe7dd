"""/validate: does an environment's overlay build at a commit, and is what comes of it what Kubernetes takes?"""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import validation as validation_card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from cogs import completion, places


class Validate(commands.Cog):
    """Looking at what Git asks for before anything is deployed."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Build an environment's overlay with kustomize and check it; nothing is changed")
    @app_commands.describe(environment="Which overlay", revision="A commit of the manifests in place of the newest one")
    async def validate(self, interaction: discord.Interaction, environment: str, revision: str | None = None) -> None:
        """Show what is wrong, with file and line, or what would be applied."""
        work = partial(self._validate, interaction, environment=environment, revision=revision)
        await boundary.answer(interaction, name="validate", observe=self._deps.observe, work=work)

    @validate.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @validate.autocomplete("revision")
    async def _revisions(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.revisions(interaction, self._deps, current)

    async def _validate(self, interaction: discord.Interaction, *, environment: str, revision: str | None) -> Card:
        deps = self._deps
        place = await places.visited(deps, interaction, Capability.VIEW, environment=environment)
        wanted = revision.strip().lower() if revision else None
        found = await deps.validator.validate(place, revision=wanted)
        return validation_card.render(found, environment=place, catalog=deps.catalog)
