"""/pods, /logs and /events: looking at what runs, live from the cluster."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import events as events_card
from bot.cards import logs as logs_card
from bot.cards import pods as pods_card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from cogs import completion, places

LINES = 100
Lines = app_commands.Range[int, 1, 1000]
Pattern = app_commands.Range[str, 1, 100]


class Looking(commands.Cog):
    """Looking at pods, logs and events."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Every pod with its state, restarts, node, age and image; the worst one first")
    @app_commands.describe(environment="Where", service="Only this service")
    async def pods(self, interaction: discord.Interaction, environment: str, service: str | None = None) -> None:
        """Show the pods as the cluster tells them now."""
        work = partial(self._pods, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="pods", observe=self._deps.observe, work=work)

    @app_commands.command(description="The last lines that the worst pod of a service logged; secrets are hidden")
    @app_commands.describe(
        environment="Where",
        service="Which service",
        previous="Of the container that ran before the last restart",
        container="Another container than the service's own",
        lines="How many lines, 100 unless you say so",
        grep="Only lines with this text in them",
    )
    async def logs(
        self,
        interaction: discord.Interaction,
        environment: str,
        service: str,
        previous: bool = False,
        container: str | None = None,
        lines: Lines = LINES,
        grep: Pattern | None = None,
    ) -> None:
        """Show log lines, or a file of them."""
        work = partial(
            self._logs,
            interaction,
            environment=environment,
            service=service,
            previous=previous,
            container=container,
            lines=lines,
            pattern=grep or "",
        )
        await boundary.answer(interaction, name="logs", observe=self._deps.observe, work=work)

    @app_commands.command(description="What Kubernetes and Argo CD noticed, newest last")
    @app_commands.describe(environment="Where", service="Only this service")
    async def events(self, interaction: discord.Interaction, environment: str, service: str | None = None) -> None:
        """Show events."""
        work = partial(self._events, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="events", observe=self._deps.observe, work=work)

    @pods.autocomplete("environment")
    @logs.autocomplete("environment")
    @events.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @pods.autocomplete("service")
    @logs.autocomplete("service")
    @events.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @logs.autocomplete("container")
    async def _containers(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.containers(interaction, self._deps, current)

    async def _pods(self, interaction: discord.Interaction, *, environment: str, service: str | None) -> Card:
        place = await places.visited(self._deps, interaction, Capability.VIEW, environment=environment, service=service)
        found = await self._deps.inspector.pods(place, service=service)
        return pods_card.render(environment, service=service, pods=found)

    async def _logs(
        self,
        interaction: discord.Interaction,
        *,
        environment: str,
        service: str,
        previous: bool,
        container: str | None,
        lines: int,
        pattern: str,
    ) -> Card:
        place = await places.visited(self._deps, interaction, Capability.LOGS, environment=environment, service=service)
        read = await self._deps.inspector.logs(
            place, service=service, container=container, previous=previous, lines=lines
        )
        return logs_card.render(read, environment=environment, service=service, pattern=pattern)

    async def _events(self, interaction: discord.Interaction, *, environment: str, service: str | None) -> Card:
        place = await places.visited(self._deps, interaction, Capability.VIEW, environment=environment, service=service)
        found = await self._deps.inspector.events(place, service=service)
        return events_card.render(environment, service=service, found=found.found, missing=found.missing, cut=found.cut)
