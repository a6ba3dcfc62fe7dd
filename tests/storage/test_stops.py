"""Rows of the kill switch: one stands, whoever asks at the same moment, and one that cannot be read stands too."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import update

from bot.domain.stops import Resumed, Stop
from bot.storage import schema
from bot.storage import stops as rows
from bot.storage.engine import Database
from tests.domain.examples import after
from tests.domain.halts import stop

pytestmark = pytest.mark.storage
STOP = stop()
RESUMED = replace(STOP, resumed=Resumed(at=after(60), by="minji", reason="it was the cache"))


async def add(database: Database, one: Stop) -> bool:
    async with database.transaction() as connection:
        return await rows.add(connection, one)


async def save(database: Database, one: Stop, *, nags: int = 0) -> bool:
    async with database.transaction() as connection:
        return await rows.save(connection, one, nags=nags)


async def standing(database: Database) -> Stop | None:
    async with database.reading() as connection:
        return await rows.standing(connection)


async def test_of_many_at_once_one_stands_and_ends_once(database: Database) -> None:
    crowd = [replace(STOP, id=f"s-{number}") for number in range(20)]
    won = await asyncio.gather(*(add(database, one) for one in crowd))
    assert sum(won) == 1
    first = crowd[won.index(True)]
    assert await standing(database) == first

    ended = replace(first, resumed=RESUMED.resumed)
    gone = await asyncio.gather(*(save(database, ended) for _ in range(20)))
    assert (sum(gone), await standing(database)) == (1, None)
    async with database.reading() as connection:
        assert await rows.get(connection, first.id) == ended
        assert await rows.get(connection, "s-99") is None
    assert await add(database, replace(STOP, id="s-again"))


async def test_a_reminder_is_counted_once(database: Database) -> None:
    await add(database, STOP)
    counted = await asyncio.gather(*(save(database, replace(STOP, nags=1)) for _ in range(20)))
    assert (sum(counted), await standing(database)) == (1, replace(STOP, nags=1))
    assert not await save(database, RESUMED)


@pytest.mark.parametrize("text", ["", "{", "{}", "null"])
async def test_one_that_cannot_be_read_stands_and_can_be_ended(database: Database, text: str) -> None:
    await add(database, STOP)
    async with database.transaction() as connection:
        await connection.execute(update(schema.stops).values(document=text))

    found = await standing(database)
    assert found == Stop(id="s-1", owner_id=0, owner_name="", reason="", since=STOP.since)
    assert found is not None
    assert await save(database, replace(found, resumed=RESUMED.resumed))
    assert await standing(database) is None
