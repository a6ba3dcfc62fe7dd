"""Reading the payloads of others: only the fields that are needed, each of them perhaps absent.

Senders add, drop and null fields as they please, and models that insist on all of them refuse a third of GitHub's own
examples. So a field is read with its fallback, and only a fact that cannot be stated without it is `Unusable`.
Text is made storable here: a NUL or half a surrogate pair would break the transaction that keeps it.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bot.domain import images
from bot.domain.events import Unusable

FORM = "application/x-www-form-urlencoded"
_LARGEST_NUMBER = 2**63 - 1


def document(headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The JSON object in the body, which may be wrapped in a form's `payload=`. Raises `Unusable`."""
    if headers.get("content-type") == FORM:
        try:
            body = parse_qs(body, max_num_fields=16).get(b"payload", [b""])[0]
        except ValueError as error:
            raise Unusable("The form has too many fields.") from error
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Unusable("The body is not JSON.") from error
    if not isinstance(found, dict):
        raise Unusable("The body is not a JSON object.")
    return found


def text(value: object, *, limit: int) -> str:
    """The first line of a text, storable and cut; '' for anything that is not a text."""
    if not isinstance(value, str):
        return ""
    line = next((line for line in value[: limit * 8].splitlines() if line.strip()), "")
    return line.replace("\0", "").encode("utf-8", "replace").decode().strip()[:limit]


def number(value: object, *, name: str) -> int:
    """A positive number that fits a column."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST_NUMBER:
        raise Unusable(f"{name} is missing or no positive number.")
    return value


def revision(value: object, *, name: str) -> str:
    """A full commit id."""
    if not isinstance(value, str) or not images.is_revision(value):
        raise Unusable(f"{name} is missing or no full commit id.")
    return value


def moment(value: object) -> datetime | None:
    """A moment in UTC; None for anything that is not an RFC 3339 text with its zone."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        return found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def url(value: object) -> str | None:
    """An http or https address of a reasonable length, or None."""
    if not isinstance(value, str) or len(value) > 500 or not value.isascii() or not value.isprintable():
        return None
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    return value if parts.scheme in ("http", "https") and parts.hostname and " " not in value else None
