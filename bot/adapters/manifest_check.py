"""The check of a built overlay, done by a program beside the bot: see `manifest_checker`.

The bot itself loads none of what that needs, so it stays as small as it is.
"""

import json
import sys
import tempfile
from pathlib import Path

import bot
from bot.adapters import child
from bot.adapters.child import SaidTooMuch, TookTooLong
from bot.adapters.overlays import Overlay
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Checked, Problem

PROGRAM = "bot.adapters.manifest_checker"
SECONDS = 30.0
MEMORY = 320 * 1024 * 1024
"""Bytes that the program may take; usual overlays need a fifth. A pod that takes too much is killed with the bot."""
OUT_OF_MEMORY = 3
"""The exit code of the program for it."""
MOST = 4 * 1024 * 1024


class CheckFailed(Exception):
    """The program ended without an answer; its words are for the log."""


async def check(overlay: Overlay, *, built: str = "", message: str = "") -> Checked:
    """What is wrong with what was built, or what the message means that kustomize ended with.

    Raises Refused (BUILD_TIMED_OUT, OVERLAY_TOO_BIG) and CheckFailed.
    """
    files = {path: content.decode(errors="replace") for path, content in overlay.files.items()}
    given = {
        "directory": overlay.directory,
        "files": files,
        "kustomizations": overlay.kustomizations,
        "built": built,
        "message": message,
        "memory": MEMORY,
    }
    # With -P nothing is imported from where it runs.
    command = [sys.executable, "-P", "-m", PROGRAM]
    path = {"PYTHONPATH": str(Path(bot.__file__).parents[1])}
    with tempfile.TemporaryDirectory(prefix="check-") as home:
        try:
            ended = await child.run(
                command, home=home, timeout=SECONDS, most=MOST, given=json.dumps(given).encode(), environment=path
            )
        except TookTooLong as error:
            raise Refused(Reason.BUILD_TIMED_OUT) from error
        except SaidTooMuch as error:
            raise Refused(Reason.OVERLAY_TOO_BIG) from error
    if ended.code == OUT_OF_MEMORY:
        raise Refused(Reason.OVERLAY_TOO_BIG)
    if ended.code:
        raise CheckFailed(ended.errors.decode(errors="replace")[-child.ERRORS :])
    found = json.loads(ended.out)
    problems = tuple(Problem(**problem) for problem in found.pop("problems"))
    return Checked(**{**found, "problems": problems, "images": tuple(found["images"])})
