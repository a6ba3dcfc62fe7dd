"""Several requests at once: the list of what waits in an environment, and the button that consents to all of it.

The list is a private answer, made for whoever asks for it. Its button carries a fingerprint of what it shows, so that
an old list consents to nothing that was not on it.
"""

import re
from functools import partial
from typing import Any

import discord

from bot.cards import waiting as waiting_card
from bot.cards.base import Card
from bot.chat import boundary
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.domain.permissions import Actor, Capability
from bot.domain.reasons import Reason
from bot.services import bulk

_BUTTON = re.compile(
    r"chatops:(?:waiting:(?P<place>[a-z0-9-]{1,63})|all:(?P<environment>[a-z0-9-]{1,63}):(?P<shown>[0-9a-f]{16}))"
)
_NAME = "approve_all"


async def _press(
    interaction: discord.Interaction[Any],
    deps: Deps,
    *,
    place: str | None,
    environment: str | None,
    shown: str | None,
) -> None:
    """Show the list, or consent to it."""
    if place is not None:
        work = partial(show, interaction, deps, environment=place)
        await boundary.answer(interaction, name="waiting", observe=deps.observe, work=work)
        return
    order = partial(approve, interaction, deps, environment=environment or "", shown=shown or "")
    await boundary.answer(interaction, name=_NAME, observe=deps.observe, work=order)


async def show(interaction: discord.Interaction, deps: Deps, *, environment: str) -> Card:
    """What waits, for somebody who may approve."""
    actor = await deps.gate.expect(interaction, capability=Capability.APPROVE, environment=environment)
    return await _list(deps, environment, actor=actor)


async def approve(interaction: discord.Interaction, deps: Deps, *, environment: str, shown: str) -> Card:
    """One press on the button of a list: the gate, then the service; or the new list, when it is another one by now.

    The trail names the request of a list that had only one.
    """
    only = await bulk.only(deps.database, environment, shown=shown)
    if only is not None:
        deps.gate.concerns(interaction, only)
    actor = await deps.gate.require(interaction, capability=Capability.APPROVE, environment=environment)
    logins = deps.catalog.logins
    granted = await bulk.grant_all(
        deps.database, environment, shown=shown, actor=actor, now=deps.clock(), logins=logins
    )
    if granted is None:
        await deps.gate.note(interaction, name=_NAME, outcome="refused", reason=Reason.CHANGED_SINCE, detail="")
        return await _list(deps, environment, actor=actor, moved=True)
    return waiting_card.approved(environment, granted)


KIND = Kind(template=_BUTTON, press=_press)
"""The button on a call for approvers that shows the list, and the one on the list."""


async def _list(deps: Deps, environment: str, *, actor: Actor, moved: bool = False) -> Card:
    logins = deps.catalog.logins
    found = await bulk.waiting(deps.database, environment, actor=actor, now=deps.clock(), logins=logins)
    those = bulk.within_reach(found)
    return waiting_card.several(
        environment,
        within_reach=[(one.approval, one.operation) for one in those],
        others=[(one.operation, one.refused) for one in found if one not in those],
        fingerprint=bulk.fingerprint(those),
        moved=moved,
    )
