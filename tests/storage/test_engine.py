"""Transactions commit or leave nothing, wake only when they committed, and readers see one state."""

import asyncio
import gc
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, MetaData, Table, insert, select, text
from sqlalchemy.exc import StatementError

from bot.storage.engine import Database
from bot.storage.schema import Moment

MOMENTS = Table("moments", MetaData(), Column("at", Moment))
NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
SEOUL = timezone(timedelta(hours=9))


@pytest.fixture
async def moments(database_url: str) -> AsyncIterator[Database]:
    """A database with one small table."""
    handle = Database(database_url)
    async with handle.transaction() as connection:
        await connection.run_sync(MOMENTS.metadata.create_all)
    yield handle
    await handle.close()


async def kept(database: Database) -> list[datetime | None]:
    """What is in the table, in its order."""
    async with database.reading() as connection:
        return list((await connection.execute(select(MOMENTS.c.at).order_by(MOMENTS.c.at))).scalars())


async def put(database: Database, at: datetime | None, *wakes: str) -> None:
    async with database.transaction(*wakes) as connection:
        await connection.execute(insert(MOMENTS).values(at=at))


@pytest.mark.storage
async def test_an_exception_rolls_back_and_wakes_nobody(moments: Database) -> None:
    async def fail() -> None:
        async with moments.transaction("cards") as connection:
            await connection.execute(insert(MOMENTS).values(at=NOON))
            raise LookupError

    waiter = asyncio.create_task(moments.wait("cards", seconds=60))
    with pytest.raises(LookupError):
        await fail()

    assert await kept(moments) == []
    assert not waiter.done()

    await put(moments, NOON, "operations")
    assert await kept(moments) == [NOON]
    assert not waiter.done()

    await put(moments, NOON, "operations", "cards")
    await asyncio.wait_for(waiter, timeout=10)


@pytest.mark.storage
async def test_whoever_is_woken_finds_what_was_written(moments: Database) -> None:
    async def look() -> list[datetime | None]:
        await moments.wait("cards", seconds=60)
        return await kept(moments)

    looking = asyncio.create_task(look())
    await put(moments, NOON, "cards")

    assert await asyncio.wait_for(looking, timeout=10) == [NOON]


async def test_a_wake_before_the_wait_counts_once_and_a_wait_ends_by_itself(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    database.wake("cards", "cards")
    async with asyncio.timeout(10):
        await database.wait("cards", seconds=60)
        await database.wait("cards", seconds=0)
        await database.wait("operations", seconds=0)
    waiting_again = asyncio.create_task(database.wait("cards", seconds=60))
    await asyncio.sleep(0)

    assert not waiting_again.done()
    waiting_again.cancel()
    await database.close()


@pytest.mark.storage
async def test_a_reader_sees_one_state_and_hinders_no_writer(moments: Database) -> None:
    async with moments.reading() as connection:
        before = (await connection.execute(select(MOMENTS.c.at))).all()
        await put(moments, NOON)
        again = (await connection.execute(select(MOMENTS.c.at))).all()

    assert (before, again) == ([], [])
    assert await kept(moments) == [NOON]


@pytest.mark.storage
async def test_a_moment_keeps_its_microseconds_in_utc_and_sorts(moments: Database) -> None:
    late, early = NOON + timedelta(microseconds=1), (NOON - timedelta(hours=1)).astimezone(SEOUL)
    for at in (late, early, NOON):
        await put(moments, at)

    found = await kept(moments)
    assert found == [early, NOON, late]
    assert {at.utcoffset() for at in found if at} == {timedelta(0)}
    async with moments.reading() as connection:
        texts = list((await connection.execute(text("SELECT at FROM moments ORDER BY at"))).scalars())
    assert texts == [
        "2026-01-05T11:00:00.000000+00:00",
        "2026-01-05T12:00:00.000000+00:00",
        "2026-01-05T12:00:00.000001+00:00",
    ]


@pytest.mark.storage
async def test_a_moment_without_a_time_zone_is_refused_and_none_is_not(moments: Database) -> None:
    with pytest.raises(StatementError, match="a moment needs a time zone"):
        await put(moments, datetime(2026, 1, 5, 12, 0))  # noqa: DTZ001 - that is the point
    await put(moments, None)

    assert await kept(moments) == [None]


async def test_sqlite_answers_for_what_it_has_committed(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    async with database.transaction() as one, database.reading() as other:
        for connection in (one, other):
            found = [
                (await connection.execute(text(f"PRAGMA {name}"))).scalar_one()
                for name in ("journal_mode", "synchronous", "busy_timeout")
            ]
            assert found == ["wal", 2, 10_000]
    await database.close()


async def test_writers_on_sqlite_wait_for_each_other_from_their_first_statement(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    async with database.transaction() as connection:
        await connection.run_sync(MOMENTS.metadata.create_all)

    async def add_one() -> None:
        async with database.transaction() as connection:
            rows = (await connection.execute(select(MOMENTS.c.at))).all()
            await connection.execute(insert(MOMENTS).values(at=NOON + timedelta(seconds=len(rows))))

    async with asyncio.TaskGroup() as group:
        for _ in range(40):
            group.create_task(add_one())

    assert await kept(database) == [NOON + timedelta(seconds=number) for number in range(40)]
    await database.close()


@pytest.mark.parametrize("number", range(20))
async def test_many_may_open_a_new_sqlite_file_at_once(tmp_path: Path, number: int) -> None:
    handles = [Database(f"sqlite+aiosqlite:///{tmp_path}/{number}.db") for _ in range(8)]

    async def journal(handle: Database) -> str:
        async with handle.transaction() as connection:
            return str((await connection.execute(text("PRAGMA journal_mode"))).scalar_one())

    assert await asyncio.gather(*(journal(handle) for handle in handles)) == ["wal"] * 8
    for handle in handles:
        await handle.close()


@pytest.mark.parametrize("times", [1, 2])
async def test_who_is_cancelled_in_the_middle_of_a_statement_holds_up_nobody(tmp_path: Path, times: int) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    begun, loop = asyncio.Event(), asyncio.get_running_loop()
    slow = "WITH RECURSIVE n(x) AS (SELECT note(1) UNION ALL SELECT x + 1 FROM n WHERE x < 200000)"

    def note(_number: int) -> int:
        loop.call_soon_threadsafe(begun.set)
        return 1

    async def read_slowly() -> None:
        async with database.transaction() as connection:
            await connection.run_sync(MOMENTS.metadata.create_all)
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.create_function("note", 1, note)
            await connection.execute(text(f"{slow} SELECT max(x) FROM n GROUP BY x % 3"))  # noqa: S608 - our own text

    gc.disable()  # it would find what the cancelled one left behind, and let go of the lock, at a time of its own
    try:
        task = asyncio.create_task(read_slowly())
        await begun.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        async with asyncio.timeout(5), database.transaction() as connection:
            await connection.run_sync(MOMENTS.metadata.create_all)
        await asyncio.wait([task])
        assert task.cancelled()
    finally:
        gc.enable()
    await database.close()
