"""Looking at production in an outage: the commands, asked and read, and a release that does not run."""

from typing import Any

from simcord.results import InteractionResult

from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import seeing

TICKETS = "ticket-service"
LOOKS: dict[str, dict[str, Any]] = {
    "pods": {"environment": "prod"},
    "logs": {"environment": "prod", "service": TICKETS},
    "events": {"environment": "prod"},
    "windows": {"environment": "prod"},
    "diff": {"environment": "prod"},
    "history": {"environment": "prod"},
}


async def ask(scene: Scene, command: str, who: str = "hyunwoo", **options: Any) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **{**LOOKS.get(command, {}), **options})


async def text(scene: Scene, command: str, who: str = "hyunwoo", **options: Any) -> tuple[str, str]:
    """Title and text of the answer."""
    return seeing.told(await ask(scene, command, who, **options))


async def broken(scene: Scene, reason: str = "CrashLoopBackOff") -> str:
    """A release of ticket-service that does not run; the name of its pod."""
    released = scene.world.release("prod", TICKETS)
    scene.world.breakages[released.tag] = Breakage(reason=reason, message="back-off 40s restarting failed container")
    scene.world.tick()
    scene.world.operate("prod")
    await scene.world.settle()
    deployment = scene.world.deployment("prod", TICKETS)
    [pod] = [pod for pod in deployment.updated if not pod.ready]
    return pod.name
