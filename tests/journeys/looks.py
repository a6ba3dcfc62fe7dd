"""Asking with /status and /refresh, and what all is well looks like."""

from simcord.results import InteractionResult

from sandbox.scene import Scene
from tests.journeys import seeing

EVERY = ("auth-service", "backend", "payment-service", "stats-service", "ticket-service")
REPLICAS = {"dev": 1, "staging": 2, "prod": 3}
NO_ENVIRONMENT = "There is no such environment. Pick one from the list that appears as you type."
SILENT = "Argo CD did not answer. Nothing was changed; try again when it is back."


def may_not(right: str) -> str:
    """What is said to somebody without a right: which roles have it."""
    roles = ["Developer", "Release manager", *(["Observer"] if right.endswith("view") else [])]
    return f"You do not have a role that may do this. {right} belongs to {', '.join(f'**@{role}**' for role in roles)}."


async def ask(scene: Scene, who: str, command: str, **options: str | bool) -> InteractionResult:
    """Somebody types a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


def fields(result: InteractionResult) -> dict[str, str]:
    """The title of a private answer's fields, each with its text."""
    seeing.answer(result)
    assert result.response is not None
    [embed] = result.response.message.embeds
    return {seeing.steady(field.name): seeing.steady(field.value) for field in embed.fields}


def healthy(scene: Scene, environment: str, *, last: str = "", newest: str = "") -> str:
    """The lines of an environment in which all is well, with who deployed each service `last`, or the `newest`."""
    pods = f"{REPLICAS[environment]}/{REPLICAS[environment]}"
    tags = scene.world.overlay(environment).tags
    lines = [f"✅ **{service}** {pods} `{tags[service][:7]}`{last}" for service in EVERY]
    lines += [f"deployed last: {newest}"] if newest else []
    return "\n".join([*lines, argocd(scene, environment)])


def argocd(scene: Scene, environment: str) -> str:
    """The line that says where the rest can be seen and how old this is."""
    return f"[Argo CD]({scene.argocd.url}/applications/tiketi-{environment}) read ⏱"
