"""The audit trail: who did what, where, and what became of it."""

import pytest
from sqlalchemy import select

from bot.domain.reasons import Reason
from bot.storage import audit, schema
from bot.storage.engine import Database
from tests.domain.examples import OPERATION_ID, after, operation

pytestmark = pytest.mark.storage


async def trail(database: Database) -> list[dict[str, object]]:
    async with database.reading() as connection:
        found = await connection.execute(select(schema.audit).order_by(schema.audit.c.id))
        return [{name: value for name, value in row.items() if name != "id"} for row in found.mappings()]


async def test_the_place_and_the_id_come_from_the_operation(database: Database) -> None:
    async with database.transaction() as connection:
        await audit.note(
            connection,
            at=after(1),
            actor="discord:11",
            action="deploy",
            outcome="refused",
            operation=operation(),
            environment="ignored",
            reason=Reason.WINDOW_CLOSED,
            detail="until noon",
        )

    assert await trail(database) == [
        {
            "at": after(1),
            "actor": "discord:11",
            "action": "deploy",
            "environment": "prod",
            "service": "ticket-service",
            "operation_id": OPERATION_ID,
            "outcome": "refused",
            "reason": "window_closed",
            "detail": "until noon",
        }
    ]


async def test_rows_follow_each_other_and_a_long_detail_is_cut(database: Database) -> None:
    async with database.transaction() as connection:
        for number in range(2):
            await audit.note(
                connection,
                at=after(number),
                actor="chatops",
                action="refresh",
                outcome="succeeded",
                environment="staging",
                service="backend",
                detail="x" * 2000,
            )

    first, second = await trail(database)
    assert (first["at"], second["at"]) == (after(0), after(1))
    assert (first["environment"], first["service"], first["operation_id"]) == ("staging", "backend", None)
    assert first["detail"] == "x" * 1000


async def test_what_is_rolled_back_leaves_no_trail(database: Database) -> None:
    async def fail() -> None:
        async with database.transaction() as connection:
            await audit.note(connection, at=after(1), actor="chatops", action="deploy", outcome="requested")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await trail(database) == []
