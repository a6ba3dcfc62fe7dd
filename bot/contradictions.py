"""What in a topology file of the right shape contradicts itself: each problem with its place and a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bot.domain.catalog import MAIN
from bot.domain.permissions import EVERYWHERE, OF_SERVICES, Capability, place
from bot.yaml_lines import Place, path_of

if TYPE_CHECKING:
    from bot.topology import Topology

_Problems = Iterator[tuple[Place, str]]


def of(topology: Topology) -> _Problems:
    """Every contradiction that can be told apart."""
    services, environments = topology.services.items(), topology.environments.items()
    yield from _shared("environments", "branch", ((name, env.branch) for name, env in environments if env.pipeline))
    yield from _shared(
        "environments", "application", ((name, f"{env.argocd}/{env.application}") for name, env in environments)
    )
    yield from _shared("services", "workflow", ((name, service.workflow) for name, service in services))
    yield from _shared("services", "image", ((name, service.image) for name, service in services))
    yield from _shared("identities", "discord", ((at, one.discord) for at, one in enumerate(topology.identities)))
    yield from _shared("identities", "github", ((at, one.github.lower()) for at, one in enumerate(topology.identities)))
    yield from _places(topology)
    yield from _stopping(topology)
    if topology.hide_commands_without is not None:
        from bot.chat.hiding import PERMISSIONS  # takes longer to import than most commands take to answer

        if topology.hide_commands_without not in PERMISSIONS:
            yield ("hide_commands_without",), "is not a permission of Discord, such as manage_messages"
    argocds = (MAIN, *topology.argocd)
    if MAIN in topology.argocd:
        yield ("argocd", MAIN), "is the name of the Argo CD of the settings; choose another one"
    for name, environment in environments:
        if environment.argocd not in argocds:
            yield ("environments", name, "argocd"), f"is not an Argo CD; there are {', '.join(argocds)}"
        if environment.automated and environment.approval is not None:
            yield ("environments", name, "approval"), "cannot be asked for where Argo CD syncs by itself (automated)"
        yield from _consent(topology, name)


def _places(topology: Topology) -> _Problems:
    """Grants for what is not there, and grants for one service of what is about a whole environment."""
    known = (EVERYWHERE, *topology.environments)
    services = {place(one, service) for one in known for service in topology.services}
    for scope, granted in topology.roles.items():
        if scope in services:
            for capability in granted.keys() - OF_SERVICES:
                yield ("roles", scope, capability), "is about environments, and cannot be granted for one service"
        elif scope.partition("/")[0] in known and "/" in scope:
            yield ("roles", scope), f"is not a service there; the services are {', '.join(topology.services)}"
        elif scope not in known:
            yield ("roles", scope), f"is not an environment; there are {', '.join(topology.environments)} and *"


def _stopping(topology: Topology) -> _Problems:
    """Grants of `stop` that let nobody stop anything: it takes a right in every environment, by any of one's roles."""
    policy = topology.policy(guild_id=0)
    missing = [name for name in topology.environments if not policy.roles(Capability.STOP, environment=name)]
    if len(missing) == len(topology.environments):
        return
    for scope in (one for one, granted in topology.roles.items() if missing and granted.get(Capability.STOP)):
        words = f"lets nobody stop anything: that needs stop in every environment, and {', '.join(missing)} has none"
        yield ("roles", scope, Capability.STOP), words


def _consent(topology: Topology, name: str) -> _Problems:
    """What keeps a request from ever being approved: nobody who may, or a group that nobody fills."""
    consent, path = topology.environments[name].consent, ("environments", name, "approval")
    roles = topology.policy(guild_id=0).roles
    approvers = {one: roles(Capability.APPROVE, environment=name, service=one) for one in (*topology.services, None)}
    if consent.required and not any(approvers.values()):
        yield ("environments", name), f"needs approval, but no role has approve in roles.{name} or roles.*"
    elif consent.required:
        for service in (one for one, able in approvers.items() if one and not able):
            yield ("environments", name), f"needs approval, but no role has approve for {service}"
    asked = consent.unknown_authors != "tell" and "unknown_authors" in consent.model_fields_set
    if asked and not consent.required:
        wrong = f"cannot be {consent.unknown_authors}, because nobody has to agree (required: 0)"
        yield (*path, "unknown_authors"), wrong
    if consent.required < len(consent.groups):
        people = f"{len(consent.groups)} people, since one person stands for one group"
        yield (*path, "required"), f"is {consent.required}, but the groups need {people}"
    able = frozenset().union(*approvers.values())
    for group, members in consent.groups.items():
        idle = ", ".join(str(role) for role in members if role not in able)
        if idle:
            yield (*path, "groups", group), f"has a role without approve in roles.{name} or roles.*: {idle}"
            continue
        # A deploy of all may be left to nobody; one of a service is what the bot asks for by itself.
        for service in (one for one, some in approvers.items() if one and some and not some.intersection(members)):
            yield (*path, "groups", group), f"has no role with approve for {service}, whose deploys need it"


def _shared(group: str, field: str, values: Iterable[tuple[str | int, object]]) -> _Problems:
    first: dict[object, str | int] = {}
    for name, value in values:
        if value in first:
            also = "pipeline environments must have different branches; " if field == "branch" else ""
            yield (group, name, field), f"{also}{value} already belongs to {path_of((group, first[value]))}"
        first.setdefault(value, name)
