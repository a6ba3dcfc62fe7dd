"""/status, /refresh and /help: looking, asking Argo CD to look, and what can be asked at all."""

from functools import partial
from itertools import product

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import answers
from bot.cards import help as help_card
from bot.cards import status as status_card
from bot.cards.base import FIELDS_LIMIT, Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.operations import OPEN, OperationKind, OperationState
from bot.domain.permissions import Capability, place
from bot.services import operations, stops, views
from cogs import completion, places

ENDED = frozenset(OperationState) - OPEN
REFRESH_SECONDS = 30.0


class Status(commands.Cog):
    """Looking."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="What runs, what should run, and what is going on")
    @app_commands.describe(environment="Only this environment", service="Only this service, with its tags in full")
    async def status(
        self, interaction: discord.Interaction, environment: str | None = None, service: str | None = None
    ) -> None:
        """Show what was read last."""
        work = partial(self._status, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="status", observe=self._deps.observe, work=work)

    @app_commands.command(description="Have Argo CD compare Git and the cluster now")
    @app_commands.describe(environment="Which environment", hard="Without the cache of rendered manifests")
    async def refresh(self, interaction: discord.Interaction, environment: str, hard: bool = False) -> None:
        """Refresh, and say what was found."""
        work = partial(self._refresh, interaction, environment=environment, hard=hard)
        await boundary.answer(interaction, name="refresh", observe=self._deps.observe, work=work)

    @app_commands.command(description="What I can do, and what you may do")
    async def help(self, interaction: discord.Interaction) -> None:
        """Show the commands and the member's rights."""
        work = partial(self._help, interaction)
        await boundary.answer(interaction, name="help", observe=self._deps.observe, work=work)

    @status.autocomplete("environment")
    @refresh.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @status.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    async def _status(self, interaction: discord.Interaction, *, environment: str | None, service: str | None) -> Card:
        deps = self._deps
        wanted = [place.name for place in await places.seen(deps, interaction, environment=environment)]
        places.require_service(deps, service)
        named, now = wanted[:FIELDS_LIMIT], deps.clock()
        view = await views.status(deps.database, catalog=deps.catalog, environments=named, now=now)
        stop = await stops.standing(deps.database)
        return status_card.render(view, service=service, more=len(wanted) - len(view), stop=stop)

    async def _refresh(self, interaction: discord.Interaction, *, environment: str, hard: bool) -> Card:
        deps = self._deps
        actor = await deps.gate.require(interaction, capability=Capability.REFRESH, environment=environment)
        asked = await operations.request(
            deps.database,
            kind=OperationKind.REFRESH,
            environment=environment,
            service=None,
            actor=actor,
            catalog=deps.catalog,
            now=deps.clock(),
            hard=hard,
        )
        operation = await operations.ended(deps.database, asked.id, states=ENDED, seconds=REFRESH_SECONDS)
        [known] = await views.status(deps.database, catalog=deps.catalog, environments=[environment], now=deps.clock())
        return answers.refresh(operation, status=known)

    async def _help(self, interaction: discord.Interaction) -> Card:
        deps = self._deps
        deps.gate.require_member(interaction)
        known = interaction.client.tree.walk_commands(guild=discord.Object(deps.guild_id))  # type: ignore[attr-defined]  # it is our Client
        allowed = partial(deps.gate.allowed, interaction)
        rights = {name: may for name in deps.catalog.environments if (may := allowed(environment=name))}
        for name, service in product(deps.catalog.environments, deps.catalog.services):
            if more := allowed(environment=name, service=service) - rights.get(name, frozenset()):
                rights[place(name, service)] = more
        listed = [_described(command) for command in known if isinstance(command, app_commands.Command)]
        return help_card.render(sorted(listed, key=lambda command: command.name), rights=rights)


def _described(command: app_commands.Command[commands.Cog, ..., None]) -> help_card.Command:
    return help_card.Command(
        name=command.qualified_name,
        needs=tuple(option.display_name for option in command.parameters if option.required),
        takes=tuple(option.display_name for option in command.parameters if not option.required),
        description=command.description,
    )
