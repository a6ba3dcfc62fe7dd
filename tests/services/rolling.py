"""Going back on prod: asked by Hyunwoo, approved by Minji."""

from datetime import timedelta
from typing import Any

from bot.domain.operations import Operation, OperationState, Way
from bot.domain.reasons import Reason
from bot.domain.rollbacks import Plan
from bot.services import locks
from sandbox.world import World
from tests.services.house import HYUNWOO, TICKETS, Bot

WHY = "payments fail"


async def chosen(bot: Bot, tag: str, way: Way = Way.TAG, *, environment: str = "prod", **more: bool) -> Operation:
    """Hyunwoo chooses a way back, and nobody has looked at it yet."""
    return await bot.planner.order(
        environment=environment,
        service=TICKETS,
        tag=tag,
        way=way,
        why=WHY,
        actor=HYUNWOO,
        now=bot.clock(),
        **more,
    )


async def ordered(bot: Bot, tag: str, way: Way = Way.TAG, **more: Any) -> Operation:
    """Hyunwoo chooses a way back on prod, and it is put before people."""
    return await bot.step(await chosen(bot, tag, way, **more))


async def begun(bot: Bot, operation: Operation) -> Operation:
    """The operation after consent, as far as it gets without the world."""
    current = await bot.approve(operation)
    while current.state in (OperationState.APPROVED, OperationState.DISPATCHING):
        before, current = current, await bot.step(current)
        assert current != before, current
    return current


async def carried_out(bot: Bot, operation: Operation) -> Operation:
    """The operation after consent, once the world has come to rest."""
    return await bot.followed(await begun(bot, operation))


async def unlocked(bot: Bot) -> None:
    """Hyunwoo opens the lock that his rollback left behind."""
    await locks.unlock(bot.database, environment="prod", service=TICKETS, actor=HYUNWOO, reason="", now=bot.clock())


async def seen(bot: Bot, environment: str = "prod") -> None:
    """The bot looks at an environment."""
    await bot.observer.observe(bot.catalog.environments[environment])


async def synced(world: World) -> None:
    """Somebody syncs all of prod, which leaves an entry in Argo CD's history."""
    world.operate("prod")
    await world.settle()


def running(world: World, service: str = TICKETS, environment: str = "prod") -> set[str]:
    """The tags that pods run."""
    return {pod.image.rpartition(":")[2] for pod in world.deployment(environment, service).pods}


async def two(bot: Bot, world: World) -> tuple[str, str]:
    """Two releases of prod, one after the other; the first one is in Argo CD's history."""
    first = await bot.deployed()
    await synced(world)
    second = await bot.deployed()
    bot.clock.advance(timedelta(minutes=10))  # the world gives every event a second, and so runs ahead
    await seen(bot)
    return first, second


def refusals(plan: Plan) -> dict[Way, Reason | None]:
    """Why each way of a plan is not there."""
    return {offer.way: offer.refused.reason if offer.refused else None for offer in plan.offers}
