"""Reading other people's JSON, where whatever has no content is left out, null, or one day something else."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]


def section(value: Json, name: str) -> Json:
    """The object under this name, or an empty one."""
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def entries(value: Json, name: str) -> list[Json]:
    """The objects in the list under this name; nothing else that may be in it."""
    found = value.get(name)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def moment(value: Any) -> datetime | None:
    """A moment as Go writes it; null, absent, unreadable and without a time zone are all None."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None
