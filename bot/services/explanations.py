"""Why something was or would be refused, and what an operation went through, for people who ask.

Nothing is decided here. The rules are asked as whoever acts asks them, at this moment.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.domain.approvals import Approval
from bot.domain.obstacles import Obstacle
from bot.domain.operations import Operation, OperationKind
from bot.domain.trail import Entry
from bot.services import obstacles
from bot.services.showing import shown_on
from bot.storage import approvals, audit, cards
from bot.storage import operations as rows
from bot.storage.engine import Database

ENTRIES = 40
OFFERED = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An operation, the consent to it, what the audit trail has of it, and where its card is."""

    operation: Operation
    approval: Approval | None
    entries: tuple[Entry, ...]
    url: str | None


async def why(database: Database, operation: Operation, *, guild_id: int) -> Told:
    """What an operation went through, from the oldest."""
    async with database.reading() as connection:
        found = await approvals.of_operation(connection, operation.id)
        place = await cards.location(connection, shown_on(operation))
        return Told(
            operation=operation,
            approval=found[0] if found else None,
            entries=tuple(await audit.of_operation(connection, operation.id, limit=ENTRIES)),
            url=f"https://discord.com/channels/{guild_id}/{place[0]}/{place[1]}" if place else None,
        )


async def hindering(
    database: Database, kind: OperationKind, *, environment: str, service: str | None, now: datetime
) -> Obstacle | None:
    """What would keep an operation of this kind away at this moment: a stop, a lock, or a freeze."""
    async with database.reading() as connection:
        return await obstacles.at(connection, kind, environment=environment, service=service, now=now)


async def newest(database: Database, environments: list[str]) -> list[Operation]:
    """The newest operations of these environments, whatever became of them."""
    async with database.reading() as connection:
        return await rows.newest(connection, environments, limit=OFFERED)
