"""Running the scripts of deploy/github as a runner does: with inputs and GitHub's variables in the environment."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT

needs_tools = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "git", "jq", "awk"))),
    reason="NOT TESTED: deploy/github needs bash, curl, git, jq, awk",
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


def git(*arguments: str, directory: Path) -> str:
    """What the real `git` says, as somebody; raises CalledProcessError."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(directory), "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=directory, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def shallow_clone(origin: Path, *, below: Path) -> Path:
    """The checkout of a workflow."""
    clone = Path(tempfile.mkdtemp(dir=below)) / "clone"
    git("clone", "--quiet", "--depth", "1", f"file://{origin}", str(clone), directory=below)
    return clone


async def commit_tag(clone: Path, service: str, *, tag: str, overlay: str, branch: str, environment: str) -> Finished:
    """Run the action's script in a checkout; what it puts out is in `clone.output` beside it."""
    variables = {
        "GITHUB_OUTPUT": str(clone.with_suffix(".output")),
        "BRANCH": branch,
        "OVERLAY": overlay,
        "IMAGE": service,
        "TAG": tag,
        "SERVICE": service,
        "ENVIRONMENT": environment,
    }
    return await run("commit-tag/commit-tag.sh", variables, directory=clone)
