"""The schema is made by migrations alone, once, whoever else is at it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable

import pytest
from alembic import command
from sqlalchemy import Connection, inspect

from bot.storage import markers, migrations
from bot.storage.engine import Database
from bot.storage.migrations import check
from bot.storage.schema import metadata

pytestmark = pytest.mark.storage


@pytest.fixture
async def empty(empty_database_url: str) -> AsyncIterator[Database]:
    """A database without a schema."""
    handle = Database(empty_database_url)
    yield handle
    await handle.close()


async def tables(database: Database) -> set[str]:
    async with database.reading() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


async def alembic(database: Database, run: Callable[[Connection], None]) -> None:
    async with database.transaction() as connection:
        await connection.run_sync(run)


async def test_an_upgrade_makes_every_table_and_can_be_repeated(empty: Database) -> None:
    assert await migrations.current(empty) is None

    for _ in range(2):
        assert await migrations.upgrade(empty) == migrations.head()
        assert await migrations.current(empty) == migrations.head()
        assert await tables(empty) == {*metadata.tables, "alembic_version"}


async def test_an_upgrade_leaves_what_is_there(empty: Database) -> None:
    await migrations.upgrade(empty)
    await markers.put(empty, "commands", value="abc")
    await migrations.upgrade(empty)

    assert await markers.get(empty, "commands") == "abc"


async def test_the_migrations_end_in_the_schema_of_the_code(empty: Database) -> None:
    await migrations.upgrade(empty)

    await alembic(empty, lambda sync: command.check(migrations.config(sync)))


async def test_several_processes_may_start_at_once(empty_database_url: str) -> None:
    handles = [Database(empty_database_url) for _ in range(5)]
    found = await asyncio.gather(*(migrations.upgrade(handle) for handle in handles))

    assert found == [migrations.head()] * 5
    assert await tables(handles[0]) == {*metadata.tables, "alembic_version"}
    for handle in handles:
        await handle.close()


async def test_the_way_down_leaves_nothing_and_leads_up_again(empty: Database) -> None:
    await migrations.upgrade(empty)
    await alembic(empty, lambda sync: command.downgrade(migrations.config(sync), "base"))

    assert await tables(empty) == {"alembic_version"}
    assert await migrations.current(empty) is None
    assert await migrations.upgrade(empty) == migrations.head()
    assert await tables(empty) == {*metadata.tables, "alembic_version"}


async def test_only_a_start_that_has_something_to_do_loads_alembic(empty_database_url: str) -> None:
    start = (
        "import asyncio, sys; from bot.storage import migrations; from bot.storage.engine import Database; "
        "asyncio.run(migrations.upgrade(Database(sys.argv[1]))); print('alembic' in sys.modules)"
    )
    for loaded in (b"True", b"False"):
        arguments = ("-W", "ignore", "-c", start, empty_database_url)
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        assert said.strip() == loaded


async def test_the_check_of_the_command_line_finds_nothing_missing() -> None:
    assert await check.main() == 0
