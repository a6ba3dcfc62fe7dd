"""/rerun: have the newest workflow run of a service run again. Its release card goes on with the new attempt."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary, run_again
from bot.chat.deps import Deps
from bot.domain.permissions import Capability
from bot.services import runs
from cogs import completion, places


class Rerun(commands.Cog):
    """Running again."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Run the failed jobs of a service's newest workflow run again")
    @app_commands.describe(
        service="Which service",
        environment="Only the run that builds for this environment",
        everything="The whole run, not only its failed jobs",
    )
    async def rerun(
        self,
        interaction: discord.Interaction,
        service: str,
        environment: str | None = None,
        everything: bool = False,
    ) -> None:
        """Order it, and say what GitHub did."""
        work = partial(self._rerun, interaction, service=service, environment=environment, everything=everything)
        await boundary.answer(interaction, name="rerun", observe=self._deps.observe, work=work)

    @rerun.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @rerun.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    async def _rerun(
        self, interaction: discord.Interaction, *, service: str, environment: str | None, everything: bool
    ) -> Card:
        deps = self._deps
        visible = deps.gate.visible(interaction)
        if environment is None and not visible:
            # As with /status, before anything is told of a run.
            last = list(deps.catalog.environments)[-1]
            await deps.gate.require(interaction, capability=Capability.VIEW, environment=last)
        may = partial(deps.gate.require, interaction, capability=Capability.RERUN, service=service)
        actor = await may(environment=environment) if environment is not None else None
        places.require_service(deps, service)
        wanted = visible if environment is None else [environment]
        chosen = await runs.latest(deps.database, service=service, environments=wanted, everything=everything)
        actor = actor or await may(environment=chosen.environment)
        operation = await run_again.order(deps, chosen, actor=actor)
        return answers.rerun(operation, url=await places.card(deps, operation))
