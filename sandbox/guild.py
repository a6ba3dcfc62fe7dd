"""A simulated Discord guild with the people who ship tickets, and the topology that names them.

The people have roles as a real team would: who may only look, who may ask for a deploy, who may approve one. The
author of the scripted commits is among them, so that "nobody approves what they pushed" can be seen.

The page of `make sandbox` shows more than the journeys need: somebody on call, who may break the glass and is called
when a request is about to expire, and `dr`, a second production that wants a release manager and security.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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
# What the page has besides.
ON_CALL, SECURITY, MANAGER = "On call", "Security", "Release manager"
PAGE_GRANTS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "Developer": {"dr": ("deploy",)},
    MANAGER: {"dr": ("approve",)},
    ON_CALL: {"*": ("view", "logs"), "prod": ("break_glass",)},
    SECURITY: {"*": ("view",), "dr": ("approve",)},
}
PAGE_PEOPLE: Mapping[str, tuple[tuple[str, ...], str | None]] = {"yuna": ((ON_CALL, SECURITY), "yuna")}
# A request in prod waits so long: people are reminded after 3 minutes, and who is on call hears of it after 5.
EXPIRES_MINUTES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The guild as its builder made it. `people` act; `releases` and `alerts` are the bot's channels.

    `for_page` says that it is the one of the page.
    """

    for_page: bool
    guild: GuildHandle
    releases: ChannelHandle
    alerts: ChannelHandle
    roles: Mapping[str, RoleHandle]
    people: Mapping[str, MemberActor]


def build(env: simcord.Env, *, for_page: bool) -> Town:
    """Make the guild. `for_page`, alerts appear among the releases, since the page shows one channel."""
    env.backend.bot_user.name = "tiketi-chatops"
    guild = env.create_guild("Tiketi")
    releases = guild.create_text_channel("releases")
    alerts = releases if for_page else guild.create_text_channel("alerts")
    roles = {name: guild.create_role(name) for name in (*GRANTS, *((ON_CALL, SECURITY) if for_page else ()))}
    people = {
        name: guild.add_member(env.create_user(name), roles=[roles[role] for role in held])
        for name, (held, _login) in _people(for_page=for_page).items()
    }
    return Town(for_page=for_page, guild=guild, releases=releases, alerts=alerts, roles=roles, people=people)


def topology_of(town: Town, *, packaged: Topology) -> Topology:
    """The packaged topology with the ids of this guild, and a cluster of its own for each environment."""
    granted: dict[str, dict[str, list[int]]] = {}
    for grants in (GRANTS, PAGE_GRANTS) if town.for_page else (GRANTS,):
        for role, places in grants.items():
            for place, capabilities in places.items():
                for capability in capabilities:
                    granted.setdefault(place, {}).setdefault(capability, []).append(town.roles[role].id)
    document = with_clusters(packaged).model_dump(mode="json")
    document["channels"] = {"releases": town.releases.id, "alerts": town.alerts.id}
    document["roles"] = granted
    document["identities"] = [
        {"discord": town.people[name].id, "github": login}
        for name, (_held, login) in _people(for_page=town.for_page).items()
        if login
    ]
    if town.for_page:
        roles = {name: role.id for name, role in town.roles.items()}
        document["environments"] = _on_page(document["environments"], roles=roles)
    for environment in document["environments"].values():
        if not environment["automated"]:
            environment["mention"] = town.roles[MANAGER].id
    return Topology.model_validate(document)


def _people(*, for_page: bool) -> Mapping[str, tuple[tuple[str, ...], str | None]]:
    return {**PEOPLE, **PAGE_PEOPLE} if for_page else PEOPLE


def _on_page(environments: Mapping[str, Any], *, roles: Mapping[str, int]) -> dict[str, Any]:
    """Requests in prod expire soon, and there is `dr` too, which is like prod and never built for.

    It comes first: an image is promoted from one environment to the next, and to prod as everywhere else.
    """
    prod = environments["prod"]
    soon = prod["approval"] | {"expires_minutes": EXPIRES_MINUTES, "escalate": roles[ON_CALL]}
    two = {"required": 2, "groups": {"release": [roles[MANAGER]], "security": [roles[SECURITY]]}}
    names = {"application": "tiketi-dr", "overlay": "k8s/overlays/dr", "namespace": "tiketi-dr"}
    dr = prod | names | {"context": "cluster-dr", "pipeline": False, "approval": two}
    return {"dr": dr} | {**environments, "prod": prod | {"approval": soon}}


@contextmanager
def nobody() -> Iterator[discord.Client]:
    """A client that does nothing: the guild's ids are known only once a simulated Discord has started with one."""
    yield discord.Client(intents=discord.Intents(guilds=True))
