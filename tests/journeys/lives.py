"""A life of the bot that ends right after one commit, as if the machine had lost its power there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import event

from bot.app import App
from bot.storage.engine import Connection, Database
from sandbox.scene import Scene

_ONLY_HERE = ("UPDATE applications", "INSERT INTO applications", "UPDATE operations SET claimed")
"""What is written every moment and says no more than "seen" and "still here"."""


class Mortal(Database):
    """A database handle that lets its users make `left` more commits of consequence, and none after these.

    They end as a killed process ends them in `Scene.kill`: by cancellation, which no handler of the bot's takes for a
    failure. Whoever waits for `dead` kills the rest.
    """

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.left: int | None = None
        self.dead = asyncio.Event()

    @asynccontextmanager
    async def transaction(self, *wakes: str) -> AsyncIterator[Connection]:
        """As always, until the last one is made."""
        self._breathe()
        of_consequence = False

        def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            nonlocal of_consequence
            changes = statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE"))
            of_consequence |= changes and not statement.lstrip().startswith(_ONLY_HERE)

        async with super().transaction(*wakes) as connection:
            event.listen(connection.sync_connection, "before_cursor_execute", look)
            yield connection
            self._breathe()
        if self.left is not None and of_consequence:
            self.left -= 1
            self._breathe()

    def _breathe(self) -> None:
        if self.left == 0:
            self.dead.set()
            raise asyncio.CancelledError


async def start_mortal(scene: Scene) -> Mortal:
    """Start the stopped bot on a database handle that can die."""
    database = Mortal(scene.settings.database_url.get_secret_value())
    await scene.start(partial(App, database=database))
    return database


async def resend(scene: Scene) -> None:
    """Send again, in order, what was not accepted: what a person does with GitHub's list of failed deliveries."""
    accepted = {repr(sent.body) for sent in scene.senders.sent if sent.status == 202}
    missed = {repr(sent.body): sent for sent in scene.senders.sent if sent.event != "argocd"}
    for body, sent in missed.items():
        if body in accepted:
            continue
        if sent.event == "ci":
            await scene.senders.ci(sent.body, run=scene.world.actions.runs[sent.body["run_id"]])
        else:
            await scene.senders.github(sent.event, sent.body, delivery=sent.delivery)
