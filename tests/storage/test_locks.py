"""Rows of deploy locks: one in force for each target, whoever asks at the same moment."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import update

from bot.domain import locks as domain
from bot.domain.locks import End, Lock
from bot.storage import documents, schema
from bot.storage import locks as rows
from bot.storage.engine import Database
from tests.domain.examples import after, lock, unreadable

pytestmark = pytest.mark.storage
LOCK, TICKETS = lock(), lock(id="l-2", service="ticket-service")


async def add(database: Database, lock: Lock) -> bool:
    async with database.transaction() as connection:
        return await rows.add(connection, lock)


async def save(database: Database, lock: Lock, *, nags: int) -> bool:
    async with database.transaction() as connection:
        return await rows.save(connection, lock, nags=nags)


async def standing(database: Database, environment: str | None = None) -> list[Lock]:
    async with database.reading() as connection:
        return await rows.standing(connection, environment)


async def held(database: Database, **target: Any) -> Lock | None:
    async with database.reading() as connection:
        return await rows.held(connection, **target)


async def test_each_target_has_one_lock(database: Database) -> None:
    staging = replace(LOCK, id="l-3", environment="staging", until=after(60), blocks_rollbacks=True, operation_id="o")

    assert [await add(database, one) for one in (LOCK, TICKETS, staging)] == [True, True, True]
    assert not await add(database, replace(LOCK, id="l-4"))
    assert not await add(database, replace(TICKETS, id="l-5"))

    assert await standing(database) == [LOCK, TICKETS, staging]
    assert await standing(database, "prod") == [LOCK, TICKETS]
    assert await held(database, environment="prod", service=None) == LOCK
    assert await held(database, environment="prod", service="ticket-service") == TICKETS
    assert await held(database, environment="prod", service="backend") is None


@pytest.mark.parametrize("service", [None, "ticket-service"])
async def test_of_fifty_at_once_one_locks(database: Database, service: str | None) -> None:
    crowd = [replace(LOCK, id=f"l-{number}", service=service, owner_id=number) for number in range(50)]
    won = await asyncio.gather(*(add(database, one) for one in crowd))

    assert sum(won) == 1
    assert await standing(database) == [crowd[won.index(True)]]


async def test_an_end_frees_the_target_once_and_is_kept(database: Database) -> None:
    await add(database, LOCK)
    ended = domain.end(LOCK, End.UNLOCKED, now=after(60), by="minji", reason="done")

    assert await save(database, ended, nags=0)
    assert not await save(database, ended, nags=0)
    assert (await standing(database), await held(database, environment="prod", service=None)) == ([], None)
    assert await add(database, replace(LOCK, id="l-2"))
    async with database.reading() as connection:
        assert await rows.get(connection, LOCK.id) == ended
        assert await rows.get(connection, "l-9") is None


async def test_a_reminder_is_counted_once(database: Database) -> None:
    await add(database, LOCK)
    counted = await asyncio.gather(*(save(database, replace(LOCK, nags=2), nags=0) for _ in range(20)))

    assert sum(counted) == 1
    assert await standing(database) == [replace(LOCK, nags=2)]
    assert not await save(database, domain.end(LOCK, End.EXPIRED, now=after(60)), nags=0)


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "staging"},
        {"service": "backend"},
        {"id": "l-9"},
        {"until": "2099-01-01T00:00:00"},
        {"ended": {"how": "unlocked", "at": "2026-01-05T14:30:22Z", "by": "minji", "reason": ""}},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_one_that_says_something_else_than_its_row_cannot_be_read(
    database: Database, change: dict[str, object]
) -> None:
    await add(database, LOCK)
    text = json.dumps(json.loads(documents.lock.dump(LOCK)) | change)
    async with database.transaction() as connection:
        await connection.execute(update(schema.locks).values(document=text))

    [found] = await standing(database)
    assert (found.id, found.environment, found.service, found.unreadable) == (LOCK.id, "prod", None, True)
    assert await held(database, environment="prod", service=None) == found
    assert domain.in_force(found, now=after(60))


@pytest.mark.parametrize("text", ["", "{", "{}", "null", '{"id": "l-1", "environment": "prod"}', "\x7f"])
async def test_one_that_cannot_be_read_holds_its_target_against_everything(database: Database, text: str) -> None:
    staging = replace(LOCK, id="l-3", environment="staging")
    for one in (LOCK, replace(TICKETS, nags=3), staging):
        await add(database, one)
    async with database.transaction() as connection:
        await connection.execute(update(schema.locks).where(schema.locks.c.environment == "prod").values(document=text))

    damaged = unreadable(LOCK)
    tickets = replace(damaged, id=TICKETS.id, service=TICKETS.service, nags=3)
    assert await standing(database) == [damaged, tickets, staging]
    assert await held(database, environment="prod", service=None) == damaged
    assert not await add(database, replace(LOCK, id="l-4"))

    ended = domain.end(tickets, End.UNLOCKED, now=after(60), by="minji", reason="broken")
    assert await save(database, ended, nags=3)
    assert await standing(database) == [damaged, staging]
    async with database.transaction() as connection:
        assert [await rows.get(connection, one.id) for one in (damaged, tickets)] == [damaged, ended]
        await connection.execute(update(schema.locks).values(document=text))
        assert await rows.get(connection, tickets.id) is None  # It has ended, and that is all that is known.
