"""Writing one card to Discord: post, edit, find again, retire. One bounded call each; nothing is remembered here.

A post is made with a nonce that depends only on the card and its part, so Discord itself returns the existing message
when a post is repeated within minutes; `find` is for later than that. Edits go through a partial message: nothing is
fetched, and it works after a restart.
"""

import hashlib

import discord

from bot.cards import continued
from bot.cards.base import Card
from bot.chat import embeds

UNKNOWN_MESSAGE = 10008
_LOOK_AT = 100
"""The newest messages among which a post is looked for. Their number bounds it, not their time: Discord's clock stamps
messages, this machine's the announcement. The part in the footer tells a card's messages apart, so an old one cannot
pass for a new one."""


def nonce(key: str, *, part: int) -> str:
    """The same for the same part of the same card, in every process; 25 characters, Discord's limit."""
    return hashlib.sha256(f"{key}:{part}".encode()).hexdigest()[:25]


async def post(client: discord.Client, channel_id: int, card: Card, *, key: str, part: int) -> int:
    """Post the card and return the id of its message. The only place where somebody is called."""
    message = await client.get_partial_messageable(channel_id).send(
        content=embeds.content(card),
        embed=embeds.embed(card, roles=role_names(client), part=part),
        view=embeds.view(card),
        nonce=nonce(key, part=part),
        allowed_mentions=embeds.calls(card),
    )
    return message.id


async def edit(client: discord.Client, channel_id: int, message_id: int, card: Card, *, part: int) -> bool:
    """Show the card in its message. False when the message is gone."""
    message = client.get_partial_messageable(channel_id).get_partial_message(message_id)
    try:
        await message.edit(
            content=embeds.content(card),
            embed=embeds.embed(card, roles=role_names(client), part=part),
            view=embeds.view(card),
            allowed_mentions=discord.AllowedMentions.none(),
        )
    except discord.NotFound as error:
        if error.code != UNKNOWN_MESSAGE:
            raise
        return False
    return True


async def find(client: discord.Client, channel_id: int, card: Card, *, part: int) -> int | None:
    """The message that an announced post made before anybody could write down its id, or None."""
    async for message in client.get_partial_messageable(channel_id).history(limit=_LOOK_AT):
        if client.user is not None and message.author.id == client.user.id and embeds.shows(message, card, part=part):
            return message.id
    return None


async def retire(client: discord.Client, channel_id: int, message_id: int, card: Card, *, newer: int) -> None:
    """Let an old message of the card point to its newer one."""
    channel = client.get_channel(channel_id)
    guild = getattr(channel, "guild", None)
    url = f"https://discord.com/channels/{guild.id}/{channel_id}/{newer}" if guild else None
    await edit(client, channel_id, message_id, continued.render(card, url=url), part=0)


def role_names(client: discord.Client) -> embeds.RoleName:
    """Names of the roles that this client knows."""

    def name(role_id: int) -> str | None:
        roles = (guild.get_role(role_id) for guild in client.guilds)
        return next((role.name for role in roles if role), None)

    return name
