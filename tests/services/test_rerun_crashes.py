"""The process dies after commits of a re-run; the next one ends it, and GitHub is given no order twice."""

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from tests.services.failing import Crash, Mortal
from tests.services.house import GRACE, Bot, bot_in
from tests.services.outside import Outside
from tests.services.pipelines import failed
from tests.services.rerunning import asked, chosen, orders, step
from tests.services.waiting import working


async def to_the_end(bot: Bot, operation: Operation) -> None:
    """Both steps."""
    await step(bot, await step(bot, operation))


@pytest.mark.storage
@pytest.mark.parametrize(
    ("lives", "sent", "end"),
    [
        (1, False, (OperationState.FAILED, Reason.RERUN_UNKNOWN)),
        (2, True, (OperationState.SUCCEEDED, None)),
        (3, True, (OperationState.SUCCEEDED, None)),
    ],
    ids=["marked", "accepted", "ended"],
)
async def test_a_crash_after_any_commit_orders_nothing_twice(
    outside: Outside,
    database_url: str,
    catalog: Catalog,
    lives: int,
    sent: bool,
    end: tuple[OperationState, Reason | None],
) -> None:
    async with bot_in(outside, database_url, catalog=catalog) as bot:
        run = await failed(bot, outside.world)
        requested = await asked(bot, await chosen(bot))
    async with bot_in(outside, database_url, catalog=catalog, make=Mortal) as doomed:
        assert isinstance(doomed.database, Mortal)
        doomed.database.lives = lives
        with pytest.raises(Crash):
            await to_the_end(doomed, requested)
    assert orders(outside) == ["rerun-failed-jobs"] * sent

    outside.clock.advance(GRACE)
    async with bot_in(outside, database_url, catalog=catalog) as next_life, working(next_life.worker().run()):
        ended = await next_life.ended(requested.id)

    assert (ended.state, ended.reason) == end
    assert (orders(outside), run.attempt) == (["rerun-failed-jobs"] * sent, 1 + sent)
