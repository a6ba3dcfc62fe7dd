"""A stop at every point of a deploy's road: whatever was committed before it, nothing is written or ordered after it,
however long it stands; and after `/resume` the deploy goes on to its end, once."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import stops, tending
from sandbox.world import World
from tests.services.house import TICKETS, Bot, bot_in
from tests.services.outside import Interrupted, Outside
from tests.services.stopping import Interfered, resumed, stopped
from tests.services.tagging import asked

pytestmark = pytest.mark.storage
_Done = TypeVar("_Done")


@dataclass(slots=True, kw_only=True)
class Road:
    """One deploy of a tag, and what was written and ordered when everything was stopped."""

    bot: Bot
    other: Bot
    seen: Callable[[], tuple[str, int]]
    at_the_stop: tuple[str, int] | None = None
    waited: list[str] = field(default_factory=list)

    async def stop(self) -> None:
        self.at_the_stop = self.seen()
        await stopped(self.other)  # another process, which waits for none of this one's turns

    async def insist(self, order: Callable[[], Awaitable[_Done]], *, during: str) -> _Done:
        """Give an order; one that is refused because of the stop is given again after it."""
        try:
            return await order()
        except Refused as refused:
            if refused.reason is not Reason.STOPPED:
                raise
            self.waited.append(during)
            await self.stand()
        return await order()

    async def stand(self, operation: Operation | None = None) -> None:
        """Days go by while everything is stopped; the worker tries again and again, and nothing happens."""
        for days in (0, 1, 2):
            self.bot.clock.advance(timedelta(days=days))
            await tending.tend(self.bot.database, catalog=self.bot.catalog, now=self.bot.clock())
            if operation is not None:
                assert await self.bot.step(operation) == operation
        assert self.seen() == self.at_the_stop
        await resumed(self.bot)

    async def go(self, tag: str) -> Operation:
        """The whole road."""
        bot = self.bot
        operation = await self.insist(partial(asked, bot, tag), during="request")
        for _ in range(20):
            if operation.state is OperationState.WAITING:
                operation = await self.insist(partial(bot.approve, operation), during="approval")
                continue
            operation = await bot.step(operation)
            if operation.state.ended:
                break
            if operation.reason is Reason.STOPPED:
                self.waited.append(operation.state)
                await self.stand(operation)
            if operation.state is OperationState.RUNNING:
                await bot.outside.world.settle()
        if await stops.standing(bot.database):
            assert self.seen() == self.at_the_stop  # it was under way, and was followed to its end
            self.waited.append("nothing")
            await resumed(bot)
        return operation


async def test_a_stop_before_any_commit_lets_nothing_out(
    outside: Outside, database_url: str, catalog: Catalog, earlier: str, world: World, argocd: Interrupted
) -> None:
    newer = world.overlay("prod").tags[TICKETS]
    waited: list[str] = []
    async with (
        bot_in(outside, database_url, catalog=catalog) as other,
        bot_in(outside, database_url, catalog=catalog, make=Interfered) as bot,
    ):
        assert isinstance(bot.database, Interfered)
        for turns in itertools.count(1):
            tag = (earlier, newer)[(turns + 1) % 2]
            road = Road(bot=bot, other=other, seen=lambda: (world.git.head("main").sha, len(argocd.received("POST"))))
            before = road.seen()
            bot.database.turns, bot.database.faster = turns, road.stop
            operation = await road.go(tag)
            assert (operation.state, operation.reason) == (OperationState.SUCCEEDED, None), turns
            assert (world.git.head("main").parents, road.seen()[1]) == ((before[0],), before[1] + 1)
            if road.at_the_stop is None:
                break
            waited += road.waited
    # Held at the request, at the approval, before the tag was written, and before the mark of the order.
    assert list(dict.fromkeys(waited)) == ["request", "approval", "approved", "nothing"]
    assert waited.count("approved") >= 2


async def test_a_stop_outlives_the_process_and_another_life_resumes(
    bot: Bot, world: World, argocd: Interrupted, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    world.release("prod", TICKETS)
    approved = await bot.approved()
    await stopped(bot)
    async with bot_in(outside, database_url, catalog=catalog) as other:
        held = await other.step(approved)
        assert (held.state, held.reason, held.deadline) == (OperationState.APPROVED, Reason.STOPPED, None)
        assert held.detail == "sora stopped everything: nobody knows what happens"
        assert argocd.received("POST") == []
        assert (await resumed(other)).waiting == 1
        assert (await other.step(held)).state is OperationState.RUNNING
    assert len(argocd.received("POST")) == 1


async def test_a_stop_and_an_order_at_the_same_moment(bot: Bot, world: World, argocd: Interrupted) -> None:
    """Either the order was marked first, and whoever stops everything is told of it, or it waits."""
    outcomes = set()
    for number in range(12):
        world.release("prod", TICKETS)
        approved, before = await bot.approved(), len(argocd.received("POST"))
        delay = 0.002 * number

        async def later(seconds: float = delay) -> stops.Stopped:
            await asyncio.sleep(seconds)
            return await stopped(bot)

        stop, after = await asyncio.gather(later(), bot.step(approved))
        sent = len(argocd.received("POST")) - before
        outcomes.add(sent)
        named = [one.id for one in stop.under_way]
        assert (sent, named) == ((1, [approved.id]) if after.state is OperationState.RUNNING else (0, []))
        await resumed(bot)
        done = await bot.followed(after if sent else await bot.step(after))
        assert done.state is OperationState.SUCCEEDED
    assert outcomes <= {0, 1}


async def test_an_order_that_was_lost_is_sent_again_only_after_the_stop(
    bot: Bot, world: World, argocd: Interrupted
) -> None:
    world.release("prod", TICKETS)
    approved = await bot.approved()
    argocd.faults.sync_lost = True
    lost = await bot.step(approved)
    argocd.faults.sync_lost = False
    assert [one.id for one in (await stopped(bot)).under_way] == [lost.id]
    held = lost
    for _ in range(3):
        bot.clock.advance(timedelta(hours=12))
        held = await bot.step(held)
        assert (held.state, held.reason) == (OperationState.DISPATCHING, Reason.STOPPED)
        assert held.deadline is not None
        assert held.deadline > bot.clock()  # so that it ends some day when Argo CD answers nothing after the stop
        assert await bot.step(held) == held
    assert (len(argocd.received("POST")), world.syncs) == (1, [])

    await resumed(bot)
    sent = await bot.step(held)
    assert (sent.state, sent.reason, sent.detail, sent.attempts) == (OperationState.RUNNING, None, "", 2)
    assert sent.deadline is not None
    assert (await bot.followed(sent)).state is OperationState.SUCCEEDED
    assert len(argocd.received("POST")) == 2


@pytest.mark.parametrize("environment", ["staging", "prod"])
async def test_a_stop_while_the_worker_looks_is_seen_before_the_tag_is_written(
    bot: Bot, world: World, argocd: Interrupted, environment: str
) -> None:
    """No commit of the bot lies between the beginning of that step and the commit to Git, so the reads are used."""
    tag = world.overlay(environment).tags[TICKETS]
    world.release(environment, TICKETS, login="sora")
    await world.settle()
    if environment == "prod":
        world.operate("prod")
        await world.settle()
    approved = await bot.step(await asked(bot, tag, environment=environment))
    if environment == "prod":
        approved = await bot.approve(approved)
    branch = world.topology.environments[environment].branch
    tip = world.git.head(branch)

    async def stop(_path: str) -> None:
        argocd.on_get = None
        await stopped(bot)

    argocd.on_get = stop
    held = await bot.step(approved)
    assert (held.state, held.reason) == (OperationState.APPROVED, Reason.STOPPED)
    assert world.git.head(branch) == tip
    await resumed(bot)
    assert (await bot.step(held)).written == world.git.head(branch).sha
    assert world.git.head(branch).parents == (tip.sha,)
