"""/deploy: ask for a deploy by hand. The same request, the same card and the same approval as the pipeline's own."""

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

PREPARED = frozenset(OperationState) - {OperationState.REQUESTED}
PREPARE_SECONDS = 20.0


class Deploy(commands.Cog):
    """Asking for a deploy."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Ask to deploy what Git wants; the card shows what would change")
    @app_commands.describe(
        environment="Where to",
        service="Which service, or all of them at once",
        revision="A commit of the manifests in place of the newest one",
    )
    async def deploy(
        self, interaction: discord.Interaction, environment: str, service: str, revision: str | None = None
    ) -> None:
        """Take the request and say what happens next."""
        work = partial(self._deploy, interaction, environment=environment, service=service, revision=revision)
        await boundary.answer(interaction, name="deploy", observe=self._deps.observe, work=work)

    @deploy.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @deploy.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services_or_all(interaction, self._deps, current)

    @deploy.autocomplete("revision")
    async def _revisions(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.revisions(interaction, self._deps, current)

    async def _deploy(
        self, interaction: discord.Interaction, *, environment: str, service: str, revision: str | None
    ) -> Card:
        deps = self._deps
        actor = await deps.gate.require(interaction, capability=Capability.DEPLOY, environment=environment)
        if service not in (completion.ALL, *deps.catalog.services):
            raise Refused(Reason.UNKNOWN_SERVICE)
        asked = await operations.request(
            deps.database,
            kind=OperationKind.DEPLOY,
            environment=environment,
            service=None if service == completion.ALL else service,
            actor=actor,
            catalog=deps.catalog,
            now=deps.clock(),
            revision=revision.strip().lower() if revision else None,
        )
        operation = await operations.ended(deps.database, asked.id, states=PREPARED, seconds=PREPARE_SECONDS)
        mention = deps.catalog.environments[environment].mention
        return answers.deploy(operation, mention=mention, url=await places.card(deps, operation))
