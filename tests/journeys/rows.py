"""The bot's rows, read beside it: what is asserted of them, and whether everything that came is worked off."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Table, func, select

from bot.domain import trail
from bot.domain.approvals import Approval
from bot.domain.events import ApplicationObserved
from bot.domain.incidents import Incident
from bot.domain.operations import Operation
from bot.services import trail as trails
from bot.storage import documents, schema
from bot.storage.engine import Database
from tests.journeys.waiting import until_async

_UNFINISHED = (
    schema.deliveries.c.state == "received",
    schema.applications.c.hinted_at.is_not(None),
    schema.operations.c.state.in_(("requested", "approved", "dispatching")),
    schema.cards.c.stale_since.is_not(None),
)


NEVER = datetime.min.replace(tzinfo=UTC)


class Entry(NamedTuple):
    """A line of the audit, as far as it is the same in every run."""

    actor: str
    action: str
    outcome: str
    operation_id: str | None


class Rows:
    """Looks at a database through a connection of its own."""

    def __init__(self, url: str) -> None:
        self._database = Database(url)

    async def close(self) -> None:
        """Close it."""
        await self._database.close()

    async def all(self, table: Table) -> Sequence[dict[str, Any]]:
        """Every row of a table."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(table))
            return [dict(row._mapping) for row in found]

    def tables(self) -> list[Table]:
        """Every table that there is."""
        return schema.metadata.sorted_tables

    async def operations(self) -> list[Operation]:
        """Every operation, from the oldest."""
        found = [documents.operation.load(row["document"]) for row in await self.all(schema.operations)]
        return sorted(found, key=lambda operation: operation.id)

    async def approvals(self) -> list[Approval]:
        """Every approval, from the oldest."""
        found = [documents.approval.load(row["document"]) for row in await self.all(schema.approvals)]
        return sorted(found, key=lambda approval: approval.id)

    async def incidents(self) -> list[Incident]:
        """Every episode that ever raised an alert."""
        found = [documents.incident.load(row["document"]) for row in await self.all(schema.incidents)]
        return [incident for incident in found if incident.episode]

    async def audit(self) -> list[Entry]:
        """Who did what with which outcome, from the oldest."""
        async with self._database.reading() as connection:
            found = await connection.execute(
                select(*(schema.audit.c[name] for name in Entry._fields)).order_by(schema.audit.c.id)
            )
            return [Entry(*row) for row in found]

    async def trail(self) -> list[trail.Entry]:
        """Every row of the audit trail as it is stored; its chain must hold."""
        assert (await trails.verify(self._database)).broken is None
        return [entry async for entry in trails.entries(self._database)]

    async def quiet(self, *, within: float = 10.0) -> None:
        """Wait until every delivery is worked off and every message shows what it should."""
        await until_async(self._is_quiet, within=within)

    async def ended(self, *, within: float = 10.0) -> None:
        """The same, once every operation has ended too."""
        await until_async(self.over, within=within)

    async def over(self) -> bool:
        """Whether nothing is to be done any more until somebody does something."""
        return all(operation.state.ended for operation in await self.operations()) and await self._is_quiet()

    async def observed(self, environment: str, *, after: datetime) -> None:
        """Wait for a read of the environment that was begun after this moment."""

        async def look() -> bool:
            found = await self.all(schema.applications)
            return any(row["environment"] == environment and (row["observed_at"] or NEVER) > after for row in found)

        await until_async(look)

    async def shows(self, environment: str, fact: Callable[[ApplicationObserved], bool]) -> None:
        """Wait until the newest read of the environment shows this."""

        async def look() -> bool:
            found = await self.all(schema.applications)
            reads = [documents.observation.load(row["document"]) for row in found if row["document"]]
            return any(read.environment == environment and fact(read) for read in reads)

        await until_async(look)

    async def _is_quiet(self) -> bool:
        async with self._database.reading() as connection:
            return not any([await connection.scalar(select(func.count()).where(what)) for what in _UNFINISHED])
