"""The answer to /help: the commands there are, and what the one who asks may do where."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bot.cards.base import Card, Colour, Field
from bot.cards.text import command
from bot.domain.permissions import Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A slash command as it is registered, with the options that it needs and those that may be left out."""

    name: str
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    description: str


def render(commands: Iterable[Command], *, rights: Mapping[str, frozenset[Capability]]) -> Card:
    """The help of this version of the bot for this person; `rights` has the places where they have any."""
    lines = [f"{_usage(one)}\n{one.description}" for one in commands]
    may = [
        f"**{environment}** {', '.join(word for word in Capability if word in allowed)}"
        for environment, allowed in rights.items()
    ]
    return Card(
        title="What I can do",
        colour=Colour.RUNNING,
        description="\n".join(lines),
        fields=(Field(name="You may", value="\n".join(may) or "nothing: ask for a role"),),
        footer="What follows a dot may be left out. A push starts a release card by itself; its buttons decide.",
    )


def _usage(one: Command) -> str:
    """What can be pasted, and the options that may be added."""
    return " · ".join([command(one.name, **dict.fromkeys(one.needs, "")), *one.takes])
