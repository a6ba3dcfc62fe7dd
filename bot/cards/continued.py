"""What an old message becomes when its card goes on in a newer one: a short pointer, with nothing left to press."""

from bot.cards.base import Card, Colour
from bot.cards.text import link


def render(card: Card, *, url: str | None) -> Card:
    """The pointer from a card's old message to its new one at `url`."""
    return Card(
        title=f"{card.title.partition(' · ')[0]} · continued below",
        colour=Colour.QUIET,
        reference=card.reference,
        description=f"This went on for long, so it goes on in {link('a newer message', url)}.",
    )
