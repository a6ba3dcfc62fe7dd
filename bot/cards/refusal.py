"""The private answer to somebody who may not, or whose order cannot be followed: the reason, and who could."""

from bot.cards.base import Card, Colour
from bot.domain.reasons import Refused


def render(refused: Refused) -> Card:
    """The refusal: its sentence for people, and its code for whoever they ask."""
    footer = f"{refused.reason} · error {refused.log_id}" if refused.log_id else refused.reason
    return Card(title="Refused", colour=Colour.BAD, description=refused.sentence, footer=footer)


def broken(error_id: str) -> Card:
    """The answer when the bot itself failed: never silence, and an id that finds the log lines."""
    return Card(
        title="Something broke in the bot",
        colour=Colour.BAD,
        description="Your order may not have been carried out. `/status` shows how things are; then try again.",
        footer=f"error {error_id}",
    )


def expired(what: str) -> Card:
    """The answer to a `button` or `form` that this version of the bot does not know (any more)."""
    return Card(
        title=f"This {what} has expired",
        colour=Colour.QUIET,
        description="Nothing was done. Use the newest card of the service, or ask again with `/deploy`.",
    )
