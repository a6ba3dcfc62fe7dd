"""What others hold up is looked at less and less often, and at once when the wait is over."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import rests
from bot.services.steps import PATIENCE
from sandbox.world import World
from tests.domain.examples import after, operation
from tests.services.house import QUICK, TICKETS, Bot
from tests.services.outside import Interrupted
from tests.services.waiting import eventually, working

LONG = 10**6
BACKEND = {"group": "apps", "kind": "Deployment", "name": "backend", "namespace": "tiketi"}
HELD_UP: dict[str, Any] = {
    "state": OperationState.APPROVED,
    "reason": Reason.OPERATION_IN_PROGRESS,
    "updated_at": after(0),
    "deadline": after(0) + PATIENCE,
}


@pytest.mark.parametrize(
    ("held_for", "seconds"), [(0, 0), (1, 1), (2, 2), (9.5, 9.5), (30, 30), (700, 30), (890, 10), (900, 0), (950, 0)]
)
def test_the_rest_is_as_long_as_it_has_been_held_up_and_ends_with_its_patience(held_for: float, seconds: float) -> None:
    found = rests.rest(operation(**HELD_UP), now=after(held_for))
    assert found == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({"reason": Reason.GITHUB_LIMITED, "state": OperationState.REQUESTED}, 20),
        ({"reason": Reason.REGISTRY_BUSY}, 20),
        ({"reason": Reason.PULL_REQUEST_OPEN, "pull_request": "https://github.com/x/y/pull/1"}, 30),
        ({"reason": Reason.STOPPED}, 0),
        ({"reason": None}, 0),
        ({"kind": OperationKind.TERMINATE}, 0),
        ({"state": OperationState.DISPATCHING}, 0),
        ({"state": OperationState.RUNNING}, 0),
    ],
)
def test_what_has_begun_what_stops_something_and_what_everybody_stopped_is_not_left_alone(
    changes: dict[str, Any], seconds: int
) -> None:
    assert rests.rest(operation(**HELD_UP | changes), now=after(20)) == timedelta(seconds=seconds)


@pytest.mark.parametrize("hindrance", [Reason.OPERATION_IN_PROGRESS, Reason.ARGOCD_UNREACHABLE])
async def test_it_goes_on_as_soon_as_argo_cd_shows_that_it_can(
    bot: Bot, world: World, argocd: Interrupted, hindrance: Reason
) -> None:
    world.release("prod", TICKETS)
    approved, place = await bot.approved(), bot.catalog.environments["prod"]
    world.application("prod").faults.run_ticks = LONG
    if hindrance is Reason.OPERATION_IN_PROGRESS:
        world.operate("prod", resources=[BACKEND])
        world.tick()
    else:
        argocd.faults.status = 503
    assert (await bot.step(approved)).reason is hindrance
    bot.clock.advance(timedelta(seconds=8))

    async def resting() -> bool:
        (row,) = await bot.table("operations")
        left = (row["claimed_until"] or bot.clock()) - bot.clock()
        return row["claimed_by"] is None and left > timedelta(seconds=7)

    async def running() -> bool:
        return (await bot.operation(approved.id)).state is OperationState.RUNNING

    async with working(bot.worker().run()):
        await eventually(resting)
        await bot.observer.observe(place)  # it shows that nothing is over yet
        asked = len(argocd.received("GET"))
        for _ in range(3):
            await asyncio.sleep(QUICK.total_seconds())  # looks that leave it alone
        assert (await resting(), len(argocd.received("GET"))) == (True, asked)

        argocd.faults.status = None
        world.application("prod").faults.run_ticks = 1
        await world.settle()
        await bot.observer.observe(place)
        await eventually(running)
