"""A bot that only takes deliveries in: the server, the recorder and a database, and somebody who knocks."""

import asyncio
import hashlib
import hmac
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import aiohttp
from sqlalchemy import text

from bot.storage import deliveries
from bot.storage.deliveries import Delivery
from bot.storage.engine import Connection, Database
from bot.storage.recorder import Recorder
from bot.webhooks import server
from bot.webhooks.receipt import Proofs, VerifyOidc

NEW, OLD = "the new secret", "the old secret"
ARGOCD, CI = "argocd-token", "ci-token"
NOON = datetime(2026, 8, 22, 12, 0, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a request got."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Doors:
    """The running server.

    `outcomes` is what metrics would be told, `heard` is set with each of them, `missing` is what /readyz says.
    """

    url: str
    session: aiohttp.ClientSession
    database: Database
    outcomes: list[tuple[str, str]] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    missing: dict[str, str] = field(default_factory=dict)

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """Any request; the answer has to be JSON."""
        async with self.session.request(method, f"{self.url}{path}", **options) as response:
            assert response.content_type == "application/json"
            return Answer(status=response.status, body=await response.json(), headers=response.headers)

    async def github(
        self,
        body: bytes,
        *,
        event: str = "push",
        delivery: str | None = None,
        secret: str = NEW,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """A delivery as GitHub sends it; `headers` replace some of its own, None takes one away."""
        sent = {
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery or str(uuid4()),
            "X-GitHub-Hook-ID": "42",
            "X-Hub-Signature-256": sign(body, secret),
            **(headers or {}),
        }
        return await self.post("github", body, sent)

    async def report(self, sender: str, body: bytes, *, token: str, content_type: str = "application/json") -> Answer:
        """A delivery of Argo CD or of the pipeline."""
        return await self.post(sender, body, {"Content-Type": content_type, "Authorization": f"Bearer {token}"})

    async def post(self, sender: str, body: bytes, headers: Mapping[str, str | None]) -> Answer:
        """A request with these headers and no others that matter."""
        present = {name: value for name, value in headers.items() if value is not None}
        return await self.request(
            "POST", f"/webhooks/{sender}", data=io.BytesIO(body), headers=present, skip_auto_headers=["Content-Type"]
        )

    async def stored(self) -> list[Delivery]:
        """What is in the database and not worked off."""
        return await deliveries.take(self.database, limit=1000)


def sign(body: bytes, secret: str) -> str:
    """The value of `X-Hub-Signature-256`."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


@asynccontextmanager
async def opened(
    database: Database,
    *,
    github: tuple[str, ...] = (NEW, OLD),
    argocd: str | None = ARGOCD,
    ci: str | None = CI,
    verify_oidc: VerifyOidc | None = None,
) -> AsyncIterator[Doors]:
    """Doors with these secrets, before a database that has its schema."""
    outcomes: list[tuple[str, str]] = []
    heard = asyncio.Event()
    missing: dict[str, str] = {}

    def on_delivery(source: str, outcome: str) -> None:
        outcomes.append((source, outcome))
        heard.set()

    async def health() -> dict[str, object]:
        return {"schema": "1"}

    async def ready() -> dict[str, str]:
        return missing

    recorder = Recorder(database)
    writing = asyncio.create_task(recorder.run())
    app = server.build(
        recorder=recorder,
        proofs=lambda: Proofs(
            github=tuple(secret.encode() for secret in github),
            argocd=(argocd.encode(),) if argocd else (),
            ci=(ci.encode(),) if ci else (),
        ),
        verify_oidc=verify_oidc,
        health=health,
        ready=ready,
        metrics=lambda: b"up 1\n",
        clock=lambda: NOON,
        on_delivery=on_delivery,
    )
    async with server.serve(app, host="127.0.0.1", port=0) as port, aiohttp.ClientSession() as session:
        yield Doors(
            url=f"http://127.0.0.1:{port}",
            session=session,
            database=database,
            outcomes=outcomes,
            heard=heard,
            missing=missing,
        )
    writing.cancel()
    await asyncio.wait([writing])


@asynccontextmanager
async def out_of_reach(database: Database) -> AsyncIterator[Connection]:
    """Somebody else holds the table."""
    async with database.transaction() as connection:
        if connection.dialect.name == "postgresql":
            await connection.execute(text("LOCK TABLE deliveries"))
        yield connection
