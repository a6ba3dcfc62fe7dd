"""Requests to Argo CD's API: bounded, measured, and with errors in the bot's words.

A read may be tried again, a write never is. For a write it matters whether the request left at all: a connection that
was never made carried nothing, and after that only an answer of Argo CD itself tells what happened.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import stamina

from bot.adapters.argocd_errors import SyncUncertain, TokenRejected, TookTooLong, Unreachable, error_of
from bot.adapters.calls import Observe, measured

Json = dict[str, Any]

LARGEST_ANSWER = 32 * 1024 * 1024
_TOKEN = re.compile(r"[\x21-\x7e]+")
_CONNECTIONS = httpx.Limits(max_connections=16, max_keepalive_connections=8)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)


class Transport:
    """One Argo CD's API below `/api/`. `timeout` bounds each request in seconds, beginning to end."""

    def __init__(self, *, url: str, token: Callable[[], str], timeout: float, observe: Observe) -> None:
        self._token = token
        self._timeout = timeout
        self._observe = observe
        # The server compares the content type letter for letter, and wants it on requests without a body too. The time
        # of a whole request is held by `_send`; these shorter ones tell "never connected" from "no answer".
        self._client = httpx.AsyncClient(
            base_url=f"{url.rstrip('/')}/api/",
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            limits=_CONNECTIONS,
            timeout=httpx.Timeout(None, connect=timeout / 2, pool=timeout / 2),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, *, call: str, query: Mapping[str, str] | None = None) -> Json:
        """The JSON object at the path; up to three tries while Argo CD is unreachable."""
        return await _PATIENTLY(self.get_once, path, call=call, query=query or {})

    async def get_once(self, path: str, *, call: str, query: Mapping[str, str], timeout: float | None = None) -> Json:
        """The JSON object at the path, in one try."""
        with measured(self._observe, system="argocd", call=call):
            status, text = await self._send("GET", path, timeout=timeout or self._timeout, params=query)
            if not 200 <= status < 300:
                raise error_of(status, text)
            return _decoded(text)

    async def post(self, path: str, *, call: str, body: Json) -> None:
        """Send the body, once. Raises SyncUncertain when it may have been accepted although no answer says so."""
        with measured(self._observe, system="argocd", call=call):
            try:
                status, text = await self._send("POST", path, timeout=self._timeout, json=body)
                if 200 <= status < 300:
                    _decoded(text)
                    return
            except Unreachable as error:
                if isinstance(error.__cause__, _NOT_SENT):
                    raise
                raise SyncUncertain(error.log) from error
            if status >= 500 or status == 408:
                raise SyncUncertain(f"{status}: {text}")
            raise error_of(status, text)

    async def _send(self, method: str, path: str, *, timeout: float, **request: Any) -> tuple[int, str]:
        """Status and whole body of the answer, within the time and the size allowed."""
        token = self._token().strip()
        if not _TOKEN.fullmatch(token):
            # Checked here because a client that cannot send a header quotes it in its error.
            raise TokenRejected("the token is empty, or has characters that a header cannot carry")
        try:
            async with (
                asyncio.timeout(timeout),
                self._client.stream(method, path, headers={"Authorization": f"Bearer {token}"}, **request) as response,
            ):
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > LARGEST_ANSWER:
                        raise Unreachable(f"the answer has more than {LARGEST_ANSWER} bytes")
                return response.status_code, content.decode(errors="replace")
        except TimeoutError as error:
            raise TookTooLong(f"{method} {path}: no answer within {timeout:g} s") from error
        except httpx.HTTPError as error:
            raise Unreachable(f"{method} {path}: {error!r}") from error


def _decoded(text: str) -> Json:
    """The JSON object in an answer; a path that is not the API's may be answered 200 with the page of the UI."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreachable(f"not JSON: {text}") from error
    if not isinstance(body, dict):
        raise Unreachable(f"not an object: {text}")
    return body


def _worth_another_try(error: Exception) -> bool:
    """Whether it may be better in a moment. Time used up is not spent again: somebody waits for the answer."""
    return isinstance(error, Unreachable) and not isinstance(error, TookTooLong)


_PATIENTLY = stamina.AsyncRetryingCaller(attempts=3, timeout=None, wait_initial=0.2, wait_max=2.0, wait_jitter=0.2).on(
    _worth_another_try
)
