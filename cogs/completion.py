"""What the options of commands offer while somebody types: only what there is, and only what they may view."""

import asyncio
import zoneinfo
from collections.abc import Collection, Iterable
from functools import cache

import discord
from discord import app_commands

from bot.cards import freezes as freeze_cards
from bot.cards import locks as lock_cards
from bot.cards.text import cut
from bot.chat.deps import Deps
from bot.domain.operations import Operation
from bot.services import explanations, freezes, locks, operations, views

Choices = list[app_commands.Choice[str]]
OperationId = app_commands.Range[str, 1, 32]
MOST = 25
"""Discord shows no more."""
LONGEST = 100
ALL = "all"


def environments(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The environments that the member may view."""
    return matching(deps.gate.visible(interaction), typed)


def services(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The services, for whoever may view any environment."""
    return matching(deps.catalog.services if deps.gate.visible(interaction) else (), typed)


def services_or_all(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The services, and all of them at once."""
    return matching((*deps.catalog.services, ALL) if deps.gate.visible(interaction) else (), typed)


async def revisions(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The commits of the manifests that were deployed in the environment chosen so far, the newest first."""
    environment = getattr(interaction.namespace, "environment", None)
    if environment not in deps.gate.visible(interaction):
        return []
    deployed = await operations.deployed(deps.database, environment=environment, limit=MOST)
    wanted = typed.strip().casefold()
    return [
        app_commands.Choice(name=f"{one.revision[:7]} · {one.words}"[:LONGEST], value=one.revision)
        for one in deployed
        if one.revision.startswith(wanted)
    ]


async def tags(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The newest tags that the registry has of the service chosen so far."""
    environment = getattr(interaction.namespace, "environment", None)
    if environment not in deps.gate.visible(interaction):
        return []
    return matching(await deps.tags.newest(str(getattr(interaction.namespace, "service", ""))), typed)


async def operations_of(deps: Deps, environments: Collection[str], typed: str) -> Choices:
    """The newest operations of these environments; the value is the id, and typing it finds the operation too."""
    found = await explanations.newest(deps.database, environments)
    return _named([(cut(_called(one), LONGEST), one.id) for one in found], typed)


async def proven(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The images that the service chosen so far ran well in the environment chosen so far, the last one first."""
    environment = str(getattr(interaction.namespace, "environment", ""))
    if environment not in deps.gate.visible(interaction):
        return []
    service = str(getattr(interaction.namespace, "service", ""))
    found = await deps.planner.proven(environment=environment, service=service)
    return matching([candidate.tag for candidate in found], typed)


async def standing_freezes(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The freezes of the environments that the member may view, by what they are; the value is the id."""
    found = await freezes.standing(deps.database, places=deps.gate.visible(interaction))
    names = [(cut(freeze_cards.choice(one), LONGEST), one.id) for one in found]
    return _named(names, typed)


async def standing_locks(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The lock on exactly what was chosen so far, where the member may view it; the value is what names it."""
    environment, service = (getattr(interaction.namespace, name, None) for name in ("environment", "service"))
    places = [name for name in deps.gate.visible(interaction) if name == environment]
    found = await locks.holding(deps.database, places=places, now=deps.clock())
    names = [(cut(lock_cards.choice(one), LONGEST), one.short_id) for one in found if one.service == service]
    return _named(names, typed)


async def zones(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """Names of time zones, for whoever may view any environment."""
    if not deps.gate.visible(interaction):
        return []
    return matching(sorted(await asyncio.to_thread(_zones)), typed)


async def versions(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The environments that the member may view, then the newest tags of the service chosen so far."""
    service = str(getattr(interaction.namespace, "service", ""))
    visible = deps.gate.visible(interaction)
    return matching([*visible, *await deps.comparer.tags(service=service, environments=visible)], typed)


async def containers(interaction: discord.Interaction, deps: Deps, typed: str) -> Choices:
    """The containers of the service chosen so far, as its pods had them when they were read last."""
    environment = getattr(interaction.namespace, "environment", None)
    service = getattr(interaction.namespace, "service", None)
    if environment not in deps.gate.visible(interaction):
        return []
    [known] = await views.status(deps.database, catalog=deps.catalog, environments=[environment], now=deps.clock())
    workload = known.observed.workload(str(service)) if known.observed else None
    names = dict.fromkeys(name for pod in (workload.pods if workload else ()) for name in pod.containers)
    return matching(names, typed)


@cache
def _zones() -> frozenset[str]:
    """Every time zone there is. Looking reads a thousand files, so it is done once."""
    return frozenset(zoneinfo.available_timezones())


def matching(names: Iterable[str], typed: str) -> Choices:
    """Those with the typed text in them, whatever its case; those that start with it first."""
    wanted = typed.strip().casefold()
    found = sorted((name for name in names if wanted in name.casefold()), key=lambda name: _late(name, wanted))
    return [app_commands.Choice(name=name, value=name) for name in found[:MOST]]


def _named(names: Iterable[tuple[str, str]], typed: str) -> Choices:
    """Names with their values, those with the typed text in either."""
    wanted = typed.strip().casefold()
    fitting = [(name, value) for name, value in names if wanted in f"{name} {value}".casefold()]
    return [app_commands.Choice(name=name, value=value) for name, value in fitting[:MOST]]


def _called(operation: Operation) -> str:
    """What tells it apart comes first: a phone shows about 40 characters."""
    when = f"{operation.requested_at:%d %b %H:%M:%S} UTC"
    what = f"{operation.kind} {operation.subject} → {operation.environment}"
    return f"{when} {operation.state} · {what} · {cut(operation.requested_name, 32)}"


def _late(name: str, wanted: str) -> bool:
    return not name.casefold().startswith(wanted)
