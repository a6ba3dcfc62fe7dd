"""Places in commands: is there such a service, may somebody look at it, and where in Discord is an operation's card?"""

import asyncio

import discord

from bot.chat.deps import Deps
from bot.domain.catalog import Environment
from bot.domain.operations import Operation
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import showing
from bot.storage import cards

LOOKS, LOOK_SECONDS = 20, 0.1


def require_service(deps: Deps, service: str | None) -> None:
    """Refuse a service that the topology does not name; no service is fine."""
    if service is not None and service not in deps.catalog.services:
        raise Refused(Reason.UNKNOWN_SERVICE)


async def seen(deps: Deps, interaction: discord.Interaction, *, environment: str | None) -> list[Environment]:
    """The one environment that was named, or all that the member may view; refuses whoever may view none of them."""
    visible = deps.gate.visible(interaction)
    if environment is not None or not visible:
        # Who may view nothing is told who may view production, which topologies name last.
        asked = environment or list(deps.catalog.environments)[-1]
        await deps.gate.require(interaction, capability=Capability.VIEW, environment=asked)
    return [deps.catalog.environments[name] for name in visible if environment in (None, name)]


async def visited(
    deps: Deps,
    interaction: discord.Interaction,
    capability: Capability,
    *,
    environment: str,
    service: str | None = None,
) -> Environment:
    """The environment that somebody looks at, for whoever may; refuses a service that the topology does not name."""
    await deps.gate.require(interaction, capability=capability, environment=environment, service=service)
    return deps.catalog.environments[environment]


async def card(deps: Deps, operation: Operation) -> str | None:
    """The address of the card that shows an operation; the board needs a moment to post one that is new."""
    if not operation.has_card and operation.release_id is None:
        return None
    for _ in range(LOOKS):
        async with deps.database.reading() as connection:
            found = await cards.location(connection, showing.shown_on(operation))
        if found is not None:
            channel_id, message_id = found
            return f"https://discord.com/channels/{deps.guild_id}/{channel_id}/{message_id}"
        await asyncio.sleep(LOOK_SECONDS)
    return None
