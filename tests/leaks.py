"""Whatever a test of the whole bot brings forth is searched for every secret that its process held.

A secret is what became a `SecretStr`, a token of the pipeline, or the token of the cluster. Searched are the log, the
bot's database, everything that was said to Discord with its files, every answer of the bot's doors, and what the
command line printed, an export of the audit trail among it. What the bot sends to the systems outside is not: there the
secrets belong. `conftest.py` of the chat and of the journeys takes `nothing_leaks` in for each of their tests.
"""

import asyncio
import base64
import io
import json
import logging
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest
import simcord
import structlog
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import make_url, text

from bot.storage.engine import Database
from bot.webhooks import server
from sandbox.cluster import Cluster
from sandbox.oidc import Oidc
from tests.journeys.program import Said

SHORTEST = 8
"""Characters. What is shorter may be a word that stands somewhere by chance; no fixture's secret is."""


@dataclass(kw_only=True)
class Trace:
    """What a test held secret, and what it brought forth."""

    secrets: set[str] = field(default_factory=set)
    envs: list[simcord.Env] = field(default_factory=list)
    doors: list[str] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)
    log: io.StringIO = field(default_factory=io.StringIO)
    database_url: str | None = None

    def hide(self, secret: str) -> None:
        """Look for this one, too, unless it is an address of a database without a password."""
        if len(secret) >= SHORTEST and "://" not in secret:
            self.secrets.add(secret)

    def produced(self) -> Iterator[tuple[str, str]]:
        """Everything, each with where it is from."""
        yield "log", self.log.getvalue()
        yield "doors", "\n".join(self.doors)
        yield "command line", "\n".join(self.printed)
        for env in self.envs:
            yield "Discord", "\n".join(repr((one.path, one.params, one.json)) for one in env.http_requests)
            yield "files", "\n".join(file.decode(errors="replace") for file in env.backend.cdn._blobs.values())
        if self.database_url is not None:
            yield "database", rows(self.database_url)

    def found(self) -> list[tuple[str, str]]:
        """Where which secret is, as it is or in another spelling."""
        looked_for = [(secret, spellings(secret)) for secret in sorted(self.secrets)]
        return [
            (where, secret)
            for where, said in self.produced()
            for secret, written in looked_for
            if any(one in said for one in written)
        ]


def spellings(secret: str) -> set[str]:
    """How a text may be written in a log, an address, a document or a header, wherever it stands in what is encoded."""
    escaped = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    # Once more where a document stands in a document, or in what Python shows of one.
    known = {quote(secret, safe=""), *escaped, *(repr(one)[1:-1] for one in escaped)}
    for lead in range(3):
        encoded = base64.b64encode(b" " * lead + secret.encode()).decode()
        whole = encoded[(0, 2, 3)[lead] : (lead + len(secret.encode())) // 3 * 4]
        known |= {whole, whole.replace("+", "-").replace("/", "_")}
    return known


def rows(url: str) -> str:
    """Every value of every table of a database of the bot; nothing where there is no table yet."""
    known = make_url(url)
    if known.get_backend_name() == "sqlite":
        with sqlite3.connect(f"file:{known.database}?mode=ro", uri=True) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            found = [connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in tables]  # noqa: S608
        connection.close()
        return repr(found)
    with ThreadPoolExecutor(1) as thread:  # the loop of the test is not over in every test
        return thread.submit(asyncio.run, _read(url)).result()


async def _read(url: str) -> str:
    database = Database(url)
    async with database.reading() as connection:
        names = await connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        found = [(await connection.execute(text(f'SELECT * FROM "{name}"'))).all() for name in names.all()]  # noqa: S608
    await database.close()
    return repr(found)


@pytest.fixture(autouse=True)
def nothing_leaks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trace]:
    """Fail a test in whose process a secret got somewhere where it does not belong."""
    trace = Trace()
    if "database_url" in request.fixturenames:
        trace.database_url = request.getfixturevalue("database_url")
    _after(monkeypatch, SecretStr, "__init__", lambda secret, _: trace.hide(secret.get_secret_value()))
    _after(monkeypatch, Oidc, "token", lambda _, token: trace.hide(token))
    _after(monkeypatch, Cluster, "__init__", lambda cluster, _: trace.hide(cluster.token))
    _after(monkeypatch, simcord.Env, "__init__", lambda env, _: trace.envs.append(env))
    _after(monkeypatch, server, "build", lambda _, app: app.on_response_prepare.append(_heard(trace)))
    _after(monkeypatch, Said, "__init__", lambda said, _: trace.printed.extend((said.out, said.problems)))
    handler = logging.StreamHandler(trace.log)
    logging.getLogger().addHandler(handler)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=repr, ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(trace.log),
        cache_logger_on_first_use=False,
    )
    yield trace
    structlog.reset_defaults()
    logging.getLogger().removeHandler(handler)
    print(trace.log.getvalue())  # noqa: T201 - pytest shows it where the test failed
    found = trace.found()
    if found:
        pytest.fail(f"secrets got out: {found}")


def _after(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, look: Callable[[Any, Any], object]) -> None:
    """Have `look` see the first argument and the result of whatever calls this."""
    real = getattr(owner, name)

    def called(*args: Any, **options: Any) -> Any:
        result = real(*args, **options)
        look(args[0] if args else None, result)
        return result

    monkeypatch.setattr(owner, name, called)


def _heard(trace: Trace) -> Callable[[web.Request, web.StreamResponse], Any]:
    """Keeps what a door answers, right before it goes out."""

    async def keep(_request: web.Request, response: web.StreamResponse) -> None:
        body = response.text if isinstance(response, web.Response) else ""
        trace.doors.append(f"{response.status} {dict(response.headers)} {body}")

    return keep
