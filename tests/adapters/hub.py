"""GitHub's stand-in for the adapters' tests, the adapter in front of it, and one change made again and again."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from bot.adapters import kustomization
from bot.adapters.github import GitHub
from bot.adapters.github_files import change_file
from bot.adapters.github_writes import Written
from bot.domain import commits
from bot.domain.commits import Signature
from sandbox.github import Github
from sandbox.world import World

REPOSITORY = "ORGANIZATION/project-ticketing"
OVERLAY = "k8s/overlays/prod/kustomization.yaml"
OPERATION = "5f0c1c62-3f6e-4b5f-9a53-1f2f6f2b7a10"
TAG = "a1b2c3d-20260105-143022"
SERVICES = ("backend", "auth-service", "ticket-service", "payment-service", "stats-service")


class Scripted(Github):
    """GitHub's stand-in; while `answers` last, they are given in place of its own, to requests of `method` if set."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.answers: list[web.Response] = []
        self.method = ""

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        if self.answers and self.method in ("", request.method):
            return self.answers.pop(0)
        return await super().intercept(request)

    @property
    def asked(self) -> list[str]:
        """Method and path below the repository of every request so far."""
        return [f"{item.method} {item.path.removeprefix(f'/repos/{REPOSITORY}')}" for item in self.requests]

    @property
    def wrote(self) -> list[str]:
        """The same, of those that are no reads."""
        return [asked for asked in self.asked if not asked.startswith("GET ")]


@asynccontextmanager
async def connected(server: Scripted, **options: Any) -> AsyncIterator[GitHub]:
    """An adapter that repeats once, and so never waits between tries."""
    defaults: dict[str, Any] = {
        "token": lambda: SecretStr(server.token),
        "retries": 1,
        "backoff": 0.001,
        "repository": REPOSITORY,
    }
    adapter = GitHub(url=server.url, **(defaults | options))
    try:
        yield adapter
    finally:
        await adapter.aclose()


def signed(operation: str = OPERATION) -> Signature:
    return Signature(operation=operation, requested_by="minji", requester_id=7, approved_by=("jisoo",))


def message(service: str = "ticket-service", *, tag: str = TAG, operation: str = OPERATION) -> str:
    return commits.deploying(service=service, tag=tag, environment="prod", signature=signed(operation))


def tagged(service: str = "ticket-service", *, tag: str = TAG) -> Callable[[str], str]:
    """The change that writes the tag."""
    return lambda text: kustomization.with_tag(text, image=service, tag=tag)


def tags(world: World, revision: str = "main") -> dict[str, str]:
    """What the production overlay asks for at a branch or revision."""
    text = world.git.find(revision).tree[OVERLAY]
    return {service: kustomization.tag_of(text, image=service) for service in SERVICES}


def made_by(world: World, operation: str = OPERATION, *, branch: str = "main") -> list[str]:
    """The revisions of an operation's commits on the branch, newest first."""
    return [item.sha for item in world.git.history(branch) if commits.carries(item.message, operation=operation)]


async def deploy(
    github: GitHub, service: str = "ticket-service", *, operation: str = OPERATION, **more: Any
) -> Written:
    """Write the tag of the service into the overlay of production."""
    wanted: dict[str, Any] = {"change": tagged(service), "branch": "main", "path": OVERLAY} | more
    return await change_file(github, message=message(service, operation=operation), operation=operation, **wanted)
