"""Argo CD's stream of changes, and the list it continues: which Applications look otherwise than before.

An Application is kept as a fingerprint of what a person would see change: 16 characters, so that a thousand of them
cost next to nothing. The stream has no replay; whoever reads it lists again after every cut.
"""

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.adapters.argocd_errors import ArgocdError, Unreachable, error_of
from bot.adapters.fields import Json, entries, section

LARGEST_FRAME = 4_000_000
_HTTP_OF_GRPC = {7: 403, 16: 401, 5: 404, 14: 503, 4: 504, 8: 429}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every Application of the project by name, and the version from which to watch."""

    version: str
    fingerprints: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An Application that changed; without a fingerprint it is gone."""

    application: str
    fingerprint: str | None


def listing(answer: Json) -> Listing:
    """The value of a LIST; `items` is null when there are none."""
    found = {_name(item): fingerprint(item) for item in entries(answer, "items")}
    return Listing(version=str(section(answer, "metadata").get("resourceVersion") or ""), fingerprints=found)


def fingerprint(application: Json) -> str:
    """Changes with what a person would see change, and with nothing else: every comparison renews a version."""
    status = section(application, "status")
    operation, sync = section(status, "operationState"), section(status, "sync")
    seen = [
        section(application, "metadata").get("uid"),
        bool(section(application, "metadata").get("deletionTimestamp")),
        bool(application.get("operation")),
        [operation.get(name) for name in ("phase", "startedAt", "finishedAt", "message", "retryCount")],
        len(entries(section(operation, "syncResult"), "resources")),
        [sync.get("status"), sync.get("revision")],
        section(status, "health").get("status"),
        [[entry.get("kind"), entry.get("name"), entry.get("status")] for entry in entries(status, "resources")],
        section(status, "summary").get("images"),
    ]
    return hashlib.sha256(json.dumps(seen, separators=(",", ":")).encode()).hexdigest()[:16]


async def frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[Json]:
    """The JSON objects in an event stream: one for each `data:` line; comments and blank lines are its pulse."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        *lines, rest = waiting.split(b"\n")
        waiting = bytearray(rest)
        if len(waiting) > LARGEST_FRAME:
            raise Unreachable(f"a frame has more than {LARGEST_FRAME} bytes")
        for line in lines:
            if line.startswith(b"data:"):
                yield _decoded(bytes(line[5:]))


def seen(frame: Json) -> Seen:
    """The change in a frame. Raises the error that a frame of error means, which is the last one of its stream."""
    if frame.get("error") is not None:
        raise _error(section(frame, "error"))
    result = section(frame, "result")
    application = section(result, "application")
    gone = result.get("type") == "DELETED"
    return Seen(application=_name(application), fingerprint=None if gone else fingerprint(application))


def _error(error: Json) -> ArgocdError:
    code = error.get("grpc_code")
    status = error.get("http_code") or _HTTP_OF_GRPC.get(code if isinstance(code, int) else 0, 500)
    message = str(error.get("message") or "")
    return error_of(int(status), json.dumps({"error": message, "code": code, "message": message}))


def _decoded(text: bytes) -> Json:
    try:
        frame: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"not JSON: {text[:200]!r}") from error
    return frame if isinstance(frame, dict) else {}


def _name(application: Json) -> str:
    return str(section(application, "metadata").get("name") or "")
