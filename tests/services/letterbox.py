"""What the outside says to the bot, kept as letters instead of being sent, so that a test decides when they arrive."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.storage.engine import Database
from bot.storage.recorder import Recorder
from sandbox.pipeline import Pipeline
from sandbox.senders import Senders, Sent
from sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One delivery, as the doors store it."""

    source: str
    key: str
    headers: Mapping[str, str]
    body: bytes


class Letterbox(Senders):
    """The three senders, with a box in place of the bot."""

    def __init__(self) -> None:
        super().__init__("", github_secret="s", argocd_token="t", ci_token="c")
        self.letters: list[Letter] = []

    def empty(self) -> list[Letter]:
        """Everything in the box, which is empty then."""
        letters, self.letters = self.letters, []
        return letters

    async def _post(
        self, path: str, content: bytes, headers: dict[str, str], *, event: str, body: Any, delivery: str | None = None
    ) -> int | None:
        key = delivery or hashlib.sha256(content).hexdigest()
        kept = {"event": event, "content-type": "application/json"}
        self.letters.append(Letter(source=path.rpartition("/")[2], key=key, headers=kept, body=content))
        self.sent.append(Sent(event=event, delivery=delivery, body=body, status=202))
        return 202


def pipeline(world: World) -> tuple[Pipeline, Letterbox]:
    """A pipeline of that world, and the box its reports go to."""
    box = Letterbox()
    return Pipeline(world, box, pace=0), box


def letter(source: str, body: Mapping[str, Any], *, key: str, event: str = "") -> Letter:
    """A letter that no stand-in writes."""
    return Letter(source=source, key=key, headers={"event": event}, body=json.dumps(body).encode())


async def deliver(database: Database, letters: Iterable[Letter], *, at: datetime) -> None:
    """Put the letters before the bot, in this order."""
    recorder = Recorder(database)
    running = asyncio.create_task(recorder.run())
    for one in letters:
        await recorder.record(source=one.source, key=one.key, headers=one.headers, body=one.body, received_at=at)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
