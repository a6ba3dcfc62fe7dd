"""`make bench`: every figure of the README in one table, with the machine it came from."""

import asyncio
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bot import telemetry
from tests.bench import applications, images, latency, memory, throughput, wrk
from tests.bench.lines import Line, Part


async def waits() -> Sequence[Line]:
    """How long people wait."""
    to_discord, acknowledged, accepted = await latency.measure()
    return [
        _wait("webhook received to Discord request sent, p50", to_discord.p50, aim=50),
        _wait("webhook received to Discord request sent, p99", to_discord.p99, aim=250),
        _wait(
            f"acknowledgement of a command while {latency.RATE} deliveries/s arrive, p99",
            acknowledged.p99,
            aim=500,
            note=f"{accepted:,} deliveries were accepted meanwhile",
        ),
    ]


PARTS: tuple[Part, ...] = (throughput.measure, waits, memory.measure, applications.measure, images.measure)


def main() -> int:
    """Measure everything and print it. Fails when a tool is missing, not when an aim is missed."""
    if not wrk.installed():
        print("wrk is not installed, and nothing can be measured without it: apt-get install wrk", file=sys.stderr)
        return 2
    telemetry.configure_logging(log_format="console", secrets=())
    print(_machine(), flush=True)
    for part in PARTS:
        for line in asyncio.run(_lines(part)):
            print(line, flush=True)
    return 0


async def _lines(part: Part) -> Sequence[Line]:
    return await part()


def _wait(name: str, milliseconds: float, *, aim: int, note: str = "") -> Line:
    return Line(name=name, value=f"{milliseconds:.0f} ms", note=note, aim=f"<= {aim} ms", met=milliseconds <= aim)


def _machine() -> str:
    """What the figures came from. The file system matters: on a tmpfs a commit would cost nothing."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = models[0].partition(":")[2].strip() if models else platform.machine()
    disk = subprocess.run(
        ["stat", "--file-system", "--format", "%T", tempfile.gettempdir()], check=True, capture_output=True, text=True
    ).stdout.strip()
    return (
        f"{os.cpu_count()} x {model}, {platform.system()} {platform.release()}, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version} on {disk}, {wrk.CONNECTIONS} connections"
    )


if __name__ == "__main__":
    sys.exit(main())
