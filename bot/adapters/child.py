"""A program run beside the bot on foreign input: with nothing of the bot's environment, bounded, and never left behind.

It gets no secrets, no way to the network that it would take by itself, and no PATH to find other programs by. It is
killed with all that it started when it takes too long, says too much, or nobody waits for it any more.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

NOWHERE = "http://127.0.0.1:9"
"""The port `discard`, where nobody listens: a proxy that answers nobody."""
ERRORS = 64 * 1024
"""How much of what a program complains of is kept, in bytes."""

LAST = 5.0
"""Seconds for a killed program to be gone."""

_NOT_STARTED = 126
_LIMITED = f"""\
import os, resource, sys
resource.setrlimit(resource.RLIMIT_DATA, (int(sys.argv[1]),) * 2)
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError:
    sys.exit({_NOT_STARTED})
"""
"""Becomes a program that may not write to more memory than this. Programs of Go reserve far more addresses than they
use, so that addresses cannot be what is limited."""


class TookTooLong(Exception):
    """The program was not done in time, and was killed."""


class SaidTooMuch(Exception):
    """The program wrote more than was asked for, and was killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended: its exit code, what it wrote, and what it complained of."""

    code: int
    out: bytes
    errors: bytes


async def run(
    command: Sequence[str],
    *,
    home: str,
    timeout: float,
    most: int,
    given: bytes | None = None,
    environment: Mapping[str, str] | None = None,
    memory: int | None = None,
) -> Ended:
    """What a program makes of `given`. It runs in `home`, its only directory; `timeout` is in seconds, `most` in bytes.

    With `memory` the system gives it no more than so many bytes, from its first instruction on; it has to know itself
    how to end then. Raises TookTooLong, SaidTooMuch, and OSError when it cannot be started.
    """
    if memory is not None:
        command = [sys.executable, "-I", "-S", "-c", _LIMITED, str(memory), *command]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=home,
        env={**_environment(home), **(environment or {})},
        stdin=DEVNULL if given is None else PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(timeout):
            ended = await _talked(process, given=given, most=most)
    except TimeoutError as error:
        raise TookTooLong(f"{timeout:g} s") from error
    finally:
        await asyncio.shield(_gone(process))
    if memory is not None and ended.code == _NOT_STARTED:
        raise OSError("the program cannot be started")
    return ended


async def _talked(process: Process, *, given: bytes | None, most: int) -> Ended:
    assert process.stdout is not None  # noqa: S101 - they were asked for above
    assert process.stderr is not None  # noqa: S101 - the same
    talks = [
        asyncio.create_task(_read(process.stdout, most=most)),
        asyncio.create_task(_read(process.stderr)),
        asyncio.create_task(_write(process.stdin, given or b"")),
    ]
    try:
        out, errors, _ = await asyncio.gather(*talks)
    finally:
        for talk in talks:
            talk.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
    return Ended(code=await process.wait(), out=out or b"", errors=errors or b"")


async def _read(stream: asyncio.StreamReader, *, most: int | None = None) -> bytes:
    """Everything, or with no bound the first `ERRORS` bytes of it."""
    kept = bytearray()
    while chunk := await stream.read(64 * 1024):
        if most is None:
            chunk = chunk[: ERRORS - len(kept)]
        kept += chunk
        if most is not None and len(kept) > most:
            raise SaidTooMuch(f"more than {most} bytes")
    return bytes(kept)


async def _write(stream: asyncio.StreamWriter | None, given: bytes) -> None:
    if stream is None:
        return
    with suppress(ConnectionError):  # It ended without reading everything; its exit code tells the rest.
        stream.write(given)
        await stream.drain()
    stream.close()


async def _gone(process: Process) -> None:
    """End the program with all that it started, if it has not ended, and let go of its pipes."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.stdin is not None:
        process.stdin.close()
    with suppress(TimeoutError):  # Something that it started in a session of its own may hold a pipe open.
        async with asyncio.timeout(LAST):
            # asyncio calls a process ended when its pipes have been read to their ends, by whomever.
            for stream in (process.stdout, process.stderr):
                while stream is not None and await stream.read(64 * 1024):
                    pass
            await process.wait()


def _environment(home: str) -> dict[str, str]:
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE)
    return {"HOME": home, "TMPDIR": home, "PATH": "", "LANG": "C.UTF-8", **proxies}
