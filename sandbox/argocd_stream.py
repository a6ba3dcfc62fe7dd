"""Argo CD's watch: the changes of Applications as an event stream, or as lines where none was asked for.

Frames and their separators are those of argoproj/pkg's forwarder. Nothing is sent, not even headers, before the first
byte; a comment every `heartbeat` seconds is the stream's pulse, and only an event stream has one.
"""

import asyncio
import json
from collections.abc import Iterator

from aiohttp import web

from sandbox.applications import Application
from sandbox.faults import ArgocdFaults
from sandbox.manifests import Json
from sandbox.world import World

STEP = 0.02
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
_Versions = dict[str, tuple[str, int]]


class Stream:
    """One watcher: what it was told so far, and how it is told."""

    def __init__(self, request: web.Request, *, faults: ArgocdFaults) -> None:
        self._request = request
        self._faults = faults
        self._events = "text/event-stream" in request.headers.get("Accept", "")
        kind = "text/event-stream" if self._events else "application/json"
        self._response = web.StreamResponse(headers={**HEADERS, "Content-Type": kind})
        self._sent = 0

    async def run(self, world: World, *, visible: frozenset[str], heartbeat: float) -> web.StreamResponse:
        """Tell every change until the client goes, or a fault ends it."""
        since, name = self._request.query.get("resourceVersion"), self._request.query.get("name")
        known: _Versions = {}
        if since and not name:
            known = {app.name: (app.uid, app.version) for app in _apps(world, visible) if app.version <= int(since)}
        silent = 0.0
        while not self._over():
            for kind, document in _changes(world, visible, known, name=name):
                await self._tell({"result": {"type": kind, "application": document}})
                silent = 0.0
                if self._over():
                    break
            await asyncio.sleep(STEP)
            silent += STEP
            if self._events and silent >= heartbeat and not self._faults.stream_silent:
                await self._write(b":\n")
                silent = 0.0
        if self._faults.stream_error:
            code, status, words, message = self._faults.stream_error
            error = {"grpc_code": code, "http_code": status, "message": message, "http_status": words}
            await self._tell({"error": error}, last=True)
        await self._write(b"")
        return self._response

    def _over(self) -> bool:
        if self._faults.stream_silent:
            return False
        cut = self._faults.stream_cut
        return (cut is not None and self._sent >= cut) or (self._faults.stream_error is not None and self._sent > 0)

    async def _tell(self, frame: Json, *, last: bool = False) -> None:
        if self._faults.stream_silent:
            return
        text = json.dumps(frame, separators=(",", ":"))
        end = "\n\n" if last else "\n\n\n"
        await self._write((f"data: {text} {end}" if self._events else f"{text}\n").encode())
        self._sent += 1

    async def _write(self, content: bytes) -> None:
        if not self._response.prepared:
            await self._response.prepare(self._request)
        if content:
            await self._response.write(content)


def _changes(
    world: World, visible: frozenset[str], known: _Versions, *, name: str | None
) -> Iterator[tuple[str, Json]]:
    """What changed since `known`, which is brought up to date."""
    present = {app.name: app for app in _apps(world, visible) if name in (None, app.name)}
    for gone in known.keys() - present.keys():
        del known[gone]
        yield "DELETED", {"metadata": {"name": gone}}
    for app in present.values():
        version = (app.uid, app.version)
        if known.get(app.name) != version:
            kind = "MODIFIED" if app.name in known else "ADDED"
            known[app.name] = version
            yield kind, app.document()


def _apps(world: World, visible: frozenset[str]) -> list[Application]:
    return [app for name, app in world.applications.items() if name in visible]
