"""Resident memory of the bot before and after 100,000 deliveries that it took in and worked off."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from tests.bench import bodies, standins, wrk
from tests.bench.lines import Line

DELIVERIES = 100_000
WARM_UP = 10_000
AT_ONCE_SECONDS = 5
LARGEST_MIB = 150
GROWTH_MIB = 5


async def measure() -> Sequence[Line]:
    """Memory at the start, when warm, and at the end."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        body = wrk.Body(directory / "body.json", bodies.workflow_run())
        async with standins.bot(directory) as (bot, _):
            resident = [bot.resident_mib()]
            sent = 0
            for enough in (WARM_UP, DELIVERIES):
                while sent < enough:
                    sent += (await wrk.send(body, bot, seconds=AT_ONCE_SECONDS)).requests
                    await _worked_off(directory / "bot.db")
                resident.append(bot.resident_mib())
    start, warm, end = resident
    return [
        Line(name="resident memory after the start", value=f"{start:.0f} MiB"),
        Line(name=f"resident memory after {WARM_UP:,} deliveries", value=f"{warm:.0f} MiB"),
        Line(
            name=f"resident memory after {sent:,} deliveries",
            value=f"{end:.0f} MiB",
            aim=f"<= {LARGEST_MIB} MiB",
            met=end <= LARGEST_MIB,
        ),
        Line(
            name="growth between the last two",
            value=f"{end - warm:.1f} MiB",
            aim=f"<= {GROWTH_MIB} MiB",
            met=end - warm <= GROWTH_MIB,
        ),
    ]


async def _worked_off(path: Path) -> None:
    """Wait until no delivery waits."""
    with closing(sqlite3.connect(path)) as database:
        waiting = "SELECT 1 FROM deliveries WHERE state = 'received' LIMIT 1"
        while database.execute(waiting).fetchone():  # noqa: ASYNC110 - another process does it, and tells nobody
            await asyncio.sleep(0.1)
