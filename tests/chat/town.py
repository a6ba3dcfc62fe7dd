"""A simulated guild with the people a team has, a database, and waiting for what must become true.

The guild's ids are known only once it exists, so a client that does nothing opens the town and the bot under test
moves in afterwards.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import discord
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle, RoleHandle

from bot.storage.engine import Database

ROUNDS = 1000


@dataclass
class Clock:
    """A clock that moves only when told to."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **time: float) -> None:
        """Move on, by the arguments of `timedelta`."""
        self.now += timedelta(**time)


@dataclass(frozen=True)
class Town:
    """Everything a test acts on."""

    env: simcord.Env
    database: Database
    clock: Clock
    guild: GuildHandle
    releases: ChannelHandle
    alerts: ChannelHandle
    approvers: RoleHandle
    developers: RoleHandle
    mina: MemberActor
    jiwon: MemberActor
    sujin: MemberActor
    guest: MemberActor

    def writes(self) -> list[str]:
        """What the bot posted and edited so far, in order."""
        names = {"POST": "post", "PATCH": "edit"}
        return [
            names[request.method]
            for request in self.env.http_requests
            if request.method in names and "/messages" in request.path and "webhooks" not in request.path
        ]


@asynccontextmanager
async def town(database_url: str) -> AsyncIterator[Town]:
    """Build a town on a database with nothing but its schema."""
    database = Database(database_url)
    # `simcord.run` would bind the town to the context of the fixture, which is not the test's.
    env = simcord.Env(discord.Client(intents=discord.Intents(guilds=True)))
    await env.start()
    try:
        guild = env.create_guild("Tiketi")
        approvers, developers = guild.create_role("Approvers"), guild.create_role("Developers")
        yield Town(
            env=env,
            database=database,
            clock=Clock(),
            guild=guild,
            releases=guild.create_text_channel("releases"),
            alerts=guild.create_text_channel("alerts"),
            approvers=approvers,
            developers=developers,
            mina=guild.add_member(env.create_user("mina"), roles=[developers, approvers]),
            jiwon=guild.add_member(env.create_user("jiwon"), roles=[approvers]),
            sujin=guild.add_member(env.create_user("sujin"), roles=[approvers]),
            guest=guild.add_member(env.create_user("guest")),
        )
        assert env.errors_since(env._errors_acknowledged) == (), "the bot swallowed these"
    finally:
        await env.shutdown()
        await database.close()


async def until(what: Callable[[], object]) -> None:
    """Return once `what`, or what it awaits, is true; fail when it does not become so in time."""
    for _ in range(ROUNDS):
        result = what()
        if await result if inspect.isawaitable(result) else result:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not become true")
