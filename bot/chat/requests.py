"""The request behind a button or a form, at the gate: every decision about one begins here.

The place comes from the request's own row, whatever the custom id says. From the moment it is found every row that the
interaction leaves in the audit trail names the request, also those of whoever may not decide it.
"""

from typing import NoReturn

import discord

from bot.chat.deps import Deps
from bot.domain.approvals import Approval, require_open
from bot.domain.permissions import Actor, Capability
from bot.domain.reasons import Reason, Refused
from bot.services import approvals

_PERSONAL = frozenset({Reason.OWN_REQUEST, Reason.ALREADY_VOTED, Reason.NOT_YOUR_REQUEST, Reason.OWN_GLASS})
"""What is refused to this person only."""


async def find(interaction: discord.Interaction, deps: Deps, approval_id: str) -> Approval:
    """The request, which the trail knows from then on as what this interaction is about. Refuses one not known."""
    approval = await approvals.get(deps.database, approval_id)
    deps.gate.concerns(interaction, approval)
    return approval


async def passed(
    interaction: discord.Interaction, deps: Deps, approval_id: str, *, capability: Capability
) -> tuple[Approval, Actor]:
    """The request, and the actor, who may do this with what it moves. Refuses as the gate does, and one not known."""
    approval = await find(interaction, deps, approval_id)
    place, service = approval.environment, deps.gate.known(approval.scope)
    actor = await deps.gate.require(interaction, capability=capability, environment=place, service=service)
    return approval, actor


async def expected(
    interaction: discord.Interaction, deps: Deps, approval_id: str, *, capability: Capability
) -> Approval:
    """The request that somebody could decide at this moment, before a form asks why. Refuses one that is not open."""
    approval = await find(interaction, deps, approval_id)
    place, service = approval.environment, deps.gate.known(approval.scope)
    await deps.gate.expect(interaction, capability=capability, environment=place, service=service)
    require_open(approval, now=deps.clock())
    return approval


def refuse(refused: Refused, deps: Deps, approval: Approval) -> NoReturn:
    """Refuse with who could decide, where it is only about the person."""
    if refused.reason not in _PERSONAL:
        raise refused
    place, service = approval.environment, deps.gate.known(approval.scope)
    who = deps.gate.who(capability=Capability.APPROVE, environment=place, service=service)
    raise Refused(refused.reason, who, plainly="") from refused
