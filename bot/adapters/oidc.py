"""Tokens by which a workflow run proves who it is: GitHub's OIDC, verified against the issuer's published keys.

What is checked is what cannot be forged and what GitHub does not change: signature, issuer, audience, times, and the
claims that name the repository. `sub` is not taken apart, since its form depends on the age of the repository. A token
may be valid for hours, so its age is capped here by when it was issued.

A token is accepted more than once on purpose. One job reports several stages, perhaps with one token, and a report is
idempotent: saying it again changes nothing.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import jwt

from bot.adapters import tls
from bot.adapters.calls import CallFailed, Observe, measured, unobserved
from bot.domain.reasons import Reason

_ALGORITHMS = ["RS256"]
_LEEWAY = timedelta(seconds=30)
_REQUIRED = ["aud", "exp", "iat", "iss", "jti", "nbf"]
_LONGEST_TOKEN = 16_384
_LARGEST_KEYS = 262_144
_MOST_KEYS = 64
_KEYS_LIVE = 3600.0
_COOLDOWN = 30.0
_FETCH_SECONDS = 5.0
_NO_KEYS = "The keys of the token's issuer cannot be read now."


class TokenInvalid(Exception):
    """The token proves nothing; the text is one sentence that says why, and quotes nothing of the token."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class KeysUnavailable(TokenInvalid):
    """The issuer's keys cannot be had now, so no token can be verified. The same token may be good in a minute."""


class _NoKeys(CallFailed):
    """The issuer did not give its keys."""

    default = Reason.GITHUB_UNREACHABLE


class OidcVerifier:
    """Verifies the tokens of one repository's workflows.

    With `repository_id` both name and id must match, so a new repository under an old name proves nothing. Keys are
    kept for an hour; an unknown key id fetches them again, at most every 30 seconds. `monotonic` is the clock for that.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        repository: str,
        repository_id: str | None,
        longest_age: timedelta = timedelta(minutes=10),
        monotonic: Callable[[], float] = time.monotonic,
        observe: Observe = unobserved,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._repository = repository
        self._repository_id = repository_id
        self._longest_age = longest_age
        self._monotonic = monotonic
        self._observe = observe
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._asked: float | None = None
        self._fetching = asyncio.Lock()
        self._client = httpx.AsyncClient(
            headers={"Accept": "application/json"}, timeout=_FETCH_SECONDS, verify=tls.context()
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def verify(self, token: str) -> Mapping[str, Any]:
        """The claims of the token. Raises TokenInvalid, or KeysUnavailable when nobody can tell.

        GitHub gives a job a new token whenever it asks, so one that is ten minutes old is refused; see `longest_age`.
        """
        if len(token) > _LONGEST_TOKEN:
            raise TokenInvalid("The token is too long.")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise TokenInvalid("This is no JSON Web Token.") from error
        key = await self._key(str(header.get("kid") or ""))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=_ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY,
                options={"require": _REQUIRED, "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as error:
            raise TokenInvalid(_sentence(error)) from error
        self._authorize(claims)
        return claims

    def _authorize(self, claims: Mapping[str, Any]) -> None:
        if time.time() - float(claims["iat"]) > (self._longest_age + _LEEWAY).total_seconds():
            raise TokenInvalid("The token was issued too long ago; ask for a new one for each report.")
        if str(claims.get("repository", "")).casefold() != self._repository.casefold():
            raise TokenInvalid("The token belongs to another repository.")
        if self._repository_id and str(claims.get("repository_id")) != self._repository_id:
            raise TokenInvalid("The token belongs to another repository of this name.")
        event = str(claims.get("event_name") or "")
        if not event or event.startswith("pull_request"):
            # Anybody who may open a pull request chooses what such a run does.
            raise TokenInvalid("Runs of pull requests may not report.")

    async def _key(self, key_id: str) -> jwt.PyJWK:
        """The key of this id. A known one is had at once, whatever anybody else's unknown one makes us wait for."""
        if self._aged or key_id not in self._keys:
            async with self._fetching:
                now = self._monotonic()
                cooling = self._asked is not None and now - self._asked < _COOLDOWN
                if not cooling and (self._aged or key_id not in self._keys):
                    self._asked = now
                    await self._fetch()
                    self._fetched = now
        if self._aged:
            raise KeysUnavailable(_NO_KEYS)
        if key_id not in self._keys:
            raise TokenInvalid("The token is signed with an unknown key.")
        return self._keys[key_id]

    @property
    def _aged(self) -> bool:
        return self._fetched is None or self._monotonic() - self._fetched > _KEYS_LIVE

    async def _fetch(self) -> None:
        try:
            with measured(self._observe, system="oidc", call="keys"):
                self._keys = _keys(await self._read(f"{self._issuer.rstrip('/')}/.well-known/jwks"))
        except _NoKeys as error:
            raise KeysUnavailable(_NO_KEYS) from error

    async def _read(self, url: str) -> bytes:
        content = bytearray()
        try:
            async with asyncio.timeout(_FETCH_SECONDS), self._client.stream("GET", url) as response:
                response.raise_for_status()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > _LARGEST_KEYS:
                        raise _NoKeys(f"more than {_LARGEST_KEYS} bytes")
        except (httpx.HTTPError, TimeoutError) as error:
            raise _NoKeys(repr(error)) from error
        return bytes(content)


def _keys(content: bytes) -> dict[str, jwt.PyJWK]:
    """The RSA keys of a key set by their ids. Keys of other kinds are left out, not an error."""
    try:
        entries = json.loads(content)["keys"][:_MOST_KEYS]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise _NoKeys(f"not a key set: {content[:200]!r}") from error
    keys: dict[str, jwt.PyJWK] = {}
    for entry in entries:
        if isinstance(entry, dict) and entry.get("kty") == "RSA" and isinstance(entry.get("kid"), str):
            try:
                keys[entry["kid"]] = jwt.PyJWK(entry, algorithm="RS256")
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
    return keys


def _sentence(error: jwt.PyJWTError) -> str:
    known: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
        (jwt.ExpiredSignatureError, "The token has expired."),
        (jwt.ImmatureSignatureError, "The token is not valid yet."),
        (jwt.InvalidAudienceError, "The token is meant for somebody else: its audience is not this bot's."),
        (jwt.InvalidIssuerError, "The token comes from another issuer."),
        (jwt.MissingRequiredClaimError, "The token lacks a claim that is needed."),
        (jwt.InvalidSignatureError, "The token's signature is wrong."),
        (jwt.InvalidAlgorithmError, "The token is not signed with RS256."),
    )
    return next((sentence for kind, sentence in known if isinstance(error, kind)), "The token cannot be verified.")
