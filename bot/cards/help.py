"""The answer to /help: the commands there are, and what the one who asks may do where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.cards.base import Card, Colour, Field
from bot.domain.permissions import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command as it is registered; optional options carry brackets."""

    usage: str
    description: str


def render(commands: Iterable[Command], *, rights: Mapping[str, frozenset[Capability]]) -> Card:
    """The help of this version of the bot for this person; `rights` has the places where they have any."""
    lines = [f"`/{command.usage}`\n{command.description}" for command in commands]
    may = [
        f"**{environment}** {', '.join(word for word in Capability if word in allowed)}"
        for environment, allowed in rights.items()
    ]
    return Card(
        title="What I can do",
        colour=Colour.RUNNING,
        description="\n".join(lines),
        fields=(Field(name="You may", value="\n".join(may) or "nothing: ask for a role"),),
        footer="A push starts a release card by itself; the buttons on it decide.",
    )
