"""Verify, store, answer: what happens to a webhook request before anybody reads its contents.

Each sender has its own way to prove itself, and its own way to say which delivery this is:

    GitHub        HMAC over the body; hook and X-GitHub-Delivery. The id is the event's, so a redelivery repeats it,
                  and a second hook that subscribes to the same event does too.
    Argo CD       bearer token; the body and the second of receipt. Its notifications have no id, and a repeat may
                  only cause one more reading of the Application.
    the pipeline  OIDC token of GitHub Actions, or bearer token; the body, which names run, attempt, stage, status
                  and time. The claims of the token are kept beside it and compared when the body is parsed.

A proof that is in the headers is looked at before the body is read. The body of an unsigned request is never parsed.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from bot.adapters.oidc import KeysUnavailable, TokenInvalid
from bot.storage.recorder import Recorder
from bot.webhooks import signatures
from bot.webhooks.answers import Busy, Refused

CLAIMS = ("event_name", "repository", "ref", "run_attempt", "run_id", "sha")
CONTENT_TYPES = ("application/json", "application/x-www-form-urlencoded")
OFF_THE_LOOP_BYTES = 1_000_000
KEY_LENGTH = 128
EVENT_LENGTH = 64
_LARGE_AT_ONCE = 4  # bodies of up to 25 MB in memory at the same time
_SMALL_AT_ONCE = 128  # bodies of up to 1 MB that are on their way, of senders that proved themselves and of others
_READ_SECONDS = 30
_WAIT_SECONDS = 10  # GitHub waits no longer for its answer
_ACCEPTED = b'{"status": "accepted"}'
_REPEATED = b'{"status": "repeated"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Proofs:
    """What senders have to show at this moment. What is empty opens no door."""

    github: tuple[bytes, ...] = ()
    argocd: tuple[bytes, ...] = ()
    ci: tuple[bytes, ...] = ()


VerifyOidc = Callable[[str], Awaitable[Mapping[str, object]]]
OnDelivery = Callable[[str, str], None]


class Receipt:
    """The three doors, as aiohttp handlers. Each answers 202 for what is on the disk, or raises `Refused`."""

    def __init__(
        self,
        *,
        recorder: Recorder,
        proofs: Callable[[], Proofs],
        verify_oidc: VerifyOidc | None,
        clock: Callable[[], datetime],
        on_delivery: OnDelivery,
        max_body: int,
    ) -> None:
        self._recorder = recorder
        self._proofs = proofs
        self._verify_oidc = verify_oidc
        self._clock = clock
        self._on_delivery = on_delivery
        self._max_body = max_body
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._unproven = asyncio.Semaphore(_SMALL_AT_ONCE)
        self._proven = asyncio.Semaphore(_SMALL_AT_ONCE)  # so that strangers at GitHub's door keep nobody else out

    async def github(self, request: web.Request) -> web.Response:
        """A delivery of a GitHub webhook."""
        headers = request.headers
        signature = headers.get("X-Hub-Signature-256")
        secrets = self._proofs().github
        if not secrets:
            raise Refused(401, "no secret is configured for GitHub webhooks")
        if signature is None:
            raise Refused(401, "X-Hub-Signature-256 is missing")
        async with self._body(request, small=self._unproven) as body:
            if not await _signed(body, signature, secrets):
                raise Refused(401, "X-Hub-Signature-256 does not sign this body")
            event = _name(headers.get("X-GitHub-Event"), name="X-GitHub-Event", limit=EVENT_LENGTH)
            delivery = _name(headers.get("X-GitHub-Delivery"), name="X-GitHub-Delivery", limit=KEY_LENGTH)
            hook = headers.get("X-GitHub-Hook-ID") or "-"
            key = _name(f"{hook}:{delivery}", name="X-GitHub-Hook-ID with X-GitHub-Delivery", limit=KEY_LENGTH)
            return await self._store(request, body, source="github", key=key, headers={"event": event})

    async def argocd(self, request: web.Request) -> web.Response:
        """A notification of Argo CD."""
        wanted = self._proofs().argocd
        if not wanted:
            raise Refused(401, "no token is configured for Argo CD")
        if not signatures.bearer(request.headers.get("Authorization"), wanted):
            raise Refused(401, "the bearer token is missing or wrong")
        async with self._body(request, small=self._proven) as body:
            key = f"{await _digest(body)}:{self._clock().timestamp():.0f}"
            return await self._store(request, body, source="argocd", key=key, headers={})

    async def ci(self, request: web.Request) -> web.Response:
        """A report of the pipeline about itself."""
        claims = await self._claims(request.headers.get("Authorization"))
        said = "".join(f"{name}={value}\n" for name, value in sorted(claims.items()))
        async with self._body(request, small=self._proven) as body:
            # A report that came with the wrong token fails when it is parsed; it must not pass for the right one.
            key = await _digest(said.encode(), body)
            return await self._store(request, body, source="ci", key=key, headers=claims)

    async def _claims(self, authorization: str | None) -> dict[str, str]:
        """What the OIDC token says about the run; nothing for the shared token, which says nothing."""
        wanted = self._proofs().ci
        if not wanted and self._verify_oidc is None:
            raise Refused(401, "neither a token nor OIDC is configured for the pipeline")
        if signatures.bearer(authorization, wanted):
            return {}
        token = signatures.credentials(authorization)
        if self._verify_oidc is None or token.count(b".") != 2 or not token.isascii():
            raise Refused(401, "the bearer token is missing or wrong")
        try:
            claims = await self._verify_oidc(token.decode())
        except KeysUnavailable:
            raise
        except TokenInvalid as error:
            raise Refused(401, error.sentence) from error
        return {f"claim.{name}": str(claims.get(name, "")) for name in CLAIMS}

    @asynccontextmanager
    async def _body(self, request: web.Request, *, small: asyncio.Semaphore) -> AsyncIterator[bytes]:
        """The whole body as it came. Few large ones are held at a time, from reading to storing.

        Of `small` ones so many are read at a time; the recorder bounds those that wait to be stored. Raises `Busy`.
        """
        if request.content_type not in CONTENT_TYPES:
            raise Refused(415, f"Content-Type must be one of: {', '.join(CONTENT_TYPES)}")
        length = request.content_length
        if length is not None and length > self._max_body:
            raise Refused(413, f"the body is larger than {self._max_body} bytes")
        if length is not None and length <= OFF_THE_LOOP_BYTES:
            if request.content.is_eof():
                yield await _read(request)  # it is in memory already
                return
            async with _turn(small):
                body = await _read(request)
            yield body
        else:
            async with _turn(self._large):
                yield await _read(request)

    async def _store(
        self, request: web.Request, body: bytes, *, source: str, key: str, headers: dict[str, str]
    ) -> web.Response:
        headers["content-type"] = request.content_type
        new = await self._recorder.record(source=source, key=key, headers=headers, body=body, received_at=self._clock())
        self._on_delivery(source, "accepted" if new else "repeated")
        return web.Response(status=202, body=_ACCEPTED if new else _REPEATED, content_type="application/json")


@asynccontextmanager
async def _turn(room: asyncio.Semaphore) -> AsyncIterator[None]:
    """A place among those whose bodies are read. Raises `Busy` when none becomes free in time."""
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await room.acquire()
    except TimeoutError as error:
        raise Busy from error
    try:
        yield
    finally:
        room.release()


async def _signed(body: bytes, signature: str, secrets: Sequence[bytes]) -> bool:
    if len(body) > OFF_THE_LOOP_BYTES:
        return await asyncio.to_thread(signatures.github, body, signature, secrets)
    return signatures.github(body, signature, secrets)


async def _read(request: web.Request) -> bytes:
    if request.content.is_eof():
        return await request.read()  # it came along with the headers, and needs no limit of time
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return await request.read()
    except TimeoutError as error:
        raise Refused(408, f"the body did not come within {_READ_SECONDS} s") from error


async def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if len(part) > OFF_THE_LOOP_BYTES:
            await asyncio.to_thread(digest.update, part)
        else:
            digest.update(part)
    return digest.hexdigest()


def _name(value: str | None, *, name: str, limit: int) -> str:
    """A header that becomes part of a row: there, printable and short enough for its column."""
    if not value:
        raise Refused(400, f"{name} is missing")
    if len(value) > limit or not value.isascii() or not value.isprintable():
        raise Refused(400, f"{name} must be at most {limit} printable ASCII characters")
    return value
