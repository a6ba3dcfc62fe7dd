"""/deploy: ask for a deploy by hand. The same request, the same card and the same approval as the pipeline's own."""

import asyncio
from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import operations
from bot.services.releases import card_key
from bot.storage import cards
from cogs import completion

PREPARED = frozenset(OperationState) - {OperationState.REQUESTED}
PREPARE_SECONDS = 20.0
CARD_LOOKS, CARD_LOOK_SECONDS = 20, 0.1


class Deploy(commands.Cog):
    """Asking for a deploy."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Ask to deploy what Git wants of a service; the release card shows what changes")
    @app_commands.describe(environment="Where to", service="Which service")
    async def deploy(self, interaction: discord.Interaction, environment: str, service: str) -> None:
        """Take the request and say what happens next."""
        work = partial(self._deploy, interaction, environment=environment, service=service)
        await boundary.answer(interaction, name="deploy", observe=self._deps.observe, work=work)

    @deploy.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @deploy.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    async def _deploy(self, interaction: discord.Interaction, *, environment: str, service: str) -> Card:
        deps = self._deps
        actor = await deps.gate.require(interaction, capability=Capability.DEPLOY, environment=environment)
        if service not in deps.catalog.services:
            raise Refused(Reason.UNKNOWN_SERVICE)
        asked = await operations.request(
            deps.database,
            kind=OperationKind.DEPLOY,
            environment=environment,
            service=service,
            actor=actor,
            catalog=deps.catalog,
            now=deps.clock(),
        )
        operation = await operations.ended(deps.database, asked.id, states=PREPARED, seconds=PREPARE_SECONDS)
        mention = deps.catalog.environments[environment].mention
        return answers.deploy(operation, mention=mention, url=await self._card_url(operation))

    async def _card_url(self, operation: Operation) -> str | None:
        """Where the release card is; the board needs a moment to post one that is new."""
        if operation.release_id is None:
            return None
        for _ in range(CARD_LOOKS):
            found = await cards.location(self._deps.database, card_key(operation.release_id))
            if found is not None:
                channel_id, message_id = found
                return f"https://discord.com/channels/{self._deps.guild_id}/{channel_id}/{message_id}"
            await asyncio.sleep(CARD_LOOK_SECONDS)
        return None
