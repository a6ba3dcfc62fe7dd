"""Rows of freezes: each edge is told once, each ends once, and one that cannot be read is still there."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import update

from bot.domain.freezes import End, Ended, Freeze, frozen
from bot.storage import freezes as rows
from bot.storage import schema
from bot.storage.engine import Database
from bot.storage.freezes import Standing
from tests.domain.examples import BEGIN, after
from tests.domain.halts import freeze

pytestmark = pytest.mark.storage
FREEZE = freeze()
WEEKLY = freeze(id="f-2", cron="0 18 * * FRI", lasts=after(3600) - after(0), starts=None, ends=None, service="backend")
ELSEWHERE = freeze(id="f-3", environment="staging")


async def add(database: Database, *freezes: Freeze) -> None:
    async with database.transaction() as connection:
        for one in freezes:
            await rows.add(connection, one)


async def standing(database: Database, environment: str | None = None) -> list[Standing]:
    async with database.reading() as connection:
        return await rows.standing(connection, environment)


async def tell(database: Database, *, before: datetime | None, until: datetime | None) -> bool:
    async with database.transaction() as connection:
        return await rows.tell(connection, FREEZE.id, before=before, until=until)


async def end(database: Database, one: Freeze) -> bool:
    async with database.transaction() as connection:
        return await rows.end(connection, replace(one, ended=Ended(how=End.REMOVED, at=BEGIN, by="minji")))


async def test_what_was_added_stands_until_it_ends_once(database: Database) -> None:
    await add(database, FREEZE, WEEKLY, ELSEWHERE)
    assert await standing(database) == [Standing(one, None) for one in (FREEZE, WEEKLY, ELSEWHERE)]
    assert await standing(database, "prod") == [Standing(FREEZE, None), Standing(WEEKLY, None)]

    ended = await asyncio.gather(*(end(database, FREEZE) for _ in range(20)))
    assert sum(ended) == 1
    assert await standing(database, "prod") == [Standing(WEEKLY, None)]
    async with database.reading() as connection:
        assert [await rows.get(connection, one) for one in ("f-1", "f-2", "f-9")] == [None, WEEKLY, None]


async def test_each_edge_is_told_once(database: Database) -> None:
    await add(database, FREEZE)
    assert FREEZE.ends is not None
    begins = await asyncio.gather(*(tell(database, before=None, until=FREEZE.ends) for _ in range(20)))
    assert (sum(begins), await standing(database)) == (1, [Standing(FREEZE, FREEZE.ends)])
    ends = await asyncio.gather(*(tell(database, before=FREEZE.ends, until=None) for _ in range(20)))
    assert (sum(ends), await standing(database)) == (1, [Standing(FREEZE, None)])
    await end(database, FREEZE)
    assert not await tell(database, before=None, until=FREEZE.ends)


@pytest.mark.parametrize("text", ["", "{", "{}", "null", '{"id": "f-1", "environment": "prod"}', "\x7f"])
async def test_one_that_cannot_be_read_freezes_its_environment(database: Database, text: str) -> None:
    await add(database, replace(FREEZE, service="backend"))
    async with database.transaction() as connection:
        await connection.execute(update(schema.freezes).values(document=text))

    [(one, _)] = await standing(database, "prod")
    assert (one.id, one.environment, one.service) == ("f-1", "prod", None)
    held = frozen(one, now=BEGIN)
    assert held is not None
    assert held.until is None
    assert await end(database, one)
    assert await standing(database) == []
