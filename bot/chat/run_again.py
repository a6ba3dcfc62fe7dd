"""Run again: the button on the card of a failed release, and the one road that it shares with /rerun.

The button carries which release it stands on and which attempt of which run was shown, so that an old card cannot run
again what somebody has had run again since.
"""

import re
from functools import partial
from typing import Any, Self

import discord

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.operations import OPEN, Operation, OperationKind, OperationState
from bot.domain.permissions import Actor, Capability
from bot.services import operations, runs
from bot.services.runs import Chosen

ENDED = frozenset(OperationState) - OPEN
RERUN_SECONDS = 30.0
TEMPLATE = re.compile(r"chatops:rerun:(?P<release>\d{1,18}):(?P<run>\d{1,18}):(?P<attempt>\d{1,6})")


class RunAgain(discord.ui.DynamicItem[discord.ui.Button[Any]], template=TEMPLATE):
    """Run again, on the card of a release that failed in its pipeline."""

    def __init__(self, item: discord.ui.Button[Any], *, release_id: int, run_id: int, attempt: int) -> None:
        super().__init__(item)
        self.release_id = release_id
        self.run_id = run_id
        self.attempt = attempt

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The pressed button."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101 - the library found it among the message's buttons
        return cls(item, release_id=int(match["release"]), run_id=int(match["run"]), attempt=int(match["attempt"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Order it, inside the boundary."""
        deps: Deps = interaction.client.deps
        work = partial(self._order, interaction, deps)
        await boundary.answer(interaction, name="rerun", observe=deps.observe, work=work)

    async def _order(self, interaction: discord.Interaction[Any], deps: Deps) -> Card:
        chosen = await runs.shown(deps.database, release_id=self.release_id, run_id=self.run_id, attempt=self.attempt)
        actor = await deps.gate.require(interaction, capability=Capability.RERUN, environment=chosen.environment)
        return answers.rerun(await order(deps, chosen, actor=actor), url=None)


async def order(deps: Deps, chosen: Chosen, *, actor: Actor) -> Operation:
    """The order of somebody who passed the gate, and how it ended if that does not take long."""
    asked = await operations.request(
        deps.database,
        kind=OperationKind.RERUN,
        environment=chosen.environment,
        service=chosen.service,
        actor=actor,
        catalog=deps.catalog,
        now=deps.clock(),
        release_id=chosen.release_id,
        rerun=chosen.rerun,
    )
    return await operations.ended(deps.database, asked.id, states=ENDED, seconds=RERUN_SECONDS)
