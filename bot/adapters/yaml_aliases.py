"""Aliases in YAML, counted before anybody follows them: a few hundred bytes of nested ones stand for gigabytes.

Only the parser's events are read, one after the other: nothing is put together, and reading ends at the limit.
"""

from collections.abc import Mapping

import yaml

from bot.adapters.overlays import shown
from bot.domain.reasons import Reason, Refused

MOST = 100_000
"""Values in all files with aliases, each alias counted as all that it stands for."""


def require_few(files: Mapping[str, bytes]) -> None:
    """Refuse files whose aliases stand for more than 100,000 values: OVERLAY_TOO_BIG, with the file.

    A file that is not YAML is counted as far as it can be read.
    """
    count = 0
    for path, content in files.items():
        if b"&" in content and b"*" in content:  # An alias needs both, in every encoding that YAML has.
            count += _values(content, most=MOST - count)
            if count > MOST:
                raise Refused(Reason.OVERLAY_TOO_BIG, f"`{shown(path)}`")


def _values(content: bytes, *, most: int) -> int:
    """How many values it has; more than `most` are not counted."""
    sizes: dict[str | None, int] = {}
    around: list[tuple[str | None, int]] = []
    """The mappings and lists around the place: their anchor, and the count before them."""
    count = 0
    try:
        for event in yaml.parse(content, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.CollectionEndEvent):
                anchor, before = around.pop()
                if anchor is not None:
                    sizes[anchor] = count - before
            elif isinstance(event, yaml.AliasEvent):
                count += sizes.get(event.anchor, 1)
            elif isinstance(event, yaml.CollectionStartEvent):
                around.append((event.anchor, count))
                count += 1
            elif isinstance(event, yaml.ScalarEvent):
                count += 1
                if event.anchor is not None:
                    sizes[event.anchor] = 1
            if count > most:
                break
    except (yaml.YAMLError, ValueError, RecursionError):  # kustomize says where.
        pass
    return count
