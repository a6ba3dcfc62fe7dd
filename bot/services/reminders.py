"""Reminding people of requests that nobody has decided: a message of its own at half-time and one before the end.

The row of a reminder's card is what makes it one: it is only ever begun once, whichever worker comes first and however
often the bot starts anew. A bot that was away sends the newest of those it missed, and no other.
"""

from datetime import datetime

from bot.domain import approvals
from bot.domain.approvals import Approval
from bot.storage import approvals as rows
from bot.storage import cards
from bot.storage.engine import Connection, Database


def card_key(approval_id: str, number: int) -> str:
    """The key of a reminder's card."""
    return f"reminder:{approval_id}:{number}"


async def remind(database: Database, *, now: datetime) -> int:
    """Begin every reminder whose time has come; says how many. The board posts them while the request still waits."""
    async with database.reading() as connection:
        due = [card_key(one.id, number) for one in await rows.pending(connection) if (number := _passed(one, now=now))]
        known = await cards.known(connection, due)
    begun = 0
    for key in due:
        if key not in known:
            async with database.transaction("cards") as connection:
                begun += await cards.begin(connection, key, now=now)
    return begun


async def refresh(connection: Connection, approval_id: str, *, now: datetime) -> None:
    """Let the board look at the reminders that there are of a request."""
    keys = [card_key(approval_id, number) for number in range(1, approvals.REMINDERS + 1)]
    await cards.mark_known_stale(connection, keys, now=now)


def _passed(approval: Approval, *, now: datetime) -> int:
    """The number of the newest reminder whose time has come, from 1; 0 before the first and after the end."""
    return 0 if now >= approval.expires_at else sum(moment <= now for moment in approval.reminders)
