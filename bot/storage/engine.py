"""The database handle: transactions, and waking whoever waits for what they wrote.

The database is the only channel between the parts of the bot. Wake-ups merely shorten the wait: a part that missed
one finds the row on its next look, and after a crash there is nothing but the rows.

SQLite runs in WAL mode with `synchronous=FULL`, so that what was answered with 2xx survives a power cut; a write
transaction takes the write lock at its start (`BEGIN IMMEDIATE`), because upgrading a read lock can fail half-way.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.schema import Table
from sqlalchemy.util import await_only

from bot.storage import sqlite as driver

BUSY_SECONDS = 10
_WAL_TRIES = 200
_CACHE_KIB = 500
"""Of each connection to SQLite, which would take two megabytes; the system keeps the file in memory for all of them."""
_SNAPSHOT: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "sqlite": {"chatops_reading": True},
}

Connection = AsyncConnection
"""What a transaction gives; only storage runs statements on it, everybody else passes it on."""

Finish = Callable[[AsyncConnection, list[Any]], Awaitable[None]]
"""Writes what was put off in a transaction, as the last thing that happens in it."""


class Database:
    """One engine with the two ways to use it: `transaction` to write, `reading` to look."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._wakers: dict[str, asyncio.Event] = {}
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def engine(self) -> AsyncEngine:
        """The engine, for what needs the address or a connection of its own."""
        return self._engine

    @asynccontextmanager
    async def transaction(self, *wakes: str) -> AsyncIterator[AsyncConnection]:
        """A write transaction: commits at the end, rolls back on any exception, then wakes who waits for `wakes`.

        What was `put_off` in it is written right before the commit, and is a part of it.
        """
        put: dict[Finish, list[Any]] = {}
        async with self._engine.begin() as connection:
            await connection.execution_options(chatops_put_off=put)
            yield connection
            for finish, items in put.items():
                await finish(connection, items)
        self.wake(*wakes)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read with; sees one consistent state and never blocks writers."""
        async with self._engine.connect() as connection:
            await connection.execution_options(**_SNAPSHOT[connection.dialect.name])
            yield connection

    def turn(self, name: str) -> asyncio.Lock:
        """The turn of a name among the tasks of this process, first come, first served. `lock` is for all processes."""
        return self._turns.setdefault(name, asyncio.Lock())

    def wake(self, *names: str) -> None:
        """Let everybody who waits for these names look now."""
        for name in names:
            self._wakers.setdefault(name, asyncio.Event()).set()

    async def wait(self, name: str, *, seconds: float) -> None:
        """Return when `name` was woken since the last wait, or after so many seconds. One waiter per name."""
        waker = self._wakers.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await waker.wait()
        except TimeoutError:
            return
        finally:
            waker.clear()

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


async def lock(connection: AsyncConnection, name: str) -> None:
    """Hold a name until the transaction ends; on SQLite a write transaction holds the whole database already."""
    if connection.dialect.name == "postgresql":
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def put_off(connection: AsyncConnection, finish: Finish, item: Any) -> None:
    """Have `finish` called with this item, and the others put off for it, right before this transaction commits.

    For what needs a lock that everybody needs. Taken as the last one of every transaction, it is held for no longer
    than a commit takes, and nobody who has it waits for anybody: it can be part of no deadlock.
    """
    if connection.sync_connection is None:
        raise LookupError("there is no transaction")
    put: dict[Finish, list[Any]] = connection.sync_connection.get_execution_options()["chatops_put_off"]
    put.setdefault(finish, []).append(item)


def insert(connection: AsyncConnection, table: Table) -> Any:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update` in the dialect at hand."""
    statement: Insert = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    return statement


def _engine(url: str) -> AsyncEngine:
    if not url.startswith("sqlite"):
        return create_async_engine(url, pool_size=10, max_overflow=5, pool_timeout=BUSY_SECONDS, pool_pre_ping=True)
    options = {"timeout": BUSY_SECONDS, "async_creator_fn": driver.connect}
    engine = create_async_engine(url, connect_args=options, pool_size=8, max_overflow=0)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not start transactions by itself; `_begin_sqlite` does
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """WAL is a property of the file. While another process switches a new one, SQLite refuses instead of waiting."""
    for left in reversed(range(_WAL_TRIES)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if not left:
                raise
            await_only(asyncio.sleep(BUSY_SECONDS / _WAL_TRIES))
        else:
            return


def _begin_sqlite(connection: Any) -> None:
    reading = connection.get_execution_options().get("chatops_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
