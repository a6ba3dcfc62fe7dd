"""What members of the guild see, as plain values: messages in a channel, private answers, and what was ever written.

Durations and moments differ from run to run; `steady` writes ⏱ in their place, and nothing else is hidden.
"""

import re
from dataclasses import dataclass

import discord
from simcord.builders import ChannelHandle
from simcord.results import InteractionResult

from sandbox.scene import Scene
from tests.journeys.waiting import until

GAP = "\n\u200b\n"
"""What stands between two paragraphs of a card."""

_MOMENT = re.compile(r"<t:\d+:R>")
_DURATION = re.compile(r"(\*\* |\bin |\bafter )\d+[dhms](?: \d+[hms])?(?![\w-])")
_REFERENCE = re.compile(r"\b(request |operation |error |take_over:)[0-9a-f]{8,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A message as people see it; `buttons` are those that can be pressed, `links` those that open something."""

    title: str
    text: str
    content: str = ""
    buttons: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    footer: str = ""


def steady(text: str | None) -> str:
    """The text without what differs from run to run. The world is ahead of the clock here: a total may be missing."""
    known = _MOMENT.sub("⏱", text or "")
    known = _REFERENCE.sub(r"\1…", _DURATION.sub(r"\1⏱", known))
    return re.sub(r"· recovered$", "· recovered after ⏱", re.sub(r"· deployed$", "· deployed in ⏱", known))


def seen(message: discord.Message) -> Seen:
    """A message in a channel."""
    [embed] = message.embeds
    parts = [part for row in message.components for part in getattr(row, "children", ())]
    return Seen(
        title=steady(embed.title),
        text=steady(embed.description),
        content=message.content,
        buttons=tuple(part.label for part in parts if part.custom_id),
        links=tuple(part.label for part in parts if not part.custom_id),
        footer=steady(embed.footer.text),
    )


def urls(message: discord.Message) -> dict[str, str]:
    """Where the links of a message lead, by their labels."""
    parts = [part for row in message.components for part in getattr(row, "children", ())]
    return {part.label: part.url for part in parts if part.url}


def board(channel: ChannelHandle) -> list[Seen]:
    """Every message in the channel, from the oldest."""
    return [seen(message) for message in channel.history()]


def titles(channel: ChannelHandle) -> list[str]:
    """The titles of the messages in the channel, from the oldest."""
    return [message.title for message in board(channel)]


def answer(result: InteractionResult) -> Seen:
    """The private answer to a press or a command; anything that others could see fails."""
    assert result.acknowledged
    assert result.response is not None
    assert result.response.ephemeral
    assert result.followups == []
    return seen(result.response.message)


def told(result: InteractionResult) -> tuple[str, str]:
    """Title and text of the private answer."""
    private = answer(result)
    return private.title, private.text


def written(scene: Scene, channel: ChannelHandle, *, about: str) -> list[str]:
    """The titles that the messages about something were given, one after the other, with the same twice in a row once.

    `about` is a part of their footer.
    """
    shown: list[str] = []
    for request in scene.env.http_requests:
        if request.method not in ("POST", "PATCH") or not request.path.startswith(f"/channels/{channel.id}/messages"):
            continue
        assert isinstance(request.json, dict)
        [embed] = request.json["embeds"]
        if about in embed["footer"]["text"].split(" · ") and shown[-1:] != [steady(embed["title"])]:
            shown.append(steady(embed["title"]))
    return shown


def calls(scene: Scene) -> list[tuple[str, list[str]]]:
    """Every message that was allowed to notify somebody: its content, and the roles it notified."""
    found = []
    for request in scene.env.http_requests:
        body = request.json if isinstance(request.json, dict) else {}
        allowed = (body.get("data") or body).get("allowed_mentions")
        if allowed is not None and (allowed.get("parse") or allowed.get("roles") or allowed.get("users")):
            found.append((str(body.get("content")), list(map(str, allowed.get("roles", ())))))
            assert not allowed.get("parse")
            assert not allowed.get("users")
    return found


async def message(channel: ChannelHandle, *, titled: str, within: float = 10.0) -> discord.Message:
    """The newest message with this in its title, as soon as there is one."""

    def look() -> discord.Message | None:
        found = (one for one in reversed(channel.history()) if one.embeds and titled in (one.embeds[0].title or ""))
        return next(found, None)

    try:
        found = await until(look, within=within)
    except TimeoutError as error:
        raise TimeoutError(f"no message titled {titled!r} but {titles(channel)}") from error
    assert found is not None
    return found
