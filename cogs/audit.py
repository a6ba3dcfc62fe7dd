"""/audit: who did what, where, and what came of it."""

from functools import partial

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat import boundary, trail
from bot.chat.deps import Deps
from bot.chat.trail import LONGEST_ACTION, Look
from bot.domain.operations import OperationKind
from bot.domain.permissions import Capability
from cogs import completion

ACTIONS = tuple(
    dict.fromkeys(
        (
            *OperationKind,
            "approve",
            "break_glass",
            "freeze",
            "stop",
            "resume",
            "lock",
            "unlock",
            *(f"gate:{capability}" for capability in Capability),
        )
    )
)
TIMES = ("1h", "24h", "7d", "30d")

Action = app_commands.Range[str, 1, LONGEST_ACTION]
Since = app_commands.Range[str, 1, 40]


class Audit(commands.Cog):
    """Looking back."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Who did what, where, when, and what came of it")
    @app_commands.describe(
        environment="Only here",
        member="Only what this person did",
        action="Only this, for instance deploy or gate:approve",
        since="From then on: 30m, 12h, 7d, or a day like 2026-01-31",
        operation="Only what this operation went through: pick one, or its id from its card or /why",
        service="Only what names this service",
    )
    async def audit(
        self,
        interaction: discord.Interaction,
        environment: str | None = None,
        member: discord.User | None = None,
        action: Action | None = None,
        since: Since | None = None,
        operation: completion.OperationId | None = None,
        service: str | None = None,
    ) -> None:
        """Show the newest rows of the trail."""
        look = Look(
            environment=environment,
            member=member.id if member else None,
            action=action,
            operation=operation.strip() if operation else None,
            service=service,
        )
        work = partial(trail.show, interaction, self._deps, look=look, since=since)
        await boundary.answer(interaction, name="audit", observe=self._deps.observe, work=work)

    @audit.autocomplete("environment")
    async def _environments(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.matching(trail.readable(interaction, self._deps), current)

    @audit.autocomplete("action")
    async def _actions(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.matching(ACTIONS if trail.readable(interaction, self._deps) else (), current)

    @audit.autocomplete("since")
    async def _times(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return completion.matching(TIMES if trail.readable(interaction, self._deps) else (), current)

    @audit.autocomplete("operation")
    async def _operations(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        return await completion.operations_of(self._deps, trail.readable(interaction, self._deps), current)

    @audit.autocomplete("service")
    async def _services(self, interaction: discord.Interaction, current: str) -> completion.Choices:
        may = trail.readable(interaction, self._deps)
        return completion.matching(self._deps.catalog.services if may else (), current)
