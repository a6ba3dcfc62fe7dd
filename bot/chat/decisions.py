"""Approve, Reject and Withdraw, on whichever card carries them.

Who rejects is asked why first. The form has the id of its button, so it knows the request as the button does.
"""

import re
from functools import partial
from typing import Any

import discord

from bot.cards import answers
from bot.cards.base import Card
from bot.chat import boundary, forms, requests
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.domain.permissions import Capability
from bot.domain.reasons import Refused
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
    approval, actor = await requests.passed(interaction, deps, approval_id, capability=Capability.APPROVE)
    logins = deps.catalog.logins
    try:
        granted = await approvals.grant(deps.database, approval_id, actor=actor, now=deps.clock(), logins=logins)
    except Refused as refused:
        requests.refuse(refused, deps, approval)
    return answers.decided(granted)


async def reject(interaction: discord.Interaction, deps: Deps, *, id: str, reason: str) -> Card:
    """One submission of the form behind Reject."""
    _, actor = await requests.passed(interaction, deps, id, capability=Capability.APPROVE)
    return answers.decided(await approvals.reject(deps.database, id, actor=actor, why=reason, now=deps.clock()))


async def withdraw(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> Card:
    """One press on Withdraw: whoever asked may, with no other right than to look."""
    approval, actor = await requests.passed(interaction, deps, approval_id, capability=Capability.VIEW)
    try:
        withdrawn = await approvals.withdraw(deps.database, approval_id, actor=actor, now=deps.clock())
    except Refused as refused:
        requests.refuse(refused, deps, approval)
    return answers.decided(withdrawn)


_REJECT = re.compile(r"chatops:reject:(?P<id>[0-9a-z]{1,64})")
REJECT = Form(name="reject", template=_REJECT, work=reject, about=requests.find)
KIND = Kind(template=_DECISION, press=_press)


async def _why(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> discord.ui.Modal:
    """The form behind Reject, for whoever could reject the request at this moment."""
    approval = await requests.expected(interaction, deps, approval_id, capability=Capability.APPROVE)
    return forms.modal(
        REJECT,
        f"chatops:reject:{approval.id}",
        title=f"Reject {approval.service} → {approval.environment}",
        placeholder="What speaks against it? The card shows it to everybody.",
    )
