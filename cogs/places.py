"""What commands ask about places: is there such a service, and where in Discord is the card of an operation?"""

import asyncio

from bot.chat.deps import Deps
from bot.domain.operations import Operation
from bot.domain.reasons import Reason, Refused
from bot.services import operations
from bot.storage import cards

LOOKS, LOOK_SECONDS = 20, 0.1


def require_service(deps: Deps, service: str | None) -> None:
    """Refuse a service that the topology does not name; no service is fine."""
    if service is not None and service not in deps.catalog.services:
        raise Refused(Reason.UNKNOWN_SERVICE)


async def card(deps: Deps, operation: Operation) -> str | None:
    """The address of the card that shows an operation; the board needs a moment to post one that is new."""
    if not operation.has_card and operation.release_id is None:
        return None
    for _ in range(LOOKS):
        found = await cards.location(deps.database, operations.shown_on(operation))
        if found is not None:
            channel_id, message_id = found
            return f"https://discord.com/channels/{deps.guild_id}/{channel_id}/{message_id}"
        await asyncio.sleep(LOOK_SECONDS)
    return None
