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
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.chat.run_again import TEMPLATE as _RUN_AGAIN
from bot.chat.run_again import RunAgain
from bot.domain.operations import OPEN, OperationKind, OperationState
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, operations

ENDED = frozenset(OperationState) - OPEN
STOP_SECONDS = 30.0
BEGINS_WITHIN = timedelta(seconds=30)
"""How soon Argo CD picks up what was asked for: what begins later is not what was shown."""
_STOP = re.compile(r"chatops:terminate:(?P<environment>[a-z0-9-]{1,63}):(?P<waiting>w?)(?P<moment>\d{1,12})")
_TEMPLATE = re.compile(r"chatops:(?P<verb>approve|reject):(?P<id>[0-9a-z]{1,64})")


class Decision(discord.ui.DynamicItem[discord.ui.Button[Any]], template=_TEMPLATE):
    """Approve or Reject, on whichever card carries it."""

    def __init__(self, item: discord.ui.Button[Any], *, verb: str, approval_id: str) -> None:
        super().__init__(item)
        self.verb = verb
        self.approval_id = approval_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The pressed button."""
        assert isinstance(item, discord.ui.Button)  # noqa: S101 - the library found it among the message's buttons
        return cls(item, verb=match["verb"], approval_id=match["id"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Decide, inside the boundary."""
        deps: Deps = interaction.client.deps
        work = partial(decide, interaction, deps, verb=self.verb, approval_id=self.approval_id)
        await boundary.answer(interaction, name=self.verb, observe=deps.observe, work=work)


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


ITEMS = (Decision, Stop, RunAgain)
"""Every kind of button there is."""
FORMS: tuple[Form, ...] = ()
"""Every kind of form there is."""


def claims(custom_id: str) -> bool:
    """Whether a button with this id is one of ours."""
    return any(template.fullmatch(custom_id) for template in (_TEMPLATE, _STOP, _RUN_AGAIN))


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


async def decide(interaction: discord.Interaction, deps: Deps, *, verb: str, approval_id: str) -> Card:
    """One press: the gate for the approval's environment, then the service."""
    approval = await approvals.get(deps.database, approval_id)
    if approval is None:
        raise Refused(Reason.SUPERSEDED)
    actor = await deps.gate.require(interaction, capability=Capability.APPROVE, environment=approval.environment)
    try:
        if verb == "approve":
            login = deps.catalog.logins.get(actor.id)
            decided = await approvals.grant(deps.database, approval_id, actor=actor, now=deps.clock(), login=login)
        else:
            decided = await approvals.reject(deps.database, approval_id, actor=actor, now=deps.clock())
    except Refused as refused:
        if refused.reason in (Reason.OWN_REQUEST, Reason.ALREADY_VOTED):
            who = deps.gate.who(capability=Capability.APPROVE, environment=approval.environment)
            raise Refused(refused.reason, who) from refused
        raise
    return answers.decided(decided)
