"""/deploy and /promote: ask for a deploy by hand. The same request and the same approval as the pipeline's own."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.operations import OperationKind, OperationState
from bot.domain.permissions import Actor, Capability
from bot.services import operations, promotions
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
        tag="An image of the service: its tag is written into Git first",
        hotfix="Why it cannot wait for the end of a freeze; marked on the card for everybody",
    )
    async def deploy(
        self,
        interaction: discord.Interaction,
        environment: str,
        service: str,
        revision: str | None = None,
        tag: str | None = None,
        hotfix: str | None = None,
    ) -> None:
        """Take the request and say what happens next."""
        work = partial(
            self._deploy,
            interaction,
            environment=environment,
            service=service,
            revision=revision,
            tag=tag,
            hotfix=hotfix,
        )
        await boundary.answer(interaction, name="deploy", observe=self._deps.observe, work=work)

    @app_commands.command(description="Ask to deploy the image that another environment runs, healthy")
    @app_commands.describe(
        service="Which service",
        source="Where the image runs; without it, the environment before the other one",
        target="Where it shall run; without it, the last environment",
        hotfix="Why it cannot wait for the end of a freeze; marked on the card for everybody",
    )
    @app_commands.rename(source="from", target="to")
    async def promote(
        self,
        interaction: discord.Interaction,
        service: str,
        source: str | None = None,
        target: str | None = None,
        hotfix: str | None = None,
    ) -> None:
        """Take the request and say what happens next."""
        work = partial(self._promote, interaction, service=service, source=source, target=target, hotfix=hotfix)
        await boundary.answer(interaction, name="promote", observe=self._deps.observe, work=work)

    @promote.autocomplete("service")
    async def _promoted(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @promote.autocomplete("source")
    @promote.autocomplete("target")
    @deploy.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @deploy.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services_or_all(interaction, self._deps, current)

    @deploy.autocomplete("revision")
    async def _revisions(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.revisions(interaction, self._deps, current)

    @deploy.autocomplete("tag")
    async def _tags(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.tags(interaction, self._deps, current)

    async def _deploy(
        self,
        interaction: discord.Interaction,
        *,
        environment: str,
        service: str,
        revision: str | None,
        tag: str | None,
        hotfix: str | None,
    ) -> Card:
        deps = self._deps
        one = None if service == completion.ALL else service
        may = partial(deps.gate.require, interaction, environment=environment, service=one)
        actor = await may(capability=Capability.DEPLOY)
        return await self._ask(
            actor,
            environment=environment,
            service=one,
            revision=revision.strip().lower() if revision else None,
            tag=tag.strip() if tag else None,
            hotfix=hotfix,
        )

    async def _promote(
        self,
        interaction: discord.Interaction,
        *,
        service: str,
        source: str | None,
        target: str | None,
        hotfix: str | None,
    ) -> Card:
        deps, names = self._deps, [*self._deps.catalog.environments]
        target = target or names[-1]
        before = names.index(target) - 1 if target in names else -1
        source = source or names[max(before, 0)]
        may = partial(deps.gate.require, interaction, environment=target, service=service)
        actor = await may(capability=Capability.DEPLOY)
        await places.visited(deps, interaction, Capability.VIEW, environment=source, service=service)
        tag = await promotions.tag(deps.database, source=source, target=target, service=service)
        return await self._ask(actor, environment=target, service=service, tag=tag, promoted_from=source, hotfix=hotfix)

    async def _ask(
        self,
        actor: Actor,
        *,
        environment: str,
        service: str | None,
        revision: str | None = None,
        tag: str | None = None,
        promoted_from: str | None = None,
        hotfix: str | None = None,
    ) -> Card:
        """Store the request, and say what became of it as soon as it has been prepared."""
        deps = self._deps
        asked = await operations.request(
            deps.database,
            kind=OperationKind.DEPLOY,
            environment=environment,
            service=service,
            actor=actor,
            catalog=deps.catalog,
            now=deps.clock(),
            revision=revision,
            tag=tag,
            promoted_from=promoted_from,
            hotfix=hotfix,
        )
        operation = await operations.ended(deps.database, asked.id, states=PREPARED, seconds=PREPARE_SECONDS)
        mention = deps.catalog.environments[environment].mention
        return answers.deploy(operation, mention=mention, url=await places.card(deps, operation))
