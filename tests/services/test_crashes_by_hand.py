"""The process dies after any commit of a restart or of a stop; the next one ends it, and orders nothing twice."""

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import operations
from bot.topology import Topology
from sandbox.world import World
from tests.services.house import GRACE, HYUNWOO, TICKETS, Bot, bot_in
from tests.services.lives import live
from tests.services.outside import outside_of

pytestmark = [pytest.mark.journey, pytest.mark.storage, pytest.mark.long, pytest.mark.usefixtures("restless")]

DONE = (OperationState.SUCCEEDED, None)
LOST = (OperationState.FAILED, Reason.OUTCOME_UNKNOWN)


async def asked(bot: Bot, kind: OperationKind) -> Operation:
    """Somebody asks for it in production."""
    return await operations.request(
        bot.database,
        kind=kind,
        environment="prod",
        service=TICKETS if kind is OperationKind.RESTART else None,
        actor=HYUNWOO,
        catalog=bot.catalog,
        now=bot.clock(),
        ends_by=bot.clock() + GRACE if kind is OperationKind.TERMINATE else None,
    )


async def ended(kind: OperationKind, bot: Bot) -> None:
    """Wait for the end, after asking if nobody has yet."""
    known = await bot.operations() or [await asked(bot, kind)]
    await bot.ended(known[0].id)


def busy(world: World) -> None:
    """Something to stop: a sync of somebody else's that does not end by itself."""
    world.application("prod").faults.run_ticks = 10**6
    world.operate("prod")
    world.tick()


@pytest.mark.parametrize(("kind", "method"), [(OperationKind.RESTART, "POST"), (OperationKind.TERMINATE, "DELETE")])
async def test_a_crash_after_any_commit_orders_nothing_twice(
    kind: OperationKind,
    method: str,
    topology: Topology,
    catalog: Catalog,
    tmp_path: Path,
    new_database: Callable[[], str],
) -> None:
    ends = []
    for lives in itertools.count(1):
        url = new_database()
        async with outside_of(topology, tmp_path) as outside:
            if kind is OperationKind.TERMINATE:
                busy(outside.world)
            async with outside.world:
                alive = await live(outside, url, catalog=catalog, lives=lives, road=partial(ended, kind))
                if not alive:
                    outside.clock.advance(2 * GRACE)
                    assert await live(outside, url, catalog=catalog, lives=None, road=partial(ended, kind))
            async with bot_in(outside, url, catalog=catalog) as bot:
                [operation] = await bot.operations()
                ends.append((operation.state, operation.reason))
                orders = [request for request in outside.argocd.requests if request.method == method]
                assert len(orders) == (ends[-1] == DONE), lives
                outcome = (str(operation.state), operation.reason and str(operation.reason))
                # An operation whose order was lost, or that was over when somebody looked, was never seen running.
                assert [row for row in await bot.audit() if row[2] != "running"] == [
                    ("discord:21", str(kind), "requested", None),
                    ("chatops", str(kind), "dispatching", None),
                    ("chatops", str(kind), *outcome),
                ], lives
        if alive:
            break
    # A restart that was marked and not ordered cannot be told from one whose order was lost: a person decides. Whether
    # a death falls between the two depends on what the observer writes meanwhile.
    assert {DONE} <= {*ends} <= ({DONE, LOST} if kind is OperationKind.RESTART else {DONE})
    assert lives > 3
