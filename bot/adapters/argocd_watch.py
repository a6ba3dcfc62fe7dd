"""Argo CD's stream of changes, and the list before it: which Applications look otherwise than before.

A whole Application may be large, and a thousand of them larger than anybody wants to read. So both ask for the same few
fields, and 16 characters of each are kept: a fingerprint of what a person would see change. The stream has no replay;
whoever reads it lists again after every cut. Its first frames are the Applications as they are.

With selected fields an error in the stream comes as an empty object.
"""

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from bot.adapters.argocd_errors import ArgocdError, Unreachable, error_of
from bot.adapters.fields import Json, entries, section

LARGEST_FRAME = 4_000_000
_FIELDS = (
    "metadata.name",
    "metadata.deletionTimestamp",
    "operation.sync",
    "status.sync.status",
    "status.sync.revision",
    "status.health",
    "status.summary",
    "status.operationState.phase",
    "status.operationState.startedAt",
    "status.operationState.finishedAt",
)
LIST_FIELDS = ",".join(f"items.{field}" for field in _FIELDS)
STREAM_FIELDS = ",".join(("result.type", *(f"result.application.{field}" for field in _FIELDS), "error"))
_HTTP_OF_GRPC = {7: 403, 16: 401, 5: 404, 14: 503, 4: 504, 8: 429}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An Application that changed; without a fingerprint it is gone."""

    application: str
    fingerprint: str | None


def fingerprints(answer: Json) -> dict[str, str]:
    """The fingerprint of every Application in a LIST, by name; `items` is null when there are none."""
    return {_name(item): fingerprint(item) for item in entries(answer, "items")}


def fingerprint(application: Json) -> str:
    """Changes with what a person would see change, and with nothing else: every comparison renews a version."""
    status = section(application, "status")
    operation, sync = section(status, "operationState"), section(status, "sync")
    seen = [
        bool(section(application, "metadata").get("deletionTimestamp")),
        bool(application.get("operation")),
        [operation.get(name) for name in ("phase", "startedAt", "finishedAt")],
        [sync.get("status"), sync.get("revision")],
        section(status, "health").get("status"),
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
    if not frame.get("result"):
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
