"""Which cards show an operation, and having the board look at them again."""

from datetime import datetime

from bot.domain.approvals import REMINDERS
from bot.domain.operations import Operation
from bot.services.releases import card_key
from bot.storage import cards
from bot.storage.engine import Connection


def shown_on(operation: Operation) -> str:
    """The key of the card that shows an operation."""
    return f"operation:{operation.id}" if operation.has_card else card_key(operation.release_id or 0)


def reminder_key(approval_id: str, number: int) -> str:
    """The key of the card that reminds people of a request."""
    return f"reminder:{approval_id}:{number}"


async def refresh_card(connection: Connection, operation: Operation, *, now: datetime) -> None:
    """Let the board look at the cards that show this operation."""
    if operation.has_card or operation.release_id is not None:
        await cards.mark_stale(connection, shown_on(operation), now=now)
    if operation.content is not None:
        await cards.mark_stale(connection, f"request:{operation.id}", now=now)
        keys = [reminder_key(operation.id, number) for number in range(1, REMINDERS + 1)]
        await cards.mark_known_stale(connection, keys, now=now)
