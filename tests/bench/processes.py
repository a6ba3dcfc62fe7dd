"""A server in a process of its own: started, spoken to by its address, looked at from outside, ended."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import tests

ROOT = Path(tests.__file__).parent.parent
_START_SECONDS = 60
_MIB = 1024  # /proc counts in kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that listens."""

    pid: int
    url: str

    def resident_mib(self) -> float:
        """Resident memory now."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / _MIB


@asynccontextmanager
async def started(module: str, *arguments: str) -> AsyncIterator[Running]:
    """`python -m module arguments`, which prints its address when it listens."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = (await asyncio.wait_for(process.stdout.readline(), _START_SECONDS)).decode().strip()
        if not url:
            raise RuntimeError(f"{module} did not start")
        yield Running(pid=process.pid, url=url)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
