"""Deliveries per second, each on the disk before its 202, beside a server that keeps nothing.

The machine is never the same for long, so the servers take turns, and the ratio is the median of the rounds' ratios.
Two servers are compared with the peer: the doors alone, and the whole bot, which also works off what it took in.
Afterwards the rows are counted: there must be as many as there were answers.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path
from statistics import median

from tests.bench import bodies, standins, wrk
from tests.bench.lines import Line
from tests.bench.processes import started
from tests.bench.wrk import Load, Unfair

ROUNDS = 5
SECONDS = 4
WARM_UP_SECONDS = 2
AIM = 0.6


async def measure() -> Sequence[Line]:
    """The peer, the doors and the bot in turns."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        body = wrk.Body(directory / "body.json", bodies.workflow_run())
        async with AsyncExitStack() as stack:
            url = await standins.migrated(directory / "doors.db")
            bot, _ = await stack.enter_async_context(standins.bot(directory))
            servers = {
                "peer": await stack.enter_async_context(started("tests.bench.peer", wrk.SECRET)),
                "doors": await stack.enter_async_context(started("tests.webhooks.process", url, wrk.SECRET)),
                "bot": bot,
            }
            sent = {name: (await wrk.send(body, servers[name], seconds=WARM_UP_SECONDS)).requests for name in servers}
            rounds: list[dict[str, Load]] = []
            for _ in range(ROUNDS):
                rounds.append({})
                for name, server in servers.items():
                    load = await wrk.send(body, server, seconds=SECONDS)
                    rounds[-1][name] = load
                    sent[name] += load.requests
                    await asyncio.sleep(1)  # the bot works off what is left, at nobody's expense
        for name in ("doors", "bot"):
            _check(directory / f"{name}.db", answered=sent[name])
    return [
        _rate("deliveries/s, gidgethub + aiohttp, which keeps nothing", [one["peer"] for one in rounds]),
        _rate("deliveries/s, the doors, committed before the 202", [one["doors"] for one in rounds]),
        _ratio("the doors : gidgethub + aiohttp", "doors", rounds),
        _rate("deliveries/s, the whole bot, which works them off meanwhile", [one["bot"] for one in rounds]),
        _ratio("the whole bot : gidgethub + aiohttp", "bot", rounds),
    ]


def _rate(name: str, loads: Sequence[Load]) -> Line:
    p50, p99 = median(load.p50_ms for load in loads), median(load.p99_ms for load in loads)
    rate = median(load.per_second for load in loads)
    return Line(name=name, value=f"{rate:,.0f}", note=f"answered in {p50:.0f} ms (p50), {p99:.0f} ms (p99)")


def _ratio(name: str, server: str, rounds: Sequence[dict[str, Load]]) -> Line:
    ratios = [one[server].per_second / one["peer"].per_second for one in rounds]
    found = median(ratios)
    note = f"median of {len(ratios)} rounds, {min(ratios):.2f} to {max(ratios):.2f}"
    return Line(name=name, value=f"{found:.2f}", note=note, aim=f">= {AIM}", met=found >= AIM)


def _check(path: Path, *, answered: int) -> None:
    """Every 202 is a row; a few more were on their way when wrk hung up."""
    with closing(sqlite3.connect(path)) as database:
        (rows,) = database.execute("SELECT count(*) FROM deliveries").fetchone()
    if not answered <= rows <= answered + (ROUNDS + 1) * wrk.CONNECTIONS:
        raise Unfair(f"{answered} deliveries were answered and {rows} are in {path.name}")
