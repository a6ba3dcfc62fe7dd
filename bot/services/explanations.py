"""Why something was or would be refused, why a request does not go on, and what it went through, for people who ask.

Nothing is decided here. The rules are asked as whoever acts asks them, at this moment.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from bot.domain import locks
from bot.domain.approvals import Approval
from bot.domain.locks import Lock
from bot.domain.obstacles import Obstacle
from bot.domain.operations import BEGUN, Operation, OperationKind
from bot.domain.reasons import Reason
from bot.domain.trail import Story
from bot.services import obstacles
from bot.services.showing import shown_on
from bot.storage import approvals, audit, cards
from bot.storage import locks as lock_rows
from bot.storage import operations as rows
from bot.storage.engine import Connection, Database

FIRST, NEWEST = 4, 11
"""How many rows of a long story are read from its beginning and from its end."""
OFFERED = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An operation, the consent to it, what is in its way, its rows in the audit trail, and where its card is."""

    operation: Operation
    approval: Approval | None
    obstacles: tuple[Obstacle, ...]
    story: Story
    url: str | None


async def why(database: Database, operation: Operation, *, guild_id: int, now: datetime) -> Told:
    """What an operation went through, and what keeps it from going on at this moment."""
    async with database.reading() as connection:
        found = await approvals.of_operation(connection, operation.id)
        place = await cards.location(connection, shown_on(operation))
        return Told(
            operation=operation,
            approval=found[0] if found else None,
            obstacles=await _in_the_way(connection, operation, now=now),
            story=await audit.story(connection, operation.id, first=FIRST, newest=NEWEST),
            url=f"https://discord.com/channels/{guild_id}/{place[0]}/{place[1]}" if place else None,
        )


async def hindering(
    database: Database, kind: OperationKind, *, environment: str, service: str | None, now: datetime
) -> tuple[Obstacle, ...]:
    """All that would keep an operation of this kind away at this moment: a stop, locks, and freezes."""
    async with database.reading() as connection:
        return await obstacles.all_at(connection, kind, environment=environment, service=service, now=now)


async def held_by_another(
    database: Database, *, environment: str, service: str | None, person: int, now: datetime
) -> tuple[Lock, ...]:
    """The lock on exactly this target that is not this person's: they can only take it over."""
    async with database.reading() as connection:
        found = await lock_rows.held(connection, environment=environment, service=service)
    return (found,) if found and locks.in_force(found, now=now) and found.owner_id != person else ()


async def newest(database: Database, environments: Collection[str]) -> list[Operation]:
    """The newest operations of these environments, whatever became of them."""
    async with database.reading() as connection:
        return await rows.newest(connection, environments, limit=OFFERED)


async def _in_the_way(connection: Connection, operation: Operation, *, now: datetime) -> tuple[Obstacle, ...]:
    """What keeps it from its next step. Once its order is out nothing does, unless that waits to be sent again."""
    if operation.state.ended or (operation.state in BEGUN and operation.reason is not Reason.STOPPED):
        return ()
    return await obstacles.all_of(connection, operation, now=now)
