"""The process is killed in the middle of its work: whatever it had answered 2xx is in the database."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

import tests
from bot.storage import deliveries
from bot.storage.engine import Database
from tests.webhooks.doors import NEW, sign

pytestmark = pytest.mark.storage
ROOT = Path(tests.__file__).parent.parent
BODY = b'{"padding": "' + b"x" * 20_000 + b'"}'
AT_ONCE = 200


@pytest.mark.parametrize("enough", [1, 100, 500])
async def test_what_was_answered_survives_sigkill(database_url: str, enough: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.webhooks.process", database_url, NEW),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    answered: set[str] = set()
    asked: set[str] = set()
    killed = False

    async def knock(session: aiohttp.ClientSession, visitor: int) -> None:
        nonlocal killed
        number = 0
        while not killed:
            number += 1
            delivery = f"{visitor}-{number}"
            asked.add(delivery)
            headers = {
                "Content-Type": "application/json",
                "X-GitHub-Event": "ping",
                "X-GitHub-Delivery": delivery,
                "X-Hub-Signature-256": sign(BODY, NEW),
            }
            try:
                async with session.post(f"{url}/webhooks/github", data=BODY, headers=headers) as response:
                    assert response.status == 202
            except aiohttp.ClientError:
                return
            answered.add(delivery)
            if len(answered) >= enough and not killed:
                killed = True
                os.kill(process.pid, signal.SIGKILL)

    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(knock(session, visitor) for visitor in range(AT_ONCE)))
    assert await process.wait() == -signal.SIGKILL
    assert len(answered) >= enough
    stored = await _stored(database_url)
    assert answered <= stored
    assert stored <= asked


async def _stored(url: str) -> set[str]:
    """The ids of everything in the database, taken in batches as the intake does."""
    database = Database(url)
    ids: set[str] = set()
    while batch := await deliveries.take(database, limit=1000):
        ids |= {delivery.key.removeprefix("-:") for delivery in batch}
        async with database.transaction() as connection:
            for delivery in batch:
                await deliveries.finish(connection, delivery.id, state="done", reason=None)
    await database.close()
    return ids
