"""The process dies after any commit of the road from a push to running pods; the next one comes to the same end.

Every commit that changes something for somebody is tried, one after the other, until a life comes to the end without
dying. What a next life finds are the rows, the world, and a person who approves if nobody has yet.
"""

import asyncio
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState
from bot.domain.releases import ReleaseState, state
from bot.services import intake
from bot.topology import Topology
from tests.services.failing import Crash, Mortal
from tests.services.house import GRACE, TICKETS, Bot, bot_in
from tests.services.letterbox import deliver, pipeline
from tests.services.lives import live
from tests.services.outside import Outside, outside_of


async def travel(bot: Bot) -> None:
    """Approve what waits, until the release is deployed and its operation over."""
    while True:
        operations = await bot.operations()
        for operation in operations:
            if operation.state is OperationState.WAITING:
                await bot.approve(operation)
        over = [operation for operation in operations if operation.state.ended]
        if over and state((await bot.releases())[0]) is ReleaseState.DEPLOYED:
            return
        await asyncio.sleep(0.02)


async def assert_the_end(outside: Outside, url: str, *, catalog: Catalog, died_after: int) -> None:
    """What is true at the end of the road, however often somebody died on it."""
    async with bot_in(outside, url, catalog=catalog) as bot:
        (operation,) = await bot.operations()
        (approval,) = await bot.table("approvals")
        (release,) = await bot.releases()
        ends = (operation.state, approval["state"], state(release))
        assert ends == (OperationState.SUCCEEDED, ApprovalState.GRANTED, ReleaseState.DEPLOYED), died_after
        assert [sync.info.get("chatops.request-id") for sync in outside.world.syncs] == [operation.id], died_after
        assert len(outside.argocd.received("POST")) == 1, died_after
        assert {row["state"] for row in await bot.table("deliveries")} == {"done"}, died_after
        assert await bot.audit() == [
            ("github:hyunwoo", "deploy", "requested", None),
            ("chatops", "deploy", "waiting", None),
            ("discord:22", "approve", "granted", None),
            ("chatops", "deploy", "dispatching", None),
            ("chatops", "deploy", "running", None),
            ("chatops", "deploy", "succeeded", None),
        ], died_after
        assert [incident for incident in await bot.incidents() if incident.episode] == [], died_after


@pytest.mark.journey
@pytest.mark.storage
@pytest.mark.long
@pytest.mark.usefixtures("restless")
async def test_a_crash_after_any_commit_changes_nothing_about_the_end(
    topology: Topology, catalog: Catalog, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    for lives in itertools.count(1):
        url = new_database()
        async with outside_of(topology, tmp_path) as outside:
            script, box = pipeline(outside.world)
            await script.run(TICKETS, "prod", author="hyunwoo", subject="fix: seats")
            await outside.world.settle()
            async with bot_in(outside, url, catalog=catalog) as bot:
                await deliver(bot.database, box.empty(), at=bot.clock())
            async with outside.world:
                alive = await live(outside, url, catalog=catalog, lives=lives, road=travel)
                if not alive:
                    outside.clock.advance(2 * GRACE)
                    assert await live(outside, url, catalog=catalog, lives=None, road=travel)
            await assert_the_end(outside, url, catalog=catalog, died_after=lives)
        if alive:
            break

    assert lives > 8


@pytest.mark.journey
async def test_a_crash_after_any_batch_of_deliveries_changes_nothing_about_the_release(
    outside: Outside, catalog: Catalog, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "BATCH", 3)  # so that the few deliveries of one release make many batches
    script, box = pipeline(outside.world)
    ran = await script.run(TICKETS, "prod", author="hyunwoo", subject="fix: seats", fail_at="push")
    await script.rerun(ran, author="minji")
    letters = box.empty()
    letters.sort(key=lambda one: one.headers["event"] != "workflow_job")  # jobs first, so that they have to wait
    async with bot_in(outside, new_database(), catalog=catalog) as bot:
        await deliver(bot.database, letters, at=bot.clock())
        await bot.take_in()
        expected, alerts = await bot.releases(), await bot.incidents()

    for lives in itertools.count(1):
        url = new_database()
        async with bot_in(outside, url, catalog=catalog, make=Mortal) as bot:
            await deliver(bot.database, letters, at=bot.clock())
            assert isinstance(bot.database, Mortal)
            bot.database.lives = lives
            alive = True
            try:
                await bot.take_in()
            except Crash:
                alive = False
        async with bot_in(outside, url, catalog=catalog) as bot:
            await bot.take_in()
            assert (await bot.releases(), await bot.incidents()) == (expected, alerts), lives
            assert {row["state"] for row in await bot.table("deliveries")} == {"done"}, lives
        if alive:
            break

    assert lives > len(letters) / 3
