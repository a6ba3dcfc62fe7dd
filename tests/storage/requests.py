"""Requests as rows: one more of a target, one of a service of its own, and their steps from state to state."""

from typing import Any

from bot.domain.operations import Operation, OperationState
from bot.storage import operations as rows
from bot.storage.engine import Database
from tests.domain.examples import operation


def asked(number: int, **changes: Any) -> Operation:
    """One more request to deploy ticket-service to prod; ids sort as they were asked."""
    return operation(id=f"op-{number:04}", **{"state": OperationState.REQUESTED, **changes})


def for_service(number: int, **changes: Any) -> Operation:
    """A request about a service of its own."""
    return asked(number, service=f"service-{number}", **changes)


async def add(database: Database, one: Operation, *, once: str | None = None) -> bool:
    """Add it in a transaction of its own; whether there was room for it."""
    async with database.transaction() as connection:
        return await rows.add(connection, one, once=once)


async def save(database: Database, one: Operation, *, expected: OperationState) -> bool:
    """Take a step in a transaction of its own; whether the row was in the expected state."""
    async with database.transaction() as connection:
        return await rows.save(connection, one, expected=expected)
