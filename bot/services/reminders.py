"""Reminding people of requests that nobody has decided: a message of its own at half-time and one before the end.

The row of a reminder's card is what makes it one: it is only ever begun once, whichever worker comes first and however
often the bot starts anew. A bot that was away sends the newest of those it missed, and no other.
"""

from datetime import datetime

from bot.domain.approvals import REMINDERS, Approval
from bot.services import obstacles
from bot.services.showing import reminder_key
from bot.storage import approvals as rows
from bot.storage import cards, operations
from bot.storage.engine import Connection, Database


async def remind(database: Database, *, now: datetime) -> int:
    """Begin every reminder whose time has come; says how many. The board posts them while the request still waits.

    Nobody is reminded of what they could not decide now, because it is locked, frozen or everything is stopped; nor
    once more of what a later reminder has told, when the clock was set back.
    """
    async with database.reading() as connection:
        due = {one: number for one in await rows.pending(connection) if (number := _passed(one, now=now))}
        known = await cards.known(connection, [key for one in due for key in _keys(one)])
        keys = [
            _keys(one)[number - 1]
            for one, number in due.items()
            if known.isdisjoint(_keys(one)[number - 1 :]) and await _is_clear(connection, one, now=now)
        ]
    begun = 0
    for key in keys:
        async with database.transaction("cards") as connection:
            begun += await cards.begin(connection, key, now=now)
    return begun


async def _is_clear(connection: Connection, approval: Approval, *, now: datetime) -> bool:
    operation = await operations.get(connection, approval.operation_id)
    return operation is not None and await obstacles.in_the_way(connection, operation, now=now) is None


def _keys(approval: Approval) -> list[str]:
    """The keys of its reminders, the first one first."""
    return [reminder_key(approval.id, number) for number in range(1, REMINDERS + 1)]


def _passed(approval: Approval, *, now: datetime) -> int:
    """The number of the newest reminder whose time has come, from 1; 0 before the first and after the end."""
    return 0 if now >= approval.expires_at else sum(moment <= now for moment in approval.reminders)
