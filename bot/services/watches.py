"""Watching Argo CD: what changes there is read again at once, without waiting for a notification or a timer.

A watch lists, hints at every environment whose Application looks otherwise than when it was seen last, and then follows
the stream. The stream has no replay and loses events when its reader is slow, so after every cut, every
error and every few minutes it is listed again. It only hints; what is said about an Application is read.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError
from bot.adapters.argocd_watch import Seen
from bot.domain.catalog import Environment
from bot.storage import applications
from bot.storage.engine import Database

AT_LEAST = timedelta(minutes=5)
LONGEST = timedelta(minutes=1)
_DOUBLINGS = 10

log = structlog.get_logger(__name__)

Observe = Callable[[str, str], None]
"""Told of what a watch brought: the Argo CD's name, and `listed`, `changed`, `ended` or the code of a reason."""


class Watch:
    """One Argo CD's watch, of the Applications of these environments and of no others."""

    def __init__(
        self,
        database: Database,
        *,
        name: str,
        argocd: ArgoCD,
        environments: Collection[Environment],
        clock: Callable[[], datetime],
        observe: Observe,
        pause: timedelta,
    ) -> None:
        self._database = database
        self._name = name
        self._argocd = argocd
        self._places = {place.application: place.name for place in environments}
        self._clock = clock
        self._observe = observe
        self._pause = pause
        self._known: dict[str, str | None] = {}

    async def run(self) -> None:
        """Watch until cancelled. An Argo CD that does not answer is tried again, more and more seldom."""
        failures = 0
        while True:
            try:
                await self._watch()
                failures = 0
                self._observe(self._name, "ended")
            except ArgocdError as error:
                failures += 1
                log.warning("watch.ended", argocd=self._name, reason=error.reason, answer=error.log)
                self._observe(self._name, error.reason)
            pause = min(self._pause * 2 ** min(failures, _DOUBLINGS), LONGEST)
            await asyncio.sleep(pause.total_seconds())

    async def _watch(self) -> None:
        """List, and follow the stream until it ends or it is time to list again."""
        listed = await self._argocd.fingerprints()
        self._observe(self._name, "listed")
        gone = (Seen(application=name, fingerprint=None) for name in self._known.keys() - listed.keys())
        there = (Seen(application=name, fingerprint=mark) for name, mark in listed.items())
        await self._hint([*gone, *there])
        try:
            async with asyncio.timeout(AT_LEAST.total_seconds()):
                async for seen in self._argocd.watch():
                    await self._hint([seen])
        except TimeoutError:
            return  # It was quiet or fine; either way a fresh list says what the stream may have dropped.

    async def _hint(self, found: Iterable[Seen]) -> None:
        """Have the environments of what looks otherwise than before read soon."""
        changed = [
            seen
            for seen in found
            if seen.application in self._places and self._known.get(seen.application, "") != seen.fingerprint
        ]
        if not changed:
            return
        now = self._clock()
        async with self._database.transaction("applications") as connection:
            for seen in changed:
                await applications.hint(connection, self._places[seen.application], now=now)
        self._known |= {seen.application: seen.fingerprint for seen in changed}
        for _ in changed:
            self._observe(self._name, "changed")
