"""A refresh: what Argo CD compares anew, and what is read when it fails or finds no end."""

from datetime import UTC, datetime

import pytest

from bot.domain.operations import OperationState
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.services.house import TICKETS, Bot
from tests.services.outside import Interrupted, Outside
from tests.services.refreshing import refreshes
from tests.services.waiting import working


async def test_a_refresh_reads_anew(bot: Bot, world: World, argocd: Interrupted) -> None:
    world.application("prod").faults.deaf = True
    released = world.release("prod", TICKETS)
    normal, hard = await refreshes(bot, 2)
    async with working(bot.worker().run()):
        done = [await bot.ended(operation.id) for operation in (normal, hard)]

    assert [(operation.state, operation.reason) for operation in done] == [(OperationState.SUCCEEDED, None)] * 2
    asked = [request.query["refresh"] for request in argocd.requests if "refresh" in request.query]
    assert sorted(asked) == ["hard", "normal"]
    known = await bot.known()
    assert known.observation is not None
    assert known.observation.revision == released.manifest.sha


async def test_a_refresh_that_fails_says_why(bot: Bot, outside: Outside) -> None:
    outside.argocd.faults.refresh_expires = True
    (asked,) = await refreshes(bot, 1)
    async with working(bot.worker().run()):
        failed = await bot.ended(asked.id)

    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.REFRESH_TIMED_OUT)
    assert await bot.audit() == [
        ("discord:21", "refresh", "requested", None),
        ("chatops", "refresh", "failed", "refresh_timed_out"),
    ]


@pytest.mark.parametrize("answers", [True, False])
async def test_after_a_refresh_without_end_argo_cd_is_read_once_without_one(
    bot: Bot, outside: Outside, world: World, answers: bool
) -> None:
    await bot.observer.observe(bot.catalog.environments["prod"])
    # Argo CD has compared since, and has told nobody.
    world.application("prod").reconciled_at = "2026-01-05T14:30:00Z"
    outside.argocd.faults.refresh_expires = answers
    outside.argocd.faults.status = None if answers else 503
    (asked,) = await refreshes(bot, 1)
    outside.argocd.requests.clear()
    async with working(bot.worker().run()):
        failed = await bot.ended(asked.id)

    known = await bot.known()
    assert known.observation is not None
    compared = known.observation.reconciled_at == datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
    looks = ["refresh" in request.query for request in outside.argocd.requests if request.path.endswith("/tiketi-prod")]
    if answers:
        assert (failed.reason, known.failure, compared) == (Reason.REFRESH_TIMED_OUT, None, True)
        assert looks == [True, False, False]  # a read looks before and after the differences
    else:
        assert (failed.reason, known.failure, compared) == (Reason.ARGOCD_UNREACHABLE, failed.reason, False)
        assert set(looks) == {True}
