"""The check of a built overlay, as a program of its own: it reads megabytes of foreign YAML, and can be ended.

In: JSON with the overlay's files and either what kustomize built or what it said. Out: JSON of a `Checked`.
`check` is the function that the bot calls.
"""

import json
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bot
from bot.adapters import build_messages, child, manifest_schemas
from bot.adapters.child import SaidTooMuch, TookTooLong
from bot.adapters.manifest_schemas import Violation
from bot.adapters.manifest_sources import Sources, identity
from bot.adapters.manifest_yaml import read
from bot.adapters.overlays import Overlay
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Checked, Problem
from bot.yaml_lines import NotYaml

SECONDS = 30.0
MEMORY = 320 * 1024 * 1024
"""Bytes that the program may take; usual overlays need a fifth. A pod that takes too much is killed with the bot."""
_OUT_OF_MEMORY = 3
MOST = 4 * 1024 * 1024
LISTED = 200
"""How many problems are listed; nobody reads more."""


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
    command = [sys.executable, "-P", "-m", __name__]
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
    if ended.code == _OUT_OF_MEMORY:
        raise Refused(Reason.OVERLAY_TOO_BIG)
    if ended.code:
        raise CheckFailed(ended.errors.decode(errors="replace")[-child.ERRORS :])
    found = json.loads(ended.out)
    problems = tuple(Problem(**problem) for problem in found.pop("problems"))
    return Checked(**{**found, "problems": problems, "images": tuple(found["images"])})


def checked(given: Mapping[str, Any]) -> Checked:
    """The check itself, in this process."""
    sources = Sources(directory=given["directory"], files=given["files"], kustomizations=tuple(given["kustomizations"]))
    if given["message"]:
        found = build_messages.explain(given["message"], sources)
        return Checked(problems=tuple(found[:LISTED]), total=len(found))
    try:
        built = [one.data for one in read(given["built"])]
    except NotYaml as error:
        return Checked(problems=(Problem(text=f"what kustomize built is not YAML: {error.reason}"),), total=1)
    objects = [one for one in built if isinstance(one, dict)]
    problems: list[Problem] = []
    unchecked: Counter[str] = Counter()
    total = 0
    for one in objects:
        wrong = manifest_schemas.violations(one)
        if wrong is None:
            unchecked[f"{one.get('kind')} ({one.get('apiVersion')})"] += 1
            continue
        total += len(wrong)
        problems += [_problem(one, violation, sources) for violation in wrong[: LISTED - len(problems)]]
    return Checked(
        problems=tuple(sorted(problems, key=lambda one: (not one.file, one.file, one.line))),
        total=total,
        kinds=dict(Counter(str(one.get("kind")) for one in objects)),
        unchecked=dict(unchecked),
        images=tuple(sorted({image for one in objects for image in _images(one)})),
        kubernetes=manifest_schemas.version(),
    )


def _problem(built: Mapping[str, Any], violation: Violation, sources: Sources) -> Problem:
    file, line = sources.find(built, violation.path, missing=violation.missing) or ("", 0)
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in violation.path)
    subject = "/".join(filter(None, identity(built)))
    return Problem(text=violation.text, file=file, line=line, subject=subject, place=place.removeprefix("."))


def _images(value: Any) -> Iterator[str]:
    """The images of all containers in an object, wherever its pods are described."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key in ("containers", "initContainers", "ephemeralContainers") and isinstance(part, list):
                yield from _named(part)
            yield from _images(part)
    elif isinstance(value, list):
        for item in value:
            yield from _images(item)


def _named(containers: Iterable[Any]) -> Iterator[str]:
    for one in containers:
        if isinstance(one, Mapping) and isinstance(one.get("image"), str):
            yield one["image"]


def _main() -> None:
    given = json.load(sys.stdin)
    with suppress(ValueError, OSError):  # Not every system has this limit.
        resource.setrlimit(resource.RLIMIT_AS, (given["memory"], given["memory"]))
    try:
        json.dump(asdict(checked(given)), sys.stdout)
    except MemoryError:
        sys.exit(_OUT_OF_MEMORY)
    except Exception as error:
        # What failed and where, but not its words: they may quote a manifest, and this goes into the log.
        traceback.print_tb(error.__traceback__)
        sys.stderr.write(f"{type(error).__name__}\n")
        sys.exit(1)


if __name__ == "__main__":
    _main()
