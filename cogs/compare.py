"""/compare: the commits and pull requests between two tags of a service, or between what two environments run."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import compare as compare_card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from cogs import completion, places

Version = app_commands.Range[str, 1, 100]


class Compare(commands.Cog):
    """Comparing two versions."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Commits and pull requests between two tags, or between two environments")
    @app_commands.describe(
        service="Which service",
        old="Before: an environment, for what it runs, or a tag",
        new="After: an environment, for what it runs, or a tag",
    )
    @app_commands.rename(old="from", new="to")
    async def compare(self, interaction: discord.Interaction, service: str, old: Version, new: Version) -> None:
        """Show what lies between, and which way it goes."""
        work = partial(self._compare, interaction, service=service, old=old, new=new)
        await boundary.answer(interaction, name="compare", observe=self._deps.observe, work=work)

    @compare.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @compare.autocomplete("old")
    @compare.autocomplete("new")
    async def _versions(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.versions(interaction, self._deps, current)

    async def _compare(self, interaction: discord.Interaction, *, service: str, old: str, new: str) -> Card:
        deps = self._deps
        versions = [old.strip(), new.strip()]
        named = [text for text in dict.fromkeys(versions) if text in deps.catalog.environments]
        if not named and not deps.gate.visible(interaction):
            named = list(deps.catalog.environments)[-1:]  # As with /status.
        for environment in named:
            await deps.gate.require(interaction, capability=Capability.VIEW, environment=environment)
        places.require_service(deps, service)
        compared = await deps.comparer.compare(service=service, base=versions[0], head=versions[1])
        return compare_card.render(
            compared.found,
            service=deps.catalog.services[service],
            base=compared.base,
            head=compared.head,
            catalog=deps.catalog,
        )
