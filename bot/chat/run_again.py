"""Run again: the button on the card of a failed release, and the one road that it shares with /rerun.

The button carries which release it stands on and which attempt of which run was shown, so that an old card cannot run
again what somebody has had run again since.
"""

import re
from functools import partial
from typing import Any

import discord

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.domain.operations import OPEN, Operation, OperationKind, OperationState
from bot.domain.permissions import Actor, Capability
from bot.services import operations, runs
from bot.services.runs import Chosen

ENDED = frozenset(OperationState) - OPEN
RERUN_SECONDS = 30.0
_BUTTON = re.compile(r"chatops:rerun:(?P<release>\d{1,18}):(?P<run>\d{1,18}):(?P<attempt>\d{1,6})")


async def _press(interaction: discord.Interaction[Any], deps: Deps, *, release: str, run: str, attempt: str) -> None:
    """Order it."""
    work = partial(_order, interaction, deps, release_id=int(release), run_id=int(run), attempt=int(attempt))
    await boundary.answer(interaction, name="rerun", observe=deps.observe, work=work)


async def _order(
    interaction: discord.Interaction[Any], deps: Deps, *, release_id: int, run_id: int, attempt: int
) -> Card:
    chosen = await runs.shown(deps.database, release_id=release_id, run_id=run_id, attempt=attempt)
    place, service = chosen.environment, chosen.service
    actor = await deps.gate.require(interaction, capability=Capability.RERUN, environment=place, service=service)
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


KIND = Kind(template=_BUTTON, press=_press)
