"""A simulated Discord guild with the people who ship tickets, and the topology that names them.

The people have roles as a real team would: who may only look, who may ask for a deploy, who may approve one. The
author of the scripted commits is among them, so that "nobody approves what they pushed" can be seen.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import discord
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle, RoleHandle

from bot.topology import Topology
from sandbox.world import with_clusters

# Role name -> what it may do, in which environments.
GRANTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Developer": {
        "*": ("view", "logs", "refresh", "rerun"),
        "dev": ("deploy", "lock"),
        "staging": ("deploy", "lock"),
        "prod": ("deploy", "lock", "rollback"),
    },
    "Release manager": {
        "*": (
            "view",
            "logs",
            "refresh",
            "deploy",
            "lock",
            "freeze",
            "stop",
            "rollback",
            "rerun",
            "restart",
            "terminate",
            "audit",
        ),
        "prod": ("approve",),
    },
    "Observer": {"*": ("view",)},
}
# Member -> roles and GitHub login. The logins are those of the scripted commits.
PEOPLE: Mapping[str, tuple[tuple[str, ...], str | None]] = {
    "minji": (("Release manager", "Developer"), "minji"),
    "jisoo": (("Release manager",), "jisoo"),
    "hyunwoo": (("Developer",), "hyunwoo"),
    "sora": (("Observer",), "sora"),
    "guest": ((), None),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The guild as its builder made it. `people` act; `releases` and `alerts` are the bot's channels."""

    guild: GuildHandle
    releases: ChannelHandle
    alerts: ChannelHandle
    roles: Mapping[str, RoleHandle]
    people: Mapping[str, MemberActor]


def build(env: simcord.Env, *, one_channel: bool) -> Town:
    """Make the guild. With `one_channel`, alerts appear among the releases: the preview page shows one channel."""
    env.backend.bot_user.name = "tiketi-chatops"
    guild = env.create_guild("Tiketi")
    releases = guild.create_text_channel("releases")
    alerts = releases if one_channel else guild.create_text_channel("alerts")
    roles = {name: guild.create_role(name) for name in GRANTS}
    people = {
        name: guild.add_member(env.create_user(name), roles=[roles[role] for role in held])
        for name, (held, _login) in PEOPLE.items()
    }
    return Town(guild=guild, releases=releases, alerts=alerts, roles=roles, people=people)


def topology_of(town: Town, *, packaged: Topology) -> Topology:
    """The packaged topology with the ids of this guild, and a cluster of its own for each environment."""
    granted: dict[str, dict[str, list[int]]] = {}
    for role, places in GRANTS.items():
        for place, capabilities in places.items():
            for capability in capabilities:
                granted.setdefault(place, {}).setdefault(capability, []).append(town.roles[role].id)
    document = with_clusters(packaged).model_dump(mode="json")
    document["channels"] = {"releases": town.releases.id, "alerts": town.alerts.id}
    document["roles"] = granted
    document["identities"] = [
        {"discord": town.people[name].id, "github": login} for name, (_held, login) in PEOPLE.items() if login
    ]
    for environment in document["environments"].values():
        if not environment["automated"]:
            environment["mention"] = town.roles["Release manager"].id
    return Topology.model_validate(document)


@contextmanager
def nobody() -> Iterator[discord.Client]:
    """A client that does nothing: the guild's ids are known only once a simulated Discord has started with one."""
    yield discord.Client(intents=discord.Intents(guilds=True))
