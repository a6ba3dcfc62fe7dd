"""One environment is changed by one transaction at a time.

A report, a read of the Application, a press and a step of a deploy change releases, operations, approvals and cards of
one environment, each in its own order. Where rows are locked one by one, two of them would sooner or later wait for
each other, and the database would end one of them in the middle of a deploy. So whoever changes more than one row of
an environment holds the environment first.

Within one process they wait for their turn before they take a connection: a thousand presses at once must neither use
up the connections, which others read with, nor run out of the time for which one waits for a connection.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from bot.storage.engine import Connection, Database, lock


@asynccontextmanager
async def changing(database: Database, *environments: str, wakes: tuple[str, ...] = ()) -> AsyncIterator[Connection]:
    """A write transaction that holds these environments until it ends, and then wakes who waits for `wakes`."""
    names = [f"environment:{environment}" for environment in sorted(environments)]
    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(database.turn(name))
        connection = await stack.enter_async_context(database.transaction(*wakes))
        for name in names:
            await lock(connection, name)
        yield connection
