"""The last words of a pod that does not run: those of the container that crashed, wherever the cluster keeps them."""

from dataclasses import replace

import pytest

from bot.services import evidence
from sandbox.deployments import CRASH_LOGS, Breakage
from sandbox.world import World
from tests.services.house import TICKETS, Bot


async def words(bot: Bot, *, reason: str | None, restarts: int) -> tuple[str, ...]:
    """What is gathered when one pod of the service is seen like this."""
    prod = bot.catalog.environments["prod"]
    event = await bot.observer.observe(prod)
    assert event is not None
    [seen] = [workload for workload in event.workloads if workload.service == TICKETS]
    hindered = replace(seen.pods[0], ready=False, reason=reason, restarts=restarts)
    event = replace(event, workloads=(replace(seen, pods=(hindered, *seen.pods[1:])),))
    found = await evidence.gather(bot.clusters, prod, event=event, services={TICKETS})
    return tuple(line.replace(hindered.name, "POD") for line in found)


def asked(bot: Bot) -> list[str]:
    """Which log each request was about."""
    looks = [request for request in bot.outside.cluster.requests if request.path.endswith("/log")]
    return ["previous" if "previous" in request.query else "present" for request in looks]


@pytest.mark.parametrize(
    ("reason", "restarts", "logs"),
    [
        ("OOMKilled", 0, ["previous", "present"]),
        ("Error", 0, ["previous", "present"]),
        ("OOMKilled", 2, ["previous"]),
        ("CrashLoopBackOff", 2, ["previous"]),
        ("ReadinessProbeFailed", 2, ["present"]),
    ],
)
async def test_a_crashed_pod_is_asked_for_its_earlier_log_and_else_for_its_present_one(
    bot: Bot, world: World, reason: str, restarts: int, logs: list[str]
) -> None:
    deployment = world.deployment("prod", TICKETS)
    for pod in deployment.pods:
        pod.restarts, pod.breakage = restarts, Breakage()
    first, *rest = await words(bot, reason=reason, restarts=restarts)
    assert first == f"POD: {reason}"
    assert tuple(rest) == CRASH_LOGS
    assert asked(bot) == logs


async def test_without_any_log_the_reason_stays(bot: Bot, world: World) -> None:
    for pod in world.deployment("prod", TICKETS).pods:
        pod.breakage = Breakage(reason="ImagePullBackOff")
    assert await words(bot, reason="OOMKilled", restarts=0) == ("POD: OOMKilled",)
    assert await words(bot, reason=None, restarts=0) == ()
