"""The check of a built overlay, as a program of its own: it reads megabytes of foreign YAML, and can be ended.

In: JSON with the overlay's files, either what kustomize built or what it said, and how much memory may be taken. Out:
JSON of a `Checked`. `manifest_check` runs it.
"""

import json
import resource
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from bot.adapters import build_messages, manifest_schemas
from bot.adapters.manifest_schemas import Violation
from bot.adapters.manifest_sources import Sources, identity
from bot.adapters.manifest_yaml import read
from bot.domain.validations import Checked, Problem
from bot.yaml_lines import NotYaml

LISTED = 200
"""How many problems are listed; nobody reads more."""
OUT_OF_MEMORY = 3
"""The exit code for it."""


def checked(given: Mapping[str, Any]) -> Checked:
    """What is wrong with what was built, or what is meant by what was said."""
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
        sys.exit(OUT_OF_MEMORY)
    except Exception as error:
        # What failed and where, but not its words: they may quote a manifest, and this goes into the log.
        traceback.print_tb(error.__traceback__)
        sys.stderr.write(f"{type(error).__name__}\n")
        sys.exit(1)


if __name__ == "__main__":
    _main()
