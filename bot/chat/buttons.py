"""Buttons: the state of one is its custom id, so it works after any number of restarts.

discord.py is made to remember none. The client finds the kind of a pressed button by its id, and everything that a
press does runs inside the boundary.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import discord

from bot.chat.deps import Deps


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of button, known by its custom id.

    `press` takes a press: it is called with the interaction, the dependencies and the named groups of the `template`.
    """

    template: re.Pattern[str]
    press: Callable[..., Awaitable[None]]


def find(kinds: Iterable[Kind], custom_id: str) -> Kind | None:
    """The kind of button that has this id."""
    return next((kind for kind in kinds if kind.template.fullmatch(custom_id)), None)


async def press(interaction: discord.Interaction[Any], kind: Kind, *, custom_id: str, deps: Deps) -> None:
    """Take a press."""
    match = kind.template.fullmatch(custom_id)
    await kind.press(interaction, deps, **(match.groupdict() if match else {}))
