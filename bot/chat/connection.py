"""Staying connected to Discord.

`discord.Client` reconnects by itself most of the time and dies of the rest: a refused first connection, a 503 while
logging in, an event that its parser does not expect. This keeps a client running, a new one for each attempt, with
growing pauses, since Discord allows a thousand logins a day and then revokes the token.
"""

import asyncio
import math
import random
import time
from collections.abc import Callable

import discord
import structlog

SHORTEST = 1.0
LONGEST = 300.0
STEADY = 60.0
"""Seconds of connection after which earlier failures no longer count."""

log = structlog.get_logger(__name__)


class DiscordRefused(Exception):
    """Discord will never let this bot in as it is set up; the text says what to change."""


class Connection:
    """One client at a time; `client` is the current one, for whoever writes to Discord."""

    def __init__(
        self,
        make_client: Callable[[], discord.Client],
        *,
        token: Callable[[], str],
        shortest: float = SHORTEST,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._make_client = make_client
        self._token = token
        self._shortest = shortest
        self._chance = chance
        self.client: discord.Client | None = None

    @property
    def ready(self) -> bool:
        """Whether the client is logged in and hears Discord's heartbeat."""
        client = self.client
        return client is not None and client.is_ready() and not client.is_closed() and math.isfinite(client.latency)

    async def run(self) -> None:
        """Stay connected until cancelled, then close cleanly. Raises `DiscordRefused` when trying is useless."""
        failures = 0
        while True:
            began = time.monotonic()
            await self._attempt()
            failures = 1 if time.monotonic() - began > STEADY else failures + 1
            await asyncio.sleep(self._pause(failures))

    async def _attempt(self) -> None:
        """One client's life; returns when it died of something that may pass."""
        client = self.client = self._make_client()
        try:
            async with client:
                await client.start(self._token())
        except discord.LoginFailure as error:
            raise DiscordRefused("Discord does not accept the bot's token. Set CHATOPS_DISCORD_TOKEN anew.") from error
        except discord.PrivilegedIntentsRequired as error:
            raise DiscordRefused("Discord demands privileged intents, which this bot does not use.") from error
        except Exception as error:
            # The library lets network errors, its own faults and Discord's answers through alike; all may pass.
            log.warning("discord.disconnected", error=repr(error), exc_info=error)
        else:
            log.warning("discord.disconnected", error="the connection was closed")
        finally:
            self.client = None

    def _pause(self, failures: int) -> float:
        """Twice as long after each failure, between half of it and all of it."""
        longest: float = min(self._shortest * 2 ** min(failures - 1, 20), LONGEST)
        return longest * (0.5 + self._chance() / 2)
