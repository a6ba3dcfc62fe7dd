"""/lock, /unlock and /locks: keeping deploys away for a while, with a reason that everybody can read."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.cards import locks as lock_cards
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.locks import period
from bot.domain.permissions import Capability
from bot.services import locks
from cogs import completion, places

TakeOver = app_commands.Range[str, 1, 32]


class Locks(commands.Cog):
    """Locking."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Keep deploys away from an environment or one service, with a reason")
    @app_commands.describe(
        environment="Where",
        reason="Why; everybody reads it",
        service="Only this service, not the whole environment",
        lasts="How long, such as 30m, 2h or 1d; without it, until /unlock",
        rollbacks="Refuse rollbacks too",
        take_over="The lock of somebody else that this one replaces",
    )
    @app_commands.rename(lasts="for")
    async def lock(
        self,
        interaction: discord.Interaction,
        environment: str,
        reason: str,
        service: str | None = None,
        lasts: str | None = None,
        rollbacks: bool = False,
        take_over: TakeOver = "",
    ) -> None:
        """Lock, and say what that stops and what it does not."""
        work = partial(
            self._lock,
            interaction,
            environment=environment,
            reason=reason,
            service=service,
            lasts=lasts,
            rollbacks=rollbacks,
            take_over=take_over,
        )
        await boundary.answer(interaction, name="lock", observe=self._deps.observe, work=work)

    @app_commands.command(description="Remove a deploy lock")
    @app_commands.describe(
        environment="Where",
        service="The lock on this service, not the one on the environment",
        reason="Needed when somebody else has locked it",
    )
    async def unlock(
        self, interaction: discord.Interaction, environment: str, service: str | None = None, reason: str = ""
    ) -> None:
        """Unlock, and say what is still locked there."""
        work = partial(self._unlock, interaction, environment=environment, service=service, reason=reason)
        await boundary.answer(interaction, name="unlock", observe=self._deps.observe, work=work)

    @app_commands.command(description="What is locked, by whom, since and until when, and why")
    async def locks(self, interaction: discord.Interaction) -> None:
        """Show the locks of every environment that the member may view."""
        await boundary.answer(
            interaction, name="locks", observe=self._deps.observe, work=partial(self._locks, interaction)
        )

    @lock.autocomplete("environment")
    @unlock.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.environments(interaction, self._deps, current)

    @lock.autocomplete("service")
    @unlock.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.services(interaction, self._deps, current)

    @lock.autocomplete("take_over")
    async def _standing(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.standing_locks(interaction, self._deps, current)

    async def _lock(
        self,
        interaction: discord.Interaction,
        *,
        environment: str,
        reason: str,
        service: str | None,
        lasts: str | None,
        rollbacks: bool,
        take_over: str,
    ) -> Card:
        deps = self._deps
        may = partial(deps.gate.require, interaction, environment=environment, service=service)
        actor = await may(capability=Capability.LOCK)
        placed = await locks.lock(
            deps.database,
            environment=environment,
            service=service,
            actor=actor,
            reason=reason,
            now=deps.clock(),
            period=period(lasts) if lasts else None,
            blocks_rollbacks=rollbacks,
            take_over=take_over,
        )
        return lock_cards.placed(
            placed.lock,
            environment=deps.catalog.environments[environment],
            before=placed.before,
            under_way=placed.under_way,
        )

    async def _unlock(
        self, interaction: discord.Interaction, *, environment: str, service: str | None, reason: str
    ) -> Card:
        # The service may have left the topology since it was locked, and its lock must not stay for ever.
        deps = self._deps
        may = partial(deps.gate.require, interaction, environment=environment, service=deps.gate.known(service))
        actor = await may(capability=Capability.LOCK)
        removed = await locks.unlock(
            deps.database, environment=environment, service=service, actor=actor, reason=reason, now=deps.clock()
        )
        return lock_cards.removed(removed.lock, left=removed.left)

    async def _locks(self, interaction: discord.Interaction) -> Card:
        deps = self._deps
        visible = [place.name for place in await places.seen(deps, interaction, environment=None)]
        return lock_cards.listed(await locks.holding(deps.database, places=visible, now=deps.clock()))
