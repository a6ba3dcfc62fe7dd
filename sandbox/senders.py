"""Who speaks to the bot over HTTP: GitHub's webhooks, Argo CD's notifications, and the pipeline's own reports.

GitHub signs, waits, and does not try again; Argo CD tries four times unless the answer is a 4xx; the pipeline tries
once, since a pipeline never fails because a notification did. A bot that is away costs a delivery and raises nothing.

    async with Senders(bot_url, github_secret=…, argocd_token=…, ci_token=…) as senders:
        status = await senders.github("push", bodies.push("main", [commit]))
        senders.sent                 every attempt, oldest first
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from uuid import NAMESPACE_URL, uuid4, uuid5

import aiohttp

from sandbox.actions import Run
from sandbox.manifests import Json

HOOK_ID = 521_000_001
TRIES = 4
TIMEOUT = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One request to the bot; `event` is GitHub's, or the name of the sender; `status` is None if nobody answered."""

    event: str
    delivery: str | None
    body: Any
    status: int | None


class Senders:
    """All three; each method returns the last status, or None if nobody answered.

    `ci_token` is a token, or makes one for a run, as the OIDC issuer does. Delivery ids differ from start to start, so
    that a bot which remembers the last world does not take this one for a repetition; `seed` makes them the same.
    """

    def __init__(
        self,
        url: str,
        *,
        github_secret: str,
        argocd_token: str,
        ci_token: str | Callable[[Run], str],
        seed: str | None = None,
        retry_wait: float = 1.0,
    ) -> None:
        self.url = url
        self.sent: list[Sent] = []
        self._github_secret = github_secret
        self._argocd_token = argocd_token
        self._ci_token = ci_token
        self._seed = seed or str(uuid4())
        self._retry_wait = retry_wait
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session:
            await self._session.close()
            self._session = None

    async def github(
        self, event: str, body: Json | bytes, *, secret: str | None = None, delivery: str | None = None
    ) -> int | None:
        """One webhook delivery; a `delivery` given again is a redelivery. Bytes are sent and signed as they are."""
        content = body if isinstance(body, bytes) else _encode(body)
        delivery = delivery or str(uuid5(NAMESPACE_URL, f"{self._seed}/{len(self.sent)}"))
        headers = {
            "User-Agent": "GitHub-Hookshot/0f2d8f1",
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-GitHub-Hook-ID": str(HOOK_ID),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
            "X-Hub-Signature-256": sign(content, secret or self._github_secret),
        }
        return await self._post("/webhooks/github", content, headers, event=event, delivery=delivery, body=body)

    async def argocd(self, body: Json, *, token: str | None = None) -> int | None:
        """One notification, tried again as Argo CD does."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token or self._argocd_token}"}
        status = None
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._retry_wait)
            status = await self._post("/webhooks/argocd", _encode(body), headers, event="argocd", body=body)
            if status is not None and status != 429 and status < 500:
                break
        return status

    async def ci(self, body: Json, *, run: Run | None = None, token: str | None = None) -> int | None:
        """One report of a run; the run is for whom a token is made."""
        if token is None:
            token = self._ci_token if isinstance(self._ci_token, str) else self._ci_token(run) if run else ""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        return await self._post("/webhooks/ci", _encode(body), headers, event="ci", body=body)

    async def _post(
        self, path: str, content: bytes, headers: dict[str, str], *, event: str, body: Any, delivery: str | None = None
    ) -> int | None:
        if self._session is None:
            raise RuntimeError("the senders speak inside `async with` only")
        status: int | None = None
        try:
            async with self._session.post(f"{self.url}{path}", data=content, headers=headers) as response:
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError):
            status = None
        self.sent.append(Sent(event=event, delivery=delivery, body=body, status=status))
        return status


def sign(content: bytes, secret: str) -> str:
    """The value of `X-Hub-Signature-256`."""
    return f"sha256={hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()}"


def _encode(body: Json) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
