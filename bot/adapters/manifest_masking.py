"""Secrets in manifests: hidden in the object, before it is text, so that how it is written does not matter.

YAML folds a long line and doubles the breaks of a text, a flag and its argument are two elements of a list, and of a
private key a difference shows some lines. So every text in the object is looked at together with its name. What is
hidden leaves a stand-in, the same for the same secret and another for another: two objects can still be compared, and
`shown` makes all stand-ins alike afterwards. Numbers and truth values are no texts and stay.
"""

import re
from collections.abc import Mapping
from typing import Any

from bot.adapters import masking

_FLAG = re.compile(r"--?([\w.-]{1,80})")
_STAND_IN = re.compile("\ue000\\d+\ue001")


class StandIns:
    """What stands for the secrets of objects that are to be compared with each other."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, secret: str) -> str:
        """The stand-in for a secret, in characters that no manifest has a use for."""
        return f"\ue000{self._numbers.setdefault(secret, len(self._numbers))}\ue001"


def masked(value: Any, *, mark: masking.Mark, name: str = "") -> Any:
    """The object, or a value that has this name in it, with its secrets replaced."""
    if isinstance(value, Mapping):
        called = value.get("name")
        return {
            key: masked(item, mark=mark, name=called if key == "value" and isinstance(called, str) else str(key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        before = ["", *value]
        return [masked(item, mark=mark, name=_flag(before[place]) or name) for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    if masking.names_a_secret(name) and not masking.is_harmless(value) and not _flag(value):
        return mark(value)
    return masking.masked(value, mark=mark)


def shown(line: str) -> str:
    """The line as people see it."""
    return _STAND_IN.sub(masking.HIDDEN, line)


def _flag(item: Any) -> str:
    found = _FLAG.fullmatch(item) if isinstance(item, str) else None
    return found[1] if found else ""
