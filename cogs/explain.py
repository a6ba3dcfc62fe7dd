"""/can and /why: a decision in words, before somebody is refused or after."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import explanations as cards
from bot.cards import stories
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.catalog import Environment
from bot.domain.obstacles import Obstacle
from bot.domain.operations import OperationKind
from bot.domain.permissions import OF_SERVICES, Capability
from bot.domain.reasons import Reason, Refused
from bot.services import explanations, operations, stops
from cogs import completion, places

_KINDS = {
    Capability.DEPLOY: OperationKind.DEPLOY,
    Capability.APPROVE: OperationKind.DEPLOY,
    Capability.BREAK_GLASS: OperationKind.DEPLOY,
    Capability.ROLLBACK: OperationKind.ROLLBACK,
    Capability.RESTART: OperationKind.RESTART,
    Capability.RERUN: OperationKind.RERUN,
    Capability.REFRESH: OperationKind.REFRESH,
}
"""What each capability is for, as far as something may keep it away."""


class Explain(commands.Cog):
    """Explaining."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Whether somebody may do something somewhere at this moment, and why")
    @app_commands.describe(
        member="Who", action="What", environment="Where", service="Which service: its locks, and rights for it alone"
    )
    async def can(
        self,
        interaction: discord.Interaction,
        member: discord.User,
        action: str,
        environment: str,
        service: str | None = None,
    ) -> None:
        """Say which rule, which roles and which lock decide."""
        work = partial(self._can, interaction, member=member, action=action, environment=environment, service=service)
        await boundary.answer(interaction, name="can", observe=self._deps.observe, work=work)

    @app_commands.command(description="What an operation went through, and why it ended as it did or does not go on")
    @app_commands.describe(operation="Pick one, or its id from the bottom of its card or from /audit")
    async def why(self, interaction: discord.Interaction, operation: completion.OperationId) -> None:
        """Tell its story."""
        work = partial(self._why, interaction, operation_id=operation.strip())
        await boundary.answer(interaction, name="why", observe=self._deps.observe, work=work)

    @can.autocomplete("action")
    async def _actions(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.matching(Capability if self._deps.gate.visible(interaction) else (), current)

    @can.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @can.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @why.autocomplete("operation")
    async def _operations(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.operations_of(self._deps, self._deps.gate.visible(interaction), current)

    async def _can(
        self,
        interaction: discord.Interaction,
        *,
        member: discord.User,
        action: str,
        environment: str,
        service: str | None,
    ) -> Card:
        deps = self._deps
        place = await places.visited(deps, interaction, Capability.VIEW, environment=environment, service=service)
        if action not in tuple(Capability):
            raise Refused(Reason.UNKNOWN_ACTION)
        capability = Capability(action)
        if capability is Capability.STOP:
            return await self._can_stop(member)
        explained = deps.gate.explain(member, capability=capability, environment=environment, service=service)
        may = partial(deps.gate.explain, member, capability=capability, environment=environment)
        alone = explained.refused is not None and service is None and capability in OF_SERVICES
        return cards.can(
            member.display_name,
            capability=capability,
            environment=place,
            service=service,
            place=explained.place,
            refused=explained.refused,
            granted=explained.granted,
            roles=explained.roles,
            services=[one for one in deps.catalog.services if alone and may(service=one).refused is None],
            obstacles=await self._hindering(member, capability, place=place, service=service),
            identified=member.id in deps.catalog.logins,
        )

    async def _hindering(
        self, member: discord.User, capability: Capability, *, place: Environment, service: str | None
    ) -> tuple[Obstacle, ...]:
        """What would keep the member away who has the right."""
        deps, kind = self._deps, _KINDS.get(capability)
        if capability is Capability.LOCK:
            return await explanations.held_by_another(
                deps.database, environment=place.name, service=service, person=member.id, now=deps.clock()
            )
        if kind is None or (capability in cards.DECIDING and not place.required_approvals):
            return ()
        if kind is OperationKind.RERUN and place.automated:
            kind = OperationKind.DEPLOY  # Argo CD syncs by itself what the run commits.
        return await explanations.hindering(
            deps.database, kind, environment=place.name, service=service, now=deps.clock()
        )

    async def _can_stop(self, member: discord.User) -> Card:
        """Stopping is about every environment, whichever was named."""
        deps = self._deps
        explained = {
            name: deps.gate.explain(member, capability=Capability.STOP, environment=name)
            for name in deps.catalog.environments
        }
        return cards.can_stop(
            member.display_name,
            granted={name: one.granted for name, one in explained.items()},
            missing=[name for name, one in explained.items() if not one.granted & one.roles],
            refused=next((one.refused for one in explained.values() if one.refused), None),
            stop=await stops.standing(deps.database),
        )

    async def _why(self, interaction: discord.Interaction, *, operation_id: str) -> Card:
        deps = self._deps
        operation = await operations.get(deps.database, operation_id)
        if operation is None or operation.environment not in deps.gate.visible(interaction):
            # Whoever may not view the place learns no more than whoever guesses an id.
            await places.seen(deps, interaction, environment=None)
            raise Refused(Reason.OPERATION_UNKNOWN)
        await places.visited(deps, interaction, Capability.VIEW, environment=operation.environment)
        now = deps.clock()
        told = await explanations.why(deps.database, operation, guild_id=deps.guild_id, now=now)
        return stories.why(
            told.operation,
            approval=told.approval,
            obstacles=told.obstacles,
            story=told.story,
            url=told.url,
            catalog=deps.catalog,
            now=now,
        )
