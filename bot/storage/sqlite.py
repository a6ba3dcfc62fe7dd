"""SQLite with one visit to its thread for each statement.

aiosqlite hands every call to a thread, and SQLAlchemy makes four of them for a statement: for a cursor, to execute, to
fetch and to close. Each wakes a thread that sleeps, and then the loop again, which takes longer than most statements
of the bot. Here a statement is executed and read to its end in one visit; what it leaves is values, and there is
nothing to close. So none is left half-read when its task is cancelled: that would keep the transaction and its lock
alive after the connection is closed, until the garbage collector finds the cursor.

SQLAlchemy asks of a cursor what `Cursor` has. It has no use for one here that stays on the server.
"""

import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Self

import aiosqlite


class Connection(aiosqlite.Connection):
    """A connection whose cursors hold what was read. Everything else is as in aiosqlite."""

    def cursor(self) -> "Cursor":  # type: ignore[override]  # SQLAlchemy, the only caller, asks for no more of it
        """A cursor that has executed nothing yet."""
        return Cursor(partial(self._execute, self._read))

    def _read(self, work: Callable[[sqlite3.Cursor], object]) -> tuple[sqlite3.Cursor, list[Any]]:
        cursor = self._conn.cursor()
        work(cursor)
        return cursor, cursor.fetchall()


class Cursor:
    """What the last statement left: rows, and what is known of them."""

    arraysize = 1

    def __init__(self, read: Callable[..., Any]) -> None:
        self._read = read
        self._rows: list[Any] = []
        self.description: Any = None
        self.lastrowid: int | None = None
        self.rowcount = -1

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> Self:
        """Execute a statement and read all its rows."""
        return await self._keep(lambda cursor: cursor.execute(statement, parameters))

    async def executemany(self, statement: str, parameters: Iterable[Any]) -> Self:
        """Execute a statement that returns nothing with each of these parameters."""
        return await self._keep(lambda cursor: cursor.executemany(statement, parameters))

    async def fetchall(self) -> list[Any]:
        """The rows that were not fetched yet."""
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        """Forget the rows."""
        self._rows = []

    async def _keep(self, work: Callable[[sqlite3.Cursor], object]) -> Self:
        cursor, self._rows = await self._read(work)
        self.description, self.lastrowid, self.rowcount = cursor.description, cursor.lastrowid, cursor.rowcount
        return self


def connect(path: str, **options: Any) -> Connection:
    """A connection that opens when it is awaited; the options are those of `sqlite3.connect`."""
    connection = Connection(partial(sqlite3.connect, path, **options), iter_chunk_size=1)
    connection._thread.daemon = True  # as SQLAlchemy does with those that it makes: a process ends without its close
    return connection
