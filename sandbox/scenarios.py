"""The stories the sandbox can tell, each with its recovery; `STORIES` are the ones that can be played by name.

A story ends when the world has done what it can without a person: a story in production ends while the approval waits.
"""

import contextlib
from collections.abc import Awaitable, Callable

from sandbox.deployments import Breakage
from sandbox.pipeline import Pipeline, Ran

SETTLING = 120  # Seconds that the world may take to do what it does by itself, at a human pace.
PATIENCE = 3600  # Seconds that a person may take.
CHANCE = 15  # Steps of the pipeline in which a person may have a failed run run again, before its author does.
APPLY_FAILED = (
    "one or more objects failed to apply, reason: admission webhook "
    '"validate.policies.tiketi.com" denied the request: image must come from ECR'
)


async def staging(pipeline: Pipeline, *, service: str = "ticket-service", environment: str = "staging") -> Ran:
    """A push that goes all the way by itself."""
    ran = await pipeline.run(service, environment, author="hyunwoo", subject="feat: hold a seat for ten minutes")
    await pipeline.world.settle(within=SETTLING)
    return ran


async def production(pipeline: Pipeline, *, service: str = "ticket-service", environment: str = "prod") -> Ran:
    """A push to production, which waits for a person."""
    return await pipeline.run(service, environment, author="minji", subject="fix: hold a seat for ten minutes")


async def stranger(pipeline: Pipeline, *, service: str = "payment-service", environment: str = "prod") -> Ran:
    """A push by somebody whom the bot does not know, so nobody can approve it, beside one that waits already."""
    return await pipeline.run(service, environment, author="taeyang", subject="fix: round down to whole won")


async def failing_build(pipeline: Pipeline, *, service: str = "backend", environment: str = "staging") -> Ran:
    """A build that fails, and passes when it is run again: by whoever presses Run again, or else by minji."""
    world, subject = pipeline.world, "build: move to Node 24"
    ran = await pipeline.run(service, environment, author="sora", subject=subject, fail_at="build")
    with contextlib.suppress(TimeoutError):
        await world.until(lambda: ran.run.attempt > 1, within=CHANCE * pipeline.pace)
    if ran.run.attempt == 1:
        ran = await pipeline.rerun(ran, author="minji")
    await world.until(lambda: ran.run.status == "completed", within=PATIENCE)
    await world.settle(within=SETTLING)
    return ran


async def failing_scan(pipeline: Pipeline, *, service: str = "auth-service", environment: str = "staging") -> Ran:
    """A scanner that cannot be reached; the next push finds more than anybody wants."""
    await pipeline.run(service, environment, author="jisoo", subject="chore: renew the base image", fail_at="scan")
    subject = "chore: use the mirror of the vulnerability database"
    ran = await pipeline.run(service, environment, author="jisoo", subject=subject, critical=1, high=14)
    await pipeline.world.settle(within=SETTLING)
    return ran


async def failed_sync(pipeline: Pipeline, *, service: str = "payment-service", environment: str = "staging") -> Ran:
    """A sync that the cluster refuses; the next commit syncs, the policy having been mended.

    In production it goes on once a person has had it synced, and it has failed.
    """
    world, app = pipeline.world, pipeline.world.application(environment)
    last = app.operation_state
    app.faults.sync_error = APPLY_FAILED
    try:
        await pipeline.run(service, environment, author="hyunwoo", subject="feat: refund in instalments")
        await world.until(lambda: app.phase == "Failed" and app.operation_state is not last, within=PATIENCE)
        await world.settle(within=SETTLING)
    finally:
        app.faults.sync_error = None
    ran = await pipeline.run(service, environment, author="hyunwoo", subject="fix: name the registry in full")
    await world.settle(within=SETTLING)
    return ran


async def degraded_rollout(pipeline: Pipeline, *, service: str = "stats-service", environment: str = "staging") -> Ran:
    """An image that crashes at its start; the next one runs. In production it waits for a person like `failed_sync`."""
    world, item = pipeline.world, pipeline.world.deployment(environment, service)
    subject = "perf: keep a pool of connections"
    await pipeline.run(service, environment, author="sora", subject=subject, breakage=Breakage())
    await world.until(lambda: item.exceeded, within=PATIENCE)
    await world.settle(within=SETTLING)
    ran = await pipeline.run(service, environment, author="sora", subject="fix: wait for the database")
    await world.settle(within=SETTLING)
    return ran


STORIES: dict[str, Callable[[Pipeline], Awaitable[Ran]]] = {
    "staging": staging,
    "production": production,
    "a stranger in production": stranger,
    "failing build": failing_build,
    "failing scan": failing_scan,
    "failed sync": failed_sync,
    "degraded rollout": degraded_rollout,
}
