"""The clusters' stand-in for the adapters' tests."""

from aiohttp import web

from sandbox.cluster import Cluster
from sandbox.world import World


class Scripted(Cluster):
    """The clusters' stand-in; while `answers` last, they are given in place of its own."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.answers: list[web.Response] = []

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        return self.answers.pop(0) if self.answers else await super().intercept(request)
