"""A card: what a status message should show, as a value.

Rendering makes a card, the digest of a card says whether a message has to be edited, and only `bot.chat` turns it
into an embed and buttons. A card cannot be too long: building one trims every part to Discord's limits, so that no
commit subject and no stack trace can make Discord refuse the message.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.cards.text import ELLIPSIS, address, cut, length

TITLE_LIMIT = 256
DESCRIPTION_LIMIT = 4096
FIELDS_LIMIT = 25
NAME_LIMIT = 256
VALUE_LIMIT = 1024
FOOTER_LIMIT = 1800
"""Discord allows 2048; the rest is for the card's reference, which the board writes behind the footer."""
REFERENCE_LIMIT = 240
TOTAL_LIMIT = 6000
LABEL_LIMIT = 80
BUTTONS_LIMIT = 25
FILE_LIMIT = 1024 * 1024
"""Bytes; Discord takes ten times as much, but nobody reads more than this in a chat."""
FILE_NAME_LIMIT = 100
_FILE_END = f"{ELLIPSIS}\n".encode()
_UNUSUAL = re.compile(r"[^\w.-]", re.ASCII)


class Colour(StrEnum):
    """What the bar beside a card says from across the room."""

    RUNNING = "#5865f2"
    WAITING = "#f0b232"
    GOOD = "#23a55a"
    BAD = "#f23f43"
    QUIET = "#80848e"


class Style(StrEnum):
    """How a button looks; a link button always looks like a link."""

    GOOD = "success"
    BAD = "danger"
    PLAIN = "secondary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A titled part of a card."""

    name: str
    value: str
    inline: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """Either something to press (`custom_id`) or somewhere to go (`url`)."""

    label: str
    custom_id: str | None = None
    url: str | None = None
    style: Style = Style.PLAIN
    disabled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A text file beside an answer, for what is too long to be read in it. Of a longer one the beginning stays."""

    name: str
    text: str

    def __post_init__(self) -> None:
        """Make the name one that Discord keeps as it is, and the text no longer than the limit."""
        raw = self.text.encode(errors="replace")
        if len(raw) > FILE_LIMIT:
            raw = raw[: FILE_LIMIT - len(_FILE_END)] + _FILE_END
        object.__setattr__(self, "name", _UNUSUAL.sub("_", self.name)[-FILE_NAME_LIMIT:])
        object.__setattr__(self, "text", raw.decode(errors="ignore"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One message. `mention` is a role to call when it is posted; `reference` tells a card's messages from others'.

    `description` and values are Discord markdown made by the cards; whatever strangers wrote in them went through
    `cards.text`. Only a private answer can have an `attachment`: a card on the board is edited again and again.
    """

    title: str
    colour: Colour
    reference: str = ""
    url: str | None = None
    description: str = ""
    fields: tuple[Field, ...] = ()
    buttons: tuple[Button, ...] = ()
    footer: str = ""
    timestamp: datetime | None = None
    mention: int | None = None
    attachment: Attachment | None = None

    def __post_init__(self) -> None:
        """Trim every part to what Discord takes."""
        trimmed = {
            "title": cut(self.title, TITLE_LIMIT),
            "reference": cut(self.reference, REFERENCE_LIMIT),
            "url": address(self.url),
            "footer": cut(self.footer, FOOTER_LIMIT),
            "fields": tuple(_trim(field) for field in self.fields[:FIELDS_LIMIT]),
            "buttons": tuple(_usable(self.buttons))[:BUTTONS_LIMIT],
            "description": cut_lines(self.description, DESCRIPTION_LIMIT),
        }
        for name, value in trimmed.items():
            object.__setattr__(self, name, value)
        room = TOTAL_LIMIT - sum(map(length, (self.title, self.footer, self.reference)))
        object.__setattr__(self, "description", cut_lines(self.description, room))
        object.__setattr__(self, "fields", tuple(_fitting(self.fields, room=room - length(self.description))))

    @property
    def size(self) -> int:
        """What Discord adds up against its total limit."""
        parts = [self.title, self.description, self.footer, self.reference]
        return sum(map(length, parts + [text for field in self.fields for text in (field.name, field.value)]))


def counted(card: Card, *, total: int, rest: Callable[[int], str]) -> Card:
    """The card of `total` things, a field each, with `rest` of those that found no room as its footer.

    A longer footer may take the room of one more.
    """
    while (footer := rest(total - len(card.fields))) != card.footer:
        card = replace(card, footer=footer)
    return card


def digest(card: Card) -> str:
    """Fingerprint of everything a card shows, hex SHA-256. Equal cards have equal digests, in every process."""
    return hashlib.sha256(json.dumps(asdict(card), sort_keys=True, default=datetime.isoformat).encode()).hexdigest()


def _trim(field: Field) -> Field:
    """Discord refuses empty names and values, so those become a visible nothing."""
    return replace(
        field,
        name=cut(field.name, NAME_LIMIT).strip() or ELLIPSIS,
        value=cut_lines(field.value, VALUE_LIMIT).strip() or ELLIPSIS,
    )


def _usable(buttons: tuple[Button, ...]) -> list[Button]:
    """The buttons that lead somewhere: with an id, or with an address that can be opened."""
    known = [replace(button, label=cut(button.label, LABEL_LIMIT), url=address(button.url)) for button in buttons]
    return [button for button in known if button.custom_id or button.url]


def _fitting(fields: tuple[Field, ...], *, room: int) -> list[Field]:
    """As many fields, from the first, as there is room for."""
    fitting = []
    for field in fields:
        room -= length(field.name) + length(field.value)
        if room < 0:
            break
        fitting.append(field)
    return fitting


def cut_lines(text: str, limit: int) -> str:
    """Whole lines as long as they fit, then an ellipsis; half a line could be half a link."""
    if length(text) <= limit:
        return text
    kept: list[str] = []
    room = limit - 2
    for line in text.split("\n"):
        room -= length(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, ELLIPSIS]) if kept else cut(text, limit)
