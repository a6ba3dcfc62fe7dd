"""Running the scripts of deploy/github as a runner does: with inputs and GitHub's variables in the environment."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "jq", "awk"))),
    reason="NOT TESTED: deploy/github needs bash, curl, jq, awk",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a script ended, and all it wrote."""

    code: int
    output: str


async def run(script: str, environment: Mapping[str, str], *, directory: Path) -> Finished:
    """Run a script of deploy/github in a directory; of this process's environment it sees only the path."""
    process = await asyncio.create_subprocess_exec(
        "bash",
        str(ROOT / "deploy" / "github" / script),
        cwd=directory,
        env={"PATH": os.environ["PATH"], "HOME": str(directory), "GIT_CONFIG_NOSYSTEM": "1", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return Finished(code=process.returncode or 0, output=output.decode())
