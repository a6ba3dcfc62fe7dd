"""A card as Discord takes it: embed, buttons, content and who may be called.

Views are built fresh for each message and stopped before they are sent, so that discord.py keeps none of them: the
state of a button is in its custom id, and memory does not grow with the number of messages.
"""

import io
import re
from collections.abc import Callable

import discord

from bot.cards.base import Button, Card
from bot.cards.text import plain

RoleName = Callable[[int], str | None]
"""The name of a role, or None when it is not known."""

_ROLE = re.compile(r"<@&(\d+)>")
_ROW = 5


def embed(card: Card, *, roles: RoleName, part: int = 0) -> discord.Embed:
    """The card as an embed. `part` counts the messages of one card; the footer tells them apart."""
    shown = discord.Embed(
        title=card.title,
        url=card.url,
        colour=discord.Colour.from_str(card.colour),
        description=_named(card.description, roles) or None,
        timestamp=card.timestamp,
    )
    for field in card.fields:
        shown.add_field(name=field.name, value=_named(field.value, roles), inline=field.inline)
    return shown.set_footer(text=" · ".join(filter(None, (card.footer, mark(card, part=part)))) or None)


def mark(card: Card, *, part: int) -> str:
    """What the footer of a card's message ends with, and no other message's."""
    return f"{card.reference} · part {part + 1}" if card.reference and part else card.reference


def shows(message: discord.Message, card: Card, *, part: int) -> bool:
    """Whether this message was made for this part of this card."""
    wanted = mark(card, part=part)
    footers = [shown.footer.text or "" for shown in message.embeds]
    return any(footer == wanted or footer.endswith(f" · {wanted}") for footer in footers)


def view(card: Card) -> discord.ui.View:
    """The buttons: what can be pressed first, then what can be opened. An empty view takes buttons away."""
    pressed = [button for button in card.buttons if button.custom_id]
    opened = [button for button in card.buttons if not button.custom_id]
    rows = max(len(pressed), len(opened)) <= _ROW
    shown = discord.ui.View(timeout=None)
    for button in (*pressed, *opened):
        row = None if not rows else 1 if pressed and not button.custom_id else 0
        shown.add_item(_button(button, row=row))
    shown.stop()
    return shown


def files(card: Card) -> list[discord.File]:
    """The file beside an answer, ready to be sent once; none is a list without one."""
    attached = card.attachment
    return [discord.File(io.BytesIO(attached.text.encode()), filename=attached.name)] if attached else []


def content(card: Card) -> str | None:
    """The text above the embed: the role that is called, which is shown as long as it is needed."""
    return f"<@&{card.mention}>" if card.mention else None


def calls(card: Card) -> discord.AllowedMentions:
    """Who is notified when the card is posted: that role and nobody else. Edits notify nobody."""
    roles = [discord.Object(card.mention)] if card.mention else []
    return discord.AllowedMentions(everyone=False, users=False, roles=roles, replied_user=False)


def _button(button: Button, *, row: int | None) -> discord.ui.Button[discord.ui.View]:
    if button.custom_id is None:
        return discord.ui.Button(label=button.label, url=button.url, disabled=button.disabled, row=row)
    style = discord.ButtonStyle[button.style.value]
    return discord.ui.Button(
        label=button.label, custom_id=button.custom_id, style=style, disabled=button.disabled, row=row
    )


def _named(text: str, roles: RoleName) -> str:
    """Roles by name: not every client resolves a mention inside an embed."""

    def name(match: re.Match[str]) -> str:
        known = roles(int(match[1]))
        return f"**@{plain(known, 60)}**" if known else match[0]

    return _ROLE.sub(name, text)
