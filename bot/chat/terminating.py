"""Stop it: the confirmation of /terminate, which stops the one operation that was shown."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import discord

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.domain.operations import OPEN, OperationKind, OperationState
from bot.domain.permissions import Capability
from bot.services import operations

ENDED = frozenset(OperationState) - OPEN
STOP_SECONDS = 30.0
BEGINS_WITHIN = timedelta(seconds=30)
"""How soon Argo CD picks up what was asked for: what begins later is not what was shown."""
_STOP = re.compile(r"chatops:terminate:(?P<environment>[a-z0-9-]{1,63}):(?P<waiting>w?)(?P<moment>[0-9]{1,10})")


async def _press(
    interaction: discord.Interaction[Any], deps: Deps, *, environment: str, waiting: str, moment: str
) -> None:
    """Stop it."""
    began = datetime.fromtimestamp(int(moment), UTC)
    shown = {"ends_by": began + BEGINS_WITHIN} if waiting else {"ends": began}
    work = partial(stop, interaction, deps, environment=environment, **shown)
    await boundary.answer(interaction, name="stop", observe=deps.observe, work=work)


async def stop(
    interaction: discord.Interaction,
    deps: Deps,
    *,
    environment: str,
    ends: datetime | None = None,
    ends_by: datetime | None = None,
) -> Card:
    """One press on Stop: the gate, the order, and how it ended if that does not take long."""
    actor = await deps.gate.require(interaction, capability=Capability.TERMINATE, environment=environment)
    asked = await operations.request(
        deps.database,
        kind=OperationKind.TERMINATE,
        environment=environment,
        service=None,
        actor=actor,
        catalog=deps.catalog,
        now=deps.clock(),
        ends=ends,
        ends_by=ends_by,
    )
    operation = await operations.ended(deps.database, asked.id, states=ENDED, seconds=STOP_SECONDS)
    return answers.stopped(operation)


KIND = Kind(template=_STOP, press=_press)
