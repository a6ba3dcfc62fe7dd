"""A database for thousands of orders that are given one at a time.

Nobody else could do anything while a statement runs, and nothing has to survive a power cut. Handing each statement to
a thread and waiting for its answer takes most of the time of such a test, and the more the busier the machine is.
"""

from collections.abc import Callable
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import event

from bot.storage.engine import Database


async def hurry(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let SQLite work in the loop's own thread, and not wait for the disk. PostgreSQL is left as it is."""
    if database.engine.dialect.name != "sqlite":
        return

    def from_any_thread(_dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:
        options["check_same_thread"] = False

    async def at_once(_connection: aiosqlite.Connection, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        return work(*args, **options)

    def without_the_disk(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF")
        cursor.close()

    await database.close()  # what was opened until now works as always
    event.listen(database.engine.sync_engine, "do_connect", from_any_thread)
    event.listen(database.engine.sync_engine, "connect", without_the_disk)
    monkeypatch.setattr(aiosqlite.Connection, "_execute", at_once)
