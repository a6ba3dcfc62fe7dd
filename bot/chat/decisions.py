"""Approve, Reject and Withdraw, on whichever card carries them.

Who rejects is asked why first. The form has the id of its button, so it knows the request as the button does.
"""

import re
from functools import partial
from typing import Any, NoReturn

import discord

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary, forms
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.domain.approvals import Approval, require_open
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import approvals

_DECISION = re.compile(r"chatops:(?P<verb>approve|reject|withdraw):(?P<id>[0-9a-z]{1,64})")


async def _press(interaction: discord.Interaction[Any], deps: Deps, *, verb: str, id: str) -> None:
    """Decide, or ask why."""
    if verb == "reject":
        form = partial(_why, interaction, deps, approval_id=id)
        await boundary.ask(interaction, name="reject", observe=deps.observe, form=form)
        return
    decide = approve if verb == "approve" else withdraw
    await boundary.answer(
        interaction, name=verb, observe=deps.observe, work=partial(decide, interaction, deps, approval_id=id)
    )


async def approve(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> Card:
    """One press on Approve: the gate for the approval's environment, then the service."""
    approval = await approvals.get(deps.database, approval_id)
    actor = await deps.gate.require(
        interaction,
        capability=Capability.APPROVE,
        environment=approval.environment,
        service=deps.gate.known(approval.scope),
    )
    login = deps.catalog.logins.get(actor.id)
    try:
        granted = await approvals.grant(deps.database, approval_id, actor=actor, now=deps.clock(), login=login)
    except Refused as refused:
        _refuse(refused, deps, approval)
    return answers.decided(granted)


async def reject(interaction: discord.Interaction, deps: Deps, *, id: str, reason: str) -> Card:
    """One submission of the form behind Reject."""
    approval = await approvals.get(deps.database, id)
    actor = await deps.gate.require(
        interaction,
        capability=Capability.APPROVE,
        environment=approval.environment,
        service=deps.gate.known(approval.scope),
    )
    return answers.decided(await approvals.reject(deps.database, id, actor=actor, why=reason, now=deps.clock()))


async def withdraw(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> Card:
    """One press on Withdraw: whoever asked may, with no other right than to look."""
    approval = await approvals.get(deps.database, approval_id)
    actor = await deps.gate.require(
        interaction,
        capability=Capability.VIEW,
        environment=approval.environment,
        service=deps.gate.known(approval.scope),
    )
    try:
        withdrawn = await approvals.withdraw(deps.database, approval_id, actor=actor, now=deps.clock())
    except Refused as refused:
        _refuse(refused, deps, approval)
    return answers.decided(withdrawn)


REJECT = Form(name="reject", template=re.compile(r"chatops:reject:(?P<id>[0-9a-z]{1,64})"), work=reject)


KIND = Kind(template=_DECISION, press=_press)


async def _why(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> discord.ui.Modal:
    """The form behind Reject, for whoever could reject the request at this moment."""
    approval = await approvals.get(deps.database, approval_id)
    await deps.gate.expect(
        interaction,
        capability=Capability.APPROVE,
        environment=approval.environment,
        service=deps.gate.known(approval.scope),
    )
    require_open(approval, now=deps.clock())
    return forms.modal(
        REJECT,
        f"chatops:reject:{approval.id}",
        title=f"Reject {approval.service} → {approval.environment}",
        placeholder="What speaks against it? The card shows it to everybody.",
    )


def _refuse(refused: Refused, deps: Deps, approval: Approval) -> NoReturn:
    """Refuse with who could decide, where it is only about the person."""
    if refused.reason not in (Reason.OWN_REQUEST, Reason.ALREADY_VOTED, Reason.NOT_YOUR_REQUEST):
        raise refused
    who = deps.gate.who(capability=Capability.APPROVE, environment=approval.environment, service=approval.scope)
    raise Refused(refused.reason, who) from refused
