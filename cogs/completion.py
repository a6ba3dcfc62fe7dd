"""What the options of commands offer while somebody types: only what there is, and only what they may view."""

from collections.abc import Iterable

import discord
from discord import app_commands

from bot.chat.deps import Deps

Choices = list[app_commands.Choice[str]]
MOST = 25
"""Discord shows no more."""


def environments(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The environments that the member may view."""
    return _matching(deps.gate.visible(interaction), typed)


def services(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The services, for whoever may view any environment."""
    return _matching(deps.catalog.services if deps.gate.visible(interaction) else (), typed)


def _matching(names: Iterable[str], typed: str) -> Choices:
    """Those with the typed text in them, whatever its case; those that start with it first."""
    wanted = typed.strip().casefold()
    found = sorted((name for name in names if wanted in name.casefold()), key=lambda name: _late(name, wanted))
    return [app_commands.Choice(name=name, value=name) for name in found[:MOST]]


def _late(name: str, wanted: str) -> bool:
    return not name.casefold().startswith(wanted)
