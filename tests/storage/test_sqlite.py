"""A statement on SQLite is one visit to the connection's thread, and leaves what SQLAlchemy asks for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from bot.storage.engine import Database

NAMES = Table("names", MetaData(), Column("id", Integer, primary_key=True), Column("name", String, unique=True))


async def test_a_statement_visits_the_thread_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/a.db")
    async with database.transaction() as connection:
        await connection.run_sync(NAMES.metadata.create_all)
    visits, real = 0, aiosqlite.Connection._execute

    async def count(connection: aiosqlite.Connection, work: Callable[..., Any], *args: Any) -> Any:
        nonlocal visits
        visits += 1
        return await real(connection, work, *args)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(aiosqlite.Connection, "_execute", count)
    async with database.transaction() as connection:
        before = visits
        one = await connection.execute(insert(NAMES).values(name="mina"))
        assert (one.inserted_primary_key, one.rowcount, visits - before) == ((1,), 1, 1)

        more = await connection.execute(insert(NAMES), [{"name": "jiwon"}, {"name": "sujin"}])
        assert (more.rowcount, visits - before) == (2, 2)

        back = await connection.execute(update(NAMES).where(NAMES.c.id > 1).values(id=-NAMES.c.id).returning(NAMES))
        assert sorted(map(tuple, back)) == [(-3, "sujin"), (-2, "jiwon")]
        assert visits - before == 3

        with pytest.raises(IntegrityError, match=r"UNIQUE constraint failed: names\.name"):
            await connection.execute(insert(NAMES).values(name="mina"))
        assert visits - before == 4

        found = await connection.execute(select(NAMES).order_by(NAMES.c.id))
        assert found.first() == (-3, "sujin")
        assert (await connection.execute(update(NAMES).where(NAMES.c.id == 9).values(name="x"))).rowcount == 0
        assert visits - before == 6
    assert visits - before == 8, "a commit, and a rollback when the connection is put back"
    await database.close()
