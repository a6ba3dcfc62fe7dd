"""/stop and /resume: a form that asks why and for two words, and then everything is held, or goes on.

Whoever stops everything may do so everywhere: the capability is needed in every environment.
"""

import re

import discord

from bot.cards import stops as stop_cards
from bot.cards.base import Card
from bot.chat import forms
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.domain.permissions import Actor, Capability
from bot.domain.reasons import Reason, Refused
from bot.services import obstacles, stops

_STOP = re.compile("chatops:all:(?P<words>stop everything)")
_RESUME = re.compile("chatops:all:(?P<words>resume everything)")


async def ask_to_stop(interaction: discord.Interaction, deps: Deps) -> discord.ui.Modal:
    """The form of /stop, for whoever may; refuses when everything is stopped already."""
    await _everywhere(interaction, deps)
    stop = await stops.standing(deps.database)
    if stop is not None:
        raise Refused(Reason.STOPPED_ALREADY, stop_cards.told(stop), plainly=obstacles.named(stop))
    return forms.modal(
        STOP,
        "chatops:all:stop everything",
        title="Stop everything, in every environment",
        placeholder="What happens? Both channels show it.",
    )


async def ask_to_resume(interaction: discord.Interaction, deps: Deps) -> discord.ui.Modal:
    """The form of /resume, for whoever may; refuses when nothing is stopped."""
    await _everywhere(interaction, deps)
    if await stops.standing(deps.database) is None:
        raise Refused(Reason.NOT_STOPPED)
    return forms.modal(
        RESUME,
        "chatops:all:resume everything",
        title="Let everything go on",
        placeholder="What has changed? Both channels show it.",
    )


async def stop(interaction: discord.Interaction, deps: Deps, *, reason: str, words: str) -> Card:
    """One submission of the form of /stop."""
    actor = await _everywhere(interaction, deps)
    held = await stops.stop(deps.database, catalog=deps.catalog, actor=actor, reason=reason, now=deps.clock())
    automated = any(place.automated for place in deps.catalog.environments.values())
    return stop_cards.stopped(held.stop, under_way=held.under_way, automated=automated)


async def resume(interaction: discord.Interaction, deps: Deps, *, reason: str, words: str) -> Card:
    """One submission of the form of /resume."""
    actor = await _everywhere(interaction, deps)
    gone = await stops.resume(deps.database, catalog=deps.catalog, actor=actor, reason=reason, now=deps.clock())
    return stop_cards.resumed(gone.stop, waiting=gone.waiting)


STOP = Form(name="stop_everything", template=_STOP, work=stop, typed="words")
RESUME = Form(name="resume_everything", template=_RESUME, work=resume, typed="words")
FORMS = (STOP, RESUME)


async def _everywhere(interaction: discord.Interaction, deps: Deps) -> Actor:
    """The actor, who may stop every environment; a refusal is audited by the gate, what is done by the service."""
    actors = [
        await deps.gate.expect(interaction, capability=Capability.STOP, environment=environment)
        for environment in deps.catalog.environments
    ]
    return actors[0]
