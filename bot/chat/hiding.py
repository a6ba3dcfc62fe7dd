"""Which commands Discord offers to whom: a convenience for people, and no permission.

Commands may be hidden from members without one permission of Discord. The server's administrators always see them, and
overrule it in Server Settings, Integrations. A subcommand cannot be hidden by itself, and a button not at all. Nothing
here is asked when an order comes: that decides `bot.chat.gate`.
"""

from collections.abc import Iterable
from typing import Any

import discord
from discord import app_commands

PERMISSIONS = frozenset(discord.Permissions.VALID_FLAGS)
"""The permissions of Discord, as discord.py spells them."""
_LOOKING = ("can", "compare", "diff", "events", "history", "pods", "status", "tags", "windows")
OFFERED = frozenset((*_LOOKING, "help", "locks", "registry", "validate", "why"))
"""The commands that are never hidden: those that need no more than `view`. A new one is hidden until it stands here."""


def hide(commands: Iterable[app_commands.Command[Any, ..., Any] | app_commands.Group], *, without: str | None) -> None:
    """Let Discord hide all but the offered commands from members `without` this permission; None hides nothing.

    A group is hidden as a whole, so `/freeze list` goes with `/freeze add`.
    """
    for command in commands:
        if without is not None and command.name not in OFFERED:
            command.default_permissions = discord.Permissions(**{without: True})
