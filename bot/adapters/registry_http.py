"""Requests to an OCI registry: bounded, and with the tokens that it asks for.

A registry answers 401 and names a place that gives tokens; one is fetched for reading one repository and kept until it
ends. Credentials go to that place and to the registry itself and nowhere else, and the place must be the registry's
own or speak HTTPS. A blob may lie elsewhere: that is read without any credentials.

https://distribution.github.io/distribution/spec/auth/token/
"""

import asyncio
import base64
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

import httpx
import stamina
from pydantic import SecretStr

from bot.adapters import tls
from bot.adapters.registry import RegistryBusy, RegistryForbidden, RegistryUnreachable, RepositoryUnknown

_CONNECTIONS = httpx.Limits(max_connections=8, max_keepalive_connections=8)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_LARGEST_TOKEN = 64 * 1024
_MOST_TOKENS = 256
_TOKEN_SECONDS = 60.0  # how long a token lasts that does not say so; from the page above
_LOGIN_SECONDS = 3600.0
_MARGIN = 10.0
_MOVES = 2
_MOVED = frozenset({301, 302, 303, 307, 308})


class TookTooLong(RegistryUnreachable):
    """The time was used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer read to its end. `status` is 200 or 404."""

    status: int
    url: httpx.URL
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """One registry below `/v2/`. `timeout` bounds each request in seconds, beginning to end."""

    def __init__(
        self, *, url: str, username: str | None, password: Callable[[], SecretStr] | None, timeout: float
    ) -> None:
        self.url = httpx.URL(url.rstrip("/") + "/")
        self._username = username
        self._password = password
        self._timeout = timeout
        self._tokens: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._client = httpx.AsyncClient(
            limits=_CONNECTIONS,
            verify=tls.context(),
            timeout=httpx.Timeout(None, connect=timeout / 2),
            headers={"User-Agent": "tiketi-chatops"},
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def get(self, path: str, *, repository: str, largest: int, accept: str = "*/*") -> Answer:
        """What is at the path or address below the registry. Raises a RegistryError for anything but 200 and 404.

        More than `largest` bytes raise RegistryUnreachable. A broken connection is tried once more.
        """
        return await _PATIENTLY(self._get, self.url.join(path), repository=repository, largest=largest, accept=accept)

    async def _get(self, url: httpx.URL, *, repository: str, largest: int, accept: str) -> Answer:
        if not self.owns(url):
            raise RegistryUnreachable(f"the registry points to another place: {url}")
        headers = {"Accept": accept}
        authorization = self._kept(repository)
        answer = await self._send(url, headers | authorization, largest=largest)
        if answer.status == 401:
            self._tokens.pop(repository, None)
            authorization = await self._authorization(answer, repository=repository)
            answer = await self._send(url, headers | authorization, largest=largest)
        for _ in range(_MOVES):
            if answer.status not in _MOVED:
                break
            url = answer.url.join(answer.headers.get("location", ""))
            if url.scheme != "https" and not self.owns(url):
                raise RegistryUnreachable(f"the registry sends its readers to {url}")
            answer = await self._send(url, headers, largest=largest)
        return _good(answer)

    def owns(self, url: httpx.URL) -> bool:
        """Whether the address is the registry's own."""
        return (url.scheme, url.host, url.port) == (self.url.scheme, self.url.host, self.url.port)

    def _login(self) -> tuple[str, str] | None:
        """The name and the password of this moment."""
        return (self._username, self._password().get_secret_value()) if self._username and self._password else None

    def _kept(self, repository: str) -> dict[str, str]:
        ends, authorization = self._tokens.get(repository, (0.0, ""))
        return {"Authorization": authorization} if monotonic() < ends else {}

    async def _authorization(self, refused: Answer, *, repository: str) -> dict[str, str]:
        """The header that the registry wants, as its refusal says."""
        scheme, _, rest = refused.headers.get("www-authenticate", "").partition(" ")
        login = self._login()
        if scheme.lower() == "basic" and login:
            encoded = base64.b64encode(":".join(login).encode()).decode()
            return self._keep(repository, f"Basic {encoded}", seconds=_LOGIN_SECONDS)
        if scheme.lower() != "bearer":
            raise RegistryForbidden(f"401: {scheme or 'no'} challenge; credentials: {'set' if login else 'none'}")
        challenge = dict(_PARAMETER.findall(rest))
        realm = httpx.URL(challenge.get("realm", ""))
        if not (realm.scheme == "https" and realm.host) and not self.owns(realm):
            raise RegistryForbidden(f"the registry sends its readers to {realm} for a token, which is not HTTPS")
        query = {"scope": f"repository:{repository}:pull"}
        if challenge.get("service"):
            query["service"] = challenge["service"]
        answer = await self._send(realm.copy_merge_params(query), {}, largest=_LARGEST_TOKEN, login=login)
        token, seconds = _token(answer)
        return self._keep(repository, f"Bearer {token}", seconds=seconds)

    def _keep(self, repository: str, authorization: str, *, seconds: float) -> dict[str, str]:
        """Remember what the registry accepts until shortly before it ends; the header that it is sent in."""
        self._tokens[repository] = (monotonic() + seconds - _MARGIN, authorization)
        if len(self._tokens) > _MOST_TOKENS:
            self._tokens.popitem(last=False)
        return {"Authorization": authorization}

    async def _send(
        self, url: httpx.URL, headers: Mapping[str, str], *, largest: int, login: tuple[str, str] | None = None
    ) -> Answer:
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._client.stream("GET", url, headers=headers, auth=login, follow_redirects=False) as response,
            ):
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > largest:
                        raise RegistryUnreachable(f"{url.path}: the answer has more than {largest} bytes")
                return Answer(
                    status=response.status_code, url=url, headers=dict(response.headers), content=bytes(content)
                )
        except TimeoutError as error:
            raise TookTooLong(f"{url.path}: no answer within {self._timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise RegistryUnreachable(f"{url.path}: {error!r}") from error


def _good(answer: Answer) -> Answer:
    """The answer, if it is one. A 404 is one too, unless it says that the whole repository is unknown."""
    said = f"{answer.status}: {answer.content[:300].decode(errors='replace')}"
    if answer.status == 404 and b"NAME_UNKNOWN" in answer.content[:2000]:
        raise RepositoryUnknown(said)
    if answer.status in (200, 404):
        return answer
    raise {401: RegistryForbidden, 403: RegistryForbidden, 429: RegistryBusy}.get(answer.status, RegistryUnreachable)(
        said
    )


def _token(answer: Answer) -> tuple[str, float]:
    """The token in the answer and the seconds it lasts. Some call it one way, some the other."""
    if answer.status in (400, 401, 403):
        raise RegistryForbidden(f"no token: {answer.status}")
    try:
        said = json.loads(answer.content)
        token = said.get("token") or said.get("access_token")
        seconds = float(said.get("expires_in") or _TOKEN_SECONDS)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RegistryUnreachable(f"no token: {answer.status}") from error
    if answer.status != 200 or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryUnreachable(f"no token: {answer.status}")
    return token, seconds


def _worth_another_try(error: Exception) -> bool:
    """Whether a connection broke. Time used up is not spent again: somebody waits for the answer."""
    return isinstance(error, RegistryUnreachable) and isinstance(error.__cause__, httpx.TransportError)


_PATIENTLY = stamina.AsyncRetryingCaller(attempts=2, timeout=None, wait_initial=0.1, wait_max=0.5, wait_jitter=0.1).on(
    _worth_another_try
)
