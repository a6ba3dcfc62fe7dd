"""Databases that die or fail when a test says so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.storage.engine import Connection, Database


class Crash(BaseException):
    """The process is gone. No handler of the bot's may catch it, so it is no Exception."""


class Mortal(Database):
    """A database handle whose process dies right after a commit: the one after which no `lives` are left.

    Commits that wake nobody do not count: a worker makes one every moment, and all that it says is "still here".
    """

    lives: int | None = None

    @asynccontextmanager
    async def transaction(self, *wakes: str) -> AsyncIterator[Connection]:
        """As always, until the last life is gone; then nothing is written any more."""
        if self.lives == 0:
            raise Crash
        async with super().transaction(*wakes) as connection:
            yield connection
            if self.lives == 0:
                raise Crash
        if self.lives is not None and wakes:
            self.lives -= 1
            if self.lives == 0:
                raise Crash


class Flaky(Database):
    """A database handle whose next transactions fail before they begin."""

    failures = 0

    @asynccontextmanager
    async def transaction(self, *wakes: str) -> AsyncIterator[Connection]:
        """As always, once the failures are over."""
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the database went away")
        async with super().transaction(*wakes) as connection:
            yield connection
