"""Slow motion: the world takes its next step only after the bot has shown the last one.

At full speed the board rightly leaves out what was over before it could be written. Here every state is shown, so
that the whole sequence can be asserted.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sandbox.actions import Run
from sandbox.manifests import Json
from sandbox.scene import ARGOCD_TOKEN, SECRET, Scene
from sandbox.senders import Senders
from tests.journeys.rows import Rows

NEVER = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowMotion:
    """The world, one step at a time."""

    scene: Scene
    rows: Rows

    async def step(self, environment: str) -> None:
        """Let every controller take one step, and wait until the bot has looked and has shown what it saw."""
        at = self.scene.clock()
        self.scene.world.tick()
        await self.scene.notifications.sent()
        await self.rows.observed(environment, after=at)
        await self.rows.quiet()

    async def until(self, environment: str, what: Callable[[], object]) -> None:
        """Step until it is so."""
        for _ in range(100):
            if what():
                return
            await self.step(environment)
        raise TimeoutError("not after 100 steps")


@asynccontextmanager
async def slowly(scene: Scene, rows: Rows) -> AsyncIterator[SlowMotion]:
    """Stop the world's own steps, and have the pipeline wait after each of its reports."""
    scene.world.pace = NEVER
    senders = _Waiting(scene, then=rows.quiet)
    async with senders:
        scene.pipeline.senders = senders
        yield SlowMotion(scene=scene, rows=rows)


class _Waiting(Senders):
    """Sends as the others do, and returns when everything that was sent has been shown."""

    def __init__(self, scene: Scene, *, then: Callable[[], Awaitable[None]]) -> None:
        super().__init__(scene.senders.url, github_secret=SECRET, argocd_token=ARGOCD_TOKEN, ci_token=scene.oidc.token)
        self._then = then

    async def github(
        self, event: str, body: Json | bytes, *, secret: str | None = None, delivery: str | None = None
    ) -> int | None:
        status = await super().github(event, body, secret=secret, delivery=delivery)
        await self._then()
        return status

    async def ci(self, body: Json, *, run: Run | None = None, token: str | None = None) -> int | None:
        status = await super().ci(body, run=run, token=token)
        await self._then()
        return status
