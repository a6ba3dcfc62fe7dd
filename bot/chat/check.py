"""What `python -m bot check` says about Discord: is the token good, is the bot in the guild, may it write there.

Only REST is used: a second connection to the gateway would take interactions away from the bot that is running.
"""

import asyncio
from collections.abc import Collection, Mapping

import discord

TIMEOUT_SECONDS = 20
_NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "embed_links": "Embed Links",
    "read_message_history": "Read Message History",
}

Finding = tuple[str, bool, str]
"""Name, whether it is in order, and what was found or what is missing."""


async def check(token: str, *, guild_id: int, channels: Mapping[str, int], roles: Collection[int]) -> list[Finding]:
    """The findings; `channels` maps what a channel is for to its id."""
    client = discord.Client(intents=discord.Intents.none(), max_ratelimit_timeout=30)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS), client:
            return await _look(client, token, guild_id=guild_id, channels=channels, roles=roles)
    except discord.LoginFailure:
        return [("Discord", False, "does not accept the token in CHATOPS_DISCORD_TOKEN")]
    except discord.NotFound:
        return [("Discord", False, f"the bot is not in guild {guild_id}: invite it, or see CHATOPS_DISCORD_GUILD_ID")]
    except (discord.DiscordException, OSError, TimeoutError) as error:
        return [("Discord", False, f"does not answer ({type(error).__name__})")]


async def _look(
    client: discord.Client, token: str, *, guild_id: int, channels: Mapping[str, int], roles: Collection[int]
) -> list[Finding]:
    await client.login(token)
    guild = await client.fetch_guild(guild_id)
    name = client.user.name if client.user else "the bot"
    found: list[Finding] = [("Discord", True, f"{name} is in {guild.name}")]
    application = await client.application_info()
    if application.interactions_endpoint_url:
        found.append(("Commands", False, "remove the Interactions Endpoint URL in the Developer Portal"))
    there = {channel.id: channel for channel in await guild.fetch_channels()}
    me = await guild.fetch_member(client.user.id if client.user else 0)
    found += [_channel(use, there.get(channel_id), me, channel_id=channel_id) for use, channel_id in channels.items()]
    unknown = sorted(set(roles) - {role.id for role in guild.roles})
    if unknown:
        found.append(
            ("Roles", False, f"the guild has no role {', '.join(map(str, unknown))}: see `roles` in the topology")
        )
    else:
        found.append(("Roles", True, f"all {len(set(roles))} of the topology exist"))
    return found


def _channel(use: str, channel: discord.abc.GuildChannel | None, me: discord.Member, *, channel_id: int) -> Finding:
    title = f"Channel for {use}"
    if channel is None:
        return title, False, f"the guild has no channel {channel_id}, or the bot cannot see it"
    rights = channel.permissions_for(me)
    missing = [words for right, words in _NEEDED.items() if not getattr(rights, right)]
    if missing:
        return title, False, f"#{channel.name}: the bot lacks {', '.join(missing)}"
    return title, True, f"#{channel.name}"
