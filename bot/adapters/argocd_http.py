"""Requests to Argo CD's API: bounded, measured, and with errors in the bot's words.

A read may be tried again, a write never is. For a write it matters whether the request left at all: a connection that
was never made carried nothing, and after that only an answer of Argo CD itself tells what happened.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import stamina

from bot.adapters import tls
from bot.adapters.argocd_errors import OrderUncertain, TokenRejected, TookTooLong, Unreachable, error_of
from bot.adapters.calls import Observe, measured

Json = dict[str, Any]

SILENCE = 45.0
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
            verify=tls.context(),
            timeout=httpx.Timeout(None, connect=timeout / 2, pool=timeout / 2),
        )
        # A stream occupies its connection for as long as it lasts; it must not take one from the others.
        self._streams = httpx.AsyncClient(base_url=self._client.base_url, verify=tls.context())

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()
        await self._streams.aclose()

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

    async def order(
        self, method: str, path: str, *, call: str, body: Json | None = None, query: Mapping[str, str] | None = None
    ) -> None:
        """Send it, once. Raises OrderUncertain when it may have been accepted although no answer says so."""
        content = {} if body is None else {"json": body}
        with measured(self._observe, system="argocd", call=call):
            try:
                status, text = await self._send(method, path, timeout=self._timeout, params=query, **content)
                if 200 <= status < 300:
                    _decoded(text)
                    return
            except Unreachable as error:
                if isinstance(error.__cause__, _NOT_SENT):
                    raise
                raise OrderUncertain(error.log) from error
            if status >= 500 or status == 408:
                raise OrderUncertain(f"{status}: {text}")
            raise error_of(status, text)

    @asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an event stream, for as long as it lasts; `SILENCE` seconds without one raise Unreachable.

        Argo CD sends a comment every 15 seconds, and packs nothing when it is asked for an event stream.
        """
        headers = {"Authorization": f"Bearer {self._bearer()}", "Accept": "text/event-stream"}
        limits = httpx.Timeout(self._timeout, read=SILENCE)
        try:
            async with self._streams.stream("GET", path, params=query, headers=headers, timeout=limits) as response:
                if response.status_code != 200:
                    content = (await response.aread()).decode(errors="replace")
                    raise error_of(response.status_code, content)
                yield response.aiter_bytes()
        except httpx.HTTPError as error:
            raise Unreachable(f"GET {path}: {error!r}") from error

    def _bearer(self) -> str:
        token = self._token().strip()
        if not _TOKEN.fullmatch(token):
            # Checked here because a client that cannot send a header quotes it in its error.
            raise TokenRejected("the token is empty, or has characters that a header cannot carry")
        return token

    async def _send(self, method: str, path: str, *, timeout: float, **request: Any) -> tuple[int, str]:
        """Status and whole body of the answer, within the time and the size allowed."""
        headers = {"Authorization": f"Bearer {self._bearer()}"}
        try:
            async with (
                asyncio.timeout(timeout),
                self._client.stream(method, path, headers=headers, **request) as response,
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
