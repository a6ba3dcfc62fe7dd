"""The private answer to somebody who may not, or whose order cannot be followed: the reason, and who could."""

from collections.abc import Iterable

from bot.cards.base import Card, Colour
from bot.domain.reasons import Reason, Refused

_OTHERS_COULD = frozenset({Reason.OWN_REQUEST, Reason.ALREADY_VOTED})


def render(refused: Refused, *, who: Iterable[int] = ()) -> Card:
    """The refusal. `who` are the roles that have the capability; they are named where another person would do."""
    roles = ", ".join(f"<@&{role}>" for role in sorted(who))
    others = f"\n\n**Who could** {roles}" if roles and refused.reason in _OTHERS_COULD else ""
    return Card(title="Refused", colour=Colour.BAD, description=f"{refused.sentence}{others}", footer=refused.reason)


def broken(error_id: str) -> Card:
    """The answer when the bot itself failed: never silence, and an id that finds the log lines."""
    return Card(
        title="Something broke in the bot",
        colour=Colour.BAD,
        description="Your order may not have been carried out. `/status` shows how things are; then try again.",
        footer=f"error {error_id}",
    )


def expired() -> Card:
    """The answer to a button that no version of the bot knows any more."""
    return Card(
        title="This button has expired",
        colour=Colour.QUIET,
        description="Use the newest card of the service, or ask again with `/deploy`.",
    )
