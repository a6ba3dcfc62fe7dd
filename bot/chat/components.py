"""The buttons on cards and answers. Their state is their custom id, so a button works after any number of restarts.

discord.py only logs what goes wrong in a dynamic item, and says nothing to the person; everything here therefore runs
inside the boundary, and creating the item does nothing that could fail.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self

import discord

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary, rolling_back, stopping
from bot.chat.all_at_once import TEMPLATE as _ALL
from bot.chat.all_at_once import AllAtOnce
from bot.chat.decisions import REJECT, Decision
from bot.chat.decisions import TEMPLATE as _DECISION
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.chat.glass import FORM as _BREAK
from bot.chat.glass import TEMPLATE as _GLASS
from bot.chat.glass import Glass
from bot.chat.run_again import TEMPLATE as _RUN_AGAIN
from bot.chat.run_again import RunAgain
from bot.chat.trail import TEMPLATE as _OLDER
from bot.chat.trail import Older
from bot.domain.operations import OPEN, OperationKind, OperationState
from bot.domain.permissions import Capability
from bot.services import operations

ENDED = frozenset(OperationState) - OPEN
STOP_SECONDS = 30.0
BEGINS_WITHIN = timedelta(seconds=30)
"""How soon Argo CD picks up what was asked for: what begins later is not what was shown."""
_STOP = re.compile(r"chatops:terminate:(?P<environment>[a-z0-9-]{1,63}):(?P<waiting>w?)(?P<moment>[0-9]{1,10})")


class Stop(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_STOP):
    """The confirmation of /terminate: stops the one operation that was shown."""

    def __init__(self, item: discord.ui.Button[Any], *, environment: str, moment: datetime, waiting: bool) -> None:
        super().__init__(item)
        self.environment = environment
        self.moment = moment
        self.waiting = waiting

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The pressed button."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101 - the library found it among the message's buttons
        moment = datetime.fromtimestamp(int(match["moment"]), UTC)
        return cls(item, environment=match["environment"], moment=moment, waiting=bool(match["waiting"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Stop it, inside the boundary."""
        deps: Deps = interaction.client.deps
        shown = {"ends_by": self.moment + BEGINS_WITHIN} if self.waiting else {"ends": self.moment}
        work = partial(stop, interaction, deps, environment=self.environment, **shown)
        await boundary.answer(interaction, name="stop", observe=deps.observe, work=work)


ITEMS = (Decision, Glass, AllAtOnce, Stop, RunAgain, Older, *rolling_back.ITEMS)
"""Every kind of button there is."""
FORMS: tuple[Form, ...] = (REJECT, _BREAK, *rolling_back.FORMS, *stopping.FORMS)
"""Every kind of form there is."""


def claims(custom_id: str) -> bool:
    """Whether a button with this id is one of ours."""
    templates = (_DECISION, _GLASS, _ALL, _STOP, _RUN_AGAIN, _OLDER, *rolling_back.TEMPLATES)
    return any(template.fullmatch(custom_id) for template in templates)


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
