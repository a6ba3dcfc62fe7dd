"""What the HTTP side answers: always one line of JSON, never a stack trace, never a 500.

A sender can do two things about an answer: give up or come again. 4xx says that coming again is useless, 503 with
`Retry-After` that it is not. An error nobody thought of is therefore a 503 too; it is logged under the id it gives.
"""

import json
import uuid
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from bot.adapters.oidc import KeysUnavailable
from bot.storage.recorder import NotStored, Overloaded

RETRY_SECONDS = 5

log = structlog.get_logger(__name__)


class Refused(Exception):
    """The request gets this status and reason instead of a 202."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Busy(Exception):
    """As many bodies as there is room for are being read."""


def answer(status_code: int, /, **content: object) -> web.Response:
    """A response of one JSON object."""
    return web.Response(status=status_code, body=json.dumps(content).encode(), content_type="application/json")


def boundary(on_refusal: Callable[[web.Request, str], None]) -> Middleware:
    """A middleware that turns every exception into an answer, and tells `on_refusal` what kind it was."""

    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            outcome, response = _explained(request, error)
            on_refusal(request, outcome)
            return response

    return middleware


def _explained(request: web.Request, error: Exception) -> tuple[str, web.Response]:
    match error:
        case Refused():
            return "refused", answer(error.status, status="refused", reason=error.reason)
        case web.RequestPayloadError() | ConnectionError():
            return "refused", answer(400, status="refused", reason="the body broke off")
        case web.HTTPException():
            response = answer(error.status, status="refused", reason=error.reason)
            if "Allow" in error.headers:
                response.headers["Allow"] = error.headers["Allow"]
            return "refused", response
        case Overloaded():
            return "overloaded", _later("too many deliveries wait to be stored")
        case Busy():
            return "overloaded", _later("too many bodies are being read")
        case NotStored():
            return "not_stored", _later("the database did not store it")
        case KeysUnavailable():
            return "unverified", _later(error.sentence)
    incident = uuid.uuid4().hex
    log.error("http.failed", id=incident, method=request.method, path=request.path, exc_info=error)
    return "broken", _later(f"an unexpected error, logged under {incident}")


def _later(reason: str) -> web.Response:
    response = answer(503, status="failed", reason=reason)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
