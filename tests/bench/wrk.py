"""As many deliveries as a server takes, sent by wrk: signed, 19 kB, each with an id of its own."""

import asyncio
import hashlib
import hmac
import itertools
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.bench.processes import Running

CONNECTIONS = 32
SECRET = "bench-secret"
SCRIPT = Path(__file__).with_name("deliveries.lua")
_runs = itertools.count(1)


class Unfair(Exception):
    """A request was refused or broke, so the numbers mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What wrk measured. All requests were answered 2xx."""

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


class Body:
    """A body in a file, where wrk reads it, and its signature."""

    def __init__(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        self.path = path
        self.signature = f"sha256={hmac.new(SECRET.encode(), content, hashlib.sha256).hexdigest()}"


def installed() -> bool:
    """Whether there is a wrk."""
    return shutil.which("wrk") is not None


async def send(body: Body, server: Running, *, seconds: float) -> Load:
    """Send the body over and over. Raises `Unfair` if the server did not take one of them."""
    process = await asyncio.create_subprocess_exec(
        *("wrk", "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds:.0f}s"),
        *("--timeout", "30s", "--script", str(SCRIPT), f"{server.url}/webhooks/github", "--"),
        *(str(body.path), body.signature, f"run{next(_runs)}"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    measured = json.loads(output.splitlines()[-1])
    if measured["refused"] or measured["broken"]:
        raise Unfair(f"{measured['refused']} refused, {measured['broken']} broken of {measured['requests']}")
    return Load(
        requests=measured["requests"],
        per_second=measured["requests"] / measured["seconds"],
        p50_ms=measured["p50_ms"],
        p99_ms=measured["p99_ms"],
    )
