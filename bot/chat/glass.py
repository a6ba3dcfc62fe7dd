"""Break glass, on the card of a request, and Acknowledge, on the message that it makes in the alerts channel.

Who breaks the glass is asked why, and to type where: the name of the environment.
"""

import re
from functools import partial
from typing import Any

import discord

from bot.cards import glass as cards
from bot.cards.base import Card
from bot.chat import boundary, forms, requests
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.domain.permissions import Capability
from bot.domain.reasons import Refused
from bot.services import glass

_BUTTON = re.compile(r"chatops:(?P<verb>glass|review):(?P<id>[0-9a-z]{1,64})")
# Short, so that the longest name of an environment fits into a hundred characters.
_FORM = re.compile(r"chatops:bg:(?P<id>[0-9a-z]{1,64}):(?P<environment>[a-z0-9-]{1,63})")


async def _press(interaction: discord.Interaction[Any], deps: Deps, *, verb: str, id: str) -> None:
    """Ask why, or take the acknowledgement."""
    if verb == "glass":
        form = partial(_why, interaction, deps, approval_id=id)
        await boundary.ask(interaction, name="break_glass", observe=deps.observe, form=form)
        return
    work = partial(review, interaction, deps, approval_id=id)
    await boundary.answer(interaction, name="review", observe=deps.observe, work=work)


async def smash(interaction: discord.Interaction, deps: Deps, *, id: str, reason: str, environment: str) -> Card:
    """One submission of the form behind Break glass. What was typed has been checked; the request says where it is."""
    _, actor = await requests.passed(interaction, deps, id, capability=Capability.BREAK_GLASS)
    return cards.smashed(await glass.smash(deps.database, id, actor=actor, reason=reason, now=deps.clock()))


async def review(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> Card:
    """One press on Acknowledge: whoever may approve there, but not who broke the glass, asked for it or wrote it."""
    approval, actor = await requests.passed(interaction, deps, approval_id, capability=Capability.APPROVE)
    login = deps.catalog.logins.get(actor.id)
    try:
        reviewed = await glass.review(deps.database, approval_id, actor=actor, now=deps.clock(), login=login)
    except Refused as refused:
        requests.refuse(refused, deps, approval)
    return cards.reviewed(reviewed)


KIND = Kind(template=_BUTTON, press=_press)
FORM = Form(name="break_glass", template=_FORM, work=smash, typed="environment", about=requests.find)


async def _why(interaction: discord.Interaction, deps: Deps, *, approval_id: str) -> discord.ui.Modal:
    """The form behind Break glass, for whoever could break it at this moment."""
    approval = await requests.expected(interaction, deps, approval_id, capability=Capability.BREAK_GLASS)
    return forms.modal(
        FORM,
        f"chatops:bg:{approval.id}:{approval.environment}",
        title=f"Break glass: {approval.service} → {approval.environment}",
        label="Why can it not wait for others?",
        placeholder="The card and the alerts channel show it to everybody.",
    )
