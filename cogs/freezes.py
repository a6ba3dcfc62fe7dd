"""/freeze add, list and remove: times in which nothing new is deployed."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import freezes as freeze_cards
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from bot.services import freezes
from bot.services.freezes import Wanted
from cogs import completion, places


class Freezes(commands.Cog):
    """Freezing."""

    freeze = app_commands.Group(name="freeze", description="Times in which nothing new is deployed")

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @freeze.command(description="Refuse deploys until a moment, or again and again by cron")
    @app_commands.describe(
        environment="Where",
        reason="Why; everybody reads it",
        service="Only this service, not the whole environment",
        starts="One window: from when, such as 2026-12-24T18:00; without it, from now on",
        ends="One window: until when, such as 2027-01-02T09:00",
        cron="Again and again: when it starts, such as 0 18 * * FRI",
        lasts="Again and again: how long each time, such as 14h",
        zone="The time zone of all that, such as Asia/Seoul; without it, UTC",
    )
    @app_commands.rename(starts="from", ends="until", lasts="for")
    async def add(
        self,
        interaction: discord.Interaction,
        environment: str,
        reason: str,
        service: str | None = None,
        starts: str | None = None,
        ends: str | None = None,
        cron: str | None = None,
        lasts: str | None = None,
        zone: str | None = None,
    ) -> None:
        """Add it, and show its first window."""
        wanted = Wanted(
            environment=environment,
            service=service,
            reason=reason,
            starts=starts,
            ends=ends,
            cron=cron,
            lasts=lasts,
            zone=zone,
        )
        work = partial(self._add, interaction, wanted)
        await boundary.answer(interaction, name="freeze add", observe=self._deps.observe, work=work)

    @freeze.command(name="list", description="What is frozen or will be, until when, by whom and why")
    async def list_(self, interaction: discord.Interaction) -> None:
        """Show the freezes of every environment that the member may view."""
        work = partial(self._list, interaction)
        await boundary.answer(interaction, name="freeze list", observe=self._deps.observe, work=work)

    @freeze.command(description="Remove a freeze")
    @app_commands.describe(freeze="Which one", reason="Needed when somebody else has added it")
    async def remove(self, interaction: discord.Interaction, freeze: str, reason: str = "") -> None:
        """Remove it."""
        work = partial(self._remove, interaction, freeze_id=freeze.strip(), reason=reason)
        await boundary.answer(interaction, name="freeze remove", observe=self._deps.observe, work=work)

    @add.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @add.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @add.autocomplete("zone")
    async def _zones(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.zones(interaction, self._deps, current)

    @remove.autocomplete("freeze")
    async def _standing(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.standing_freezes(interaction, self._deps, current)

    async def _add(self, interaction: discord.Interaction, wanted: Wanted) -> Card:
        deps = self._deps
        may = partial(deps.gate.require, interaction, environment=wanted.environment, service=wanted.service)
        actor = await may(capability=Capability.FREEZE)
        added = await freezes.add(deps.database, wanted, catalog=deps.catalog, actor=actor, now=deps.clock())
        place = deps.catalog.environments[wanted.environment]
        return freeze_cards.added(added.freeze, first=added.first, environment=place)

    async def _list(self, interaction: discord.Interaction) -> Card:
        deps = self._deps
        visible = [place.name for place in await places.seen(deps, interaction, environment=None)]
        return freeze_cards.listed(await freezes.standing(deps.database, places=visible), now=deps.clock())

    async def _remove(self, interaction: discord.Interaction, *, freeze_id: str, reason: str) -> Card:
        deps = self._deps
        # As with /status, before anything is told of a freeze, whoever may view nothing hears that.
        visible = [place.name for place in await places.seen(deps, interaction, environment=None)]
        found = await freezes.find(deps.database, freeze_id, places=visible)
        # The service may have left the topology since it was frozen, and its freeze must not stay for ever.
        may = partial(deps.gate.require, interaction, capability=Capability.FREEZE, environment=found.environment)
        actor = await may(service=deps.gate.known(found.service))
        removed = await freezes.remove(
            deps.database, freeze_id, catalog=deps.catalog, actor=actor, reason=reason, now=deps.clock()
        )
        return freeze_cards.removed(removed)
