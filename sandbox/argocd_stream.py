"""Argo CD's watch: the changes of Applications as an event stream, or as lines where none was asked for.

Frames and their separators are those of argoproj/pkg's forwarder. Nothing is sent, not even headers, before the first
byte; a comment every `heartbeat` seconds is the stream's pulse, and only an event stream has one.
"""

import asyncio
import json
from collections.abc import Callable, Iterator

from aiohttp import web

from sandbox.applications import Application
from sandbox.argocd_views import copy_path
from sandbox.faults import ArgocdFaults
from sandbox.manifests import Json

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
        self._fields = [path.split(".") for path in filter(None, request.query.get("fields", "").split(","))]
        self._sent = 0

    async def run(self, visible: Callable[[], list[Application]], *, heartbeat: float) -> web.StreamResponse:
        """Tell every change of what is visible until the client goes, or a fault ends it."""
        since, name = self._request.query.get("resourceVersion"), self._request.query.get("name")
        known: _Versions = {}
        if since and not name:
            known = {app.name: (app.uid, app.version) for app in visible()}  # a lower bound, and no replay
        silent = 0.0
        while not self._over():
            for kind, document in _changes(visible(), known, name=name):
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
        # The filter drops what it does not name, and an error is an object whose keys nobody names.
        chosen = {} if last and self._fields else _selected(frame, self._fields)
        text = json.dumps(chosen, separators=(",", ":"))
        end = "\n\n" if last else "\n\n\n"
        await self._write((f"data: {text} {end}" if self._events else f"{text}\n").encode())
        self._sent += 1

    async def _write(self, content: bytes) -> None:
        if not self._response.prepared:
            await self._response.prepare(self._request)
        if content:
            await self._response.write(content)


def _selected(frame: Json, fields: list[list[str]]) -> Json:
    """The parts of the frame that the paths name; all of it when there are none."""
    if not fields:
        return frame
    result: Json = {}
    for path in fields:
        copy_path(frame, result, path)
    return result


def _changes(apps: list[Application], known: _Versions, *, name: str | None) -> Iterator[tuple[str, Json]]:
    """What changed since `known`, which is brought up to date."""
    present = {app.name: app for app in apps if name in (None, app.name)}
    for gone in known.keys() - present.keys():
        del known[gone]
        yield "DELETED", {"metadata": {"name": gone}}
    for app in present.values():
        version = (app.uid, app.version)
        if known.get(app.name) != version:
            kind = "MODIFIED" if app.name in known else "ADDED"
            known[app.name] = version
            yield kind, app.document()
