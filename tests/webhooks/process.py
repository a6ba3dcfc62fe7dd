"""The doors in a process of their own: `python -m tests.webhooks.process DATABASE_URL SECRET`.

Prints its address when it listens.
"""

import asyncio
import sys

from bot.storage.engine import Database
from tests.webhooks.doors import opened


async def main(url: str, secret: str) -> None:
    """Serve for ever."""
    database = Database(url)
    async with opened(database, github=(secret,)) as doors:
        sys.stdout.write(f"{doors.url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
