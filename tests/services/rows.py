"""What the rows of a database say, read anew at every look."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from bot.domain.approvals import Approval
from bot.domain.incidents import Incident
from bot.domain.operations import Operation
from bot.domain.releases import Release
from bot.storage import applications, documents, schema
from bot.storage import approvals as approval_rows
from bot.storage import operations as operation_rows
from bot.storage.applications import Known
from bot.storage.engine import Database
from tests.services.waiting import eventually


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of one database."""

    database: Database

    async def operation(self, operation_id: str) -> Operation:
        """The operation as its row is."""
        async with self.database.reading() as connection:
            found = await operation_rows.get(connection, operation_id)
        assert found is not None
        return found

    async def approval(self, operation_id: str) -> Approval:
        """The approval of an operation as its row is."""
        async with self.database.reading() as connection:
            found = await approval_rows.of_operation(connection, operation_id)
        assert found is not None
        return found[0]

    async def ended(self, operation_id: str) -> Operation:
        """The operation once it has ended."""

        async def look() -> Operation | None:
            operation = await self.operation(operation_id)
            return operation if operation.state.ended else None

        return await eventually(look)

    async def table(self, name: str) -> list[dict[str, Any]]:
        """Every row of a table, in the order of its key."""
        table = schema.metadata.tables[name]
        async with self.database.reading() as connection:
            rows = await connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in rows]

    async def known(self, environment: str = "prod") -> Known:
        """What is known of an environment's Application."""
        async with self.database.reading() as connection:
            return await applications.get(connection, environment)

    async def operations(self) -> list[Operation]:
        """Every operation, oldest first."""
        return [documents.operation.load(row["document"]) for row in await self.table("operations")]

    async def releases(self) -> list[Release]:
        """Every release, oldest first."""
        return [documents.release.load(row["document"]) for row in await self.table("releases")]

    async def deliveries(self) -> dict[str, str]:
        """What became of every delivery, by its key."""
        return {row["key"]: row["state"] for row in await self.table("deliveries")}

    async def incidents(self) -> list[Incident]:
        """Every episode, by subject."""
        return [documents.incident.load(row["document"]) for row in await self.table("incidents")]

    async def audit(self) -> list[tuple[str, str, str, str | None]]:
        """Who did what, what came of it and why, oldest first."""
        return [(row["actor"], row["action"], row["outcome"], row["reason"]) for row in await self.table("audit")]
