"""/restart and /terminate: putting a hand on what runs. Both leave a card that the whole team sees."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.operations import OperationKind, OperationState
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import operations
from cogs import completion, places

ORDERED = frozenset(OperationState) - {OperationState.REQUESTED, OperationState.DISPATCHING}
ORDER_SECONDS = 15.0


class Interventions(commands.Cog):
    """Restarting and stopping."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Replace every pod of a service, one after the other, with the same image")
    @app_commands.describe(environment="Where", service="Which service")
    async def restart(self, interaction: discord.Interaction, environment: str, service: str) -> None:
        """Order the restart; its card follows the pods."""
        work = partial(self._restart, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="restart", observe=self._deps.observe, work=work)

    @app_commands.command(description="Stop the operation that runs on an Application")
    @app_commands.describe(environment="Where")
    async def terminate(self, interaction: discord.Interaction, environment: str) -> None:
        """Show what would be stopped, with the button that does."""
        work = partial(self._terminate, interaction, environment=environment)
        await boundary.answer(interaction, name="terminate", observe=self._deps.observe, work=work)

    @restart.autocomplete("environment")
    @terminate.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @restart.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    async def _restart(self, interaction: discord.Interaction, *, environment: str, service: str) -> Card:
        deps = self._deps
        may = partial(deps.gate.require, interaction, environment=environment, service=service)
        actor = await may(capability=Capability.RESTART)
        asked = await operations.request(
            deps.database,
            kind=OperationKind.RESTART,
            environment=environment,
            service=service,
            actor=actor,
            catalog=deps.catalog,
            now=deps.clock(),
        )
        operation = await operations.ended(deps.database, asked.id, states=ORDERED, seconds=ORDER_SECONDS)
        return answers.restart(operation, url=await places.card(deps, operation))

    async def _terminate(self, interaction: discord.Interaction, *, environment: str) -> Card:
        deps = self._deps
        place = await places.visited(deps, interaction, Capability.TERMINATE, environment=environment)
        running = await deps.inspector.operation(place)
        if running is None:
            raise Refused(Reason.NOTHING_RUNNING)
        return answers.confirm_stop(environment, running, now=deps.clock())
