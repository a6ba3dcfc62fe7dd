"""Workers: each operation in one pair of hands, taken over from the dead, and no failure that stops the others."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason
from bot.services import operations
from bot.services.workers import AT_ONCE, IN_ONE_ENVIRONMENT, KEPT, MAX_FAULTS
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, QUICK, TICKETS, Bot, bot_in
from tests.services.outside import Interrupted
from tests.services.refreshing import refreshes
from tests.services.waiting import eventually, working

CLAIM = timedelta(seconds=20)


async def finish(bot: Bot, operation: Operation) -> None:
    """A step that ends the operation."""
    async with bot.database.transaction() as connection:
        succeeded = OperationState.SUCCEEDED
        await operations.close(connection, operation, state=succeeded, reason=None, now=bot.clock())


async def all_ended(bot: Bot) -> bool:
    return all(operation.state.ended for operation in await bot.operations())


@pytest.mark.storage
async def test_two_workers_share_and_do_nothing_twice(bot: Bot, database_url: str, catalog: Catalog) -> None:
    await refreshes(bot, 40)
    taken: Counter[str] = Counter()
    by: Counter[str] = Counter()

    async def step(operation: Operation, *, name: str) -> None:
        taken[operation.id] += 1
        by[name] += 1
        await asyncio.sleep(0)
        await finish(bot, operation)

    async with bot_in(bot.outside, database_url, catalog=catalog) as other:
        first = bot.worker(name="first", refresh=lambda operation: step(operation, name="first"))
        second = other.worker(name="second", refresh=lambda operation: step(operation, name="second"))
        async with working(first.run(), second.run()):
            await eventually(lambda: all_ended(bot))

    assert set(taken.values()) == {1}
    assert (len(taken), set(by)) == (40, {"first", "second"})


async def test_a_worker_has_a_bounded_number_in_hand(bot: Bot) -> None:
    asked = [one for name in ("prod", "staging", "dev") for one in await refreshes(bot, AT_ONCE, environment=name)]
    begun: list[Operation] = []
    go_on = asyncio.Event()

    async def step(operation: Operation) -> None:
        begun.append(operation)
        await go_on.wait()
        await finish(bot, operation)

    async def full() -> bool:
        return len(begun) >= AT_ONCE - KEPT

    async with working(bot.worker(refresh=step).run()):
        await eventually(full)
        for _ in range(3):
            await asyncio.sleep(QUICK.total_seconds())  # looks that find no place
        at_once = Counter(operation.environment for operation in begun)
        go_on.set()
        await eventually(lambda: all_ended(bot))

    assert at_once == {"prod": IN_ONE_ENVIRONMENT, "staging": IN_ONE_ENVIRONMENT, "dev": 2}
    assert sorted(one.id for one in begun) == sorted(one.id for one in asked)


async def test_what_hangs_hinders_no_other_environment_and_no_stop(bot: Bot, world: World) -> None:
    world.application("prod").faults.run_ticks = 10**6
    world.operate("prod")
    world.tick()
    await refreshes(bot, AT_ONCE)

    async def hang(operation: Operation) -> None:
        if operation.environment == "prod":
            await asyncio.Event().wait()
        await finish(bot, operation)

    async with working(bot.worker(refresh=hang).run()):
        (other,) = await refreshes(bot, 1, environment="dev")
        stop = await operations.request(
            bot.database,
            kind=OperationKind.TERMINATE,
            environment="prod",
            service=None,
            actor=HYUNWOO,
            catalog=bot.catalog,
            now=bot.clock(),
            ends_by=bot.clock() + CLAIM,
        )
        assert (await bot.ended(other.id)).state is OperationState.SUCCEEDED
        world.tick()

        async def told() -> bool:
            return (await bot.operation(stop.id)).state is OperationState.RUNNING

        await eventually(told)


async def test_what_has_nothing_to_do_leaves_its_place_to_others(bot: Bot) -> None:
    waiting = {operation.id for operation in await refreshes(bot, AT_ONCE)}
    looks: Counter[str] = Counter()

    async def step(operation: Operation) -> None:
        looks[operation.id] += 1
        if operation.id not in waiting:
            await finish(bot, operation)

    async def looked_at_twice() -> bool:
        return min(looks[operation] for operation in waiting) >= 2

    async with working(bot.worker(refresh=step).run()):
        (other,) = await refreshes(bot, 1)
        assert (await bot.ended(other.id)).state is OperationState.SUCCEEDED
        bot.clock.advance(CLAIM)
        await eventually(looked_at_twice)


async def test_the_work_of_a_dead_worker_is_taken_over_when_its_claim_is_over(bot: Bot) -> None:
    (operation,) = await refreshes(bot, 1)
    begun = asyncio.Event()

    async def hang(_operation: Operation) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with working(bot.worker(name="first", claim=CLAIM, refresh=hang).run()):
        async with asyncio.timeout(10):
            await begun.wait()
    taken: list[str] = []

    async def step(operation: Operation) -> None:
        taken.append(operation.id)
        await finish(bot, operation)

    async with working(bot.worker(name="second", claim=CLAIM, refresh=step).run()):
        await refreshes(bot, 1)

        async def other_done() -> bool:
            return (await bot.operations())[1].state.ended

        await eventually(other_done)
        early = list(taken)
        bot.clock.advance(CLAIM)
        await eventually(lambda: all_ended(bot))

    assert operation.id not in early
    assert taken.count(operation.id) == 1


async def test_the_claim_of_a_slow_worker_is_prolonged(bot: Bot) -> None:
    await refreshes(bot, 1)
    claim, taken = timedelta(seconds=0.3), []

    async def hang(_operation: Operation) -> None:
        taken.append("first")
        await asyncio.Event().wait()

    async def steal(_operation: Operation) -> None:
        taken.append("second")

    async def claimed() -> str | None:
        (row,) = await bot.table("operations")
        moment: datetime | None = row["claimed_until"]
        return moment.isoformat() if moment else None

    first = bot.worker(name="first", claim=claim, refresh=hang)
    async with working(first.run()):
        until = await eventually(claimed)
        async with working(bot.worker(name="second", claim=claim, refresh=steal).run()):
            for _ in range(3):
                bot.clock.advance(claim / 2)

                async def prolonged(before: str = until) -> str | None:
                    now = await claimed()
                    return now if now and now > before else None

                until = await eventually(prolonged)

    assert taken == ["first"]


@pytest.mark.parametrize("error", [RuntimeError("nobody thought of this"), ConnectionError("the database went away")])
async def test_a_step_that_fails_stops_nobody_and_is_tried_again(bot: Bot, error: Exception) -> None:
    bad, _good = await refreshes(bot, 2)
    failures = [error]

    async def step(operation: Operation) -> None:
        if operation.id == bad.id and failures:
            raise failures.pop()
        await finish(bot, operation)

    async def first_round_over() -> bool:
        return not failures and (await bot.operations())[1].state.ended

    async with working(bot.worker(claim=CLAIM, refresh=step).run()):
        await eventually(first_round_over)
        assert (await bot.operation(bad.id)).state is OperationState.REQUESTED
        bot.clock.advance(CLAIM)
        await eventually(lambda: all_ended(bot))


async def test_an_operation_that_waits_for_people_is_in_nobodys_hands(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    asked = await bot.request()

    async def put_down() -> bool:
        (row,) = await bot.table("operations")
        return row["state"] == "waiting" and row["claimed_until"] is None

    async with working(bot.worker().run()):
        await eventually(put_down)
        approval = await bot.approval(asked.id)
        bot.clock.advance(approval.expires_at - bot.clock())
        expired = await bot.ended(asked.id)

    assert (expired.state, expired.reason) == (OperationState.EXPIRED, Reason.EXPIRED)
    assert (await bot.approval(asked.id)).state is ApprovalState.EXPIRED


@pytest.mark.journey
@pytest.mark.usefixtures("restless")
async def test_a_worker_takes_a_deploy_to_its_end(bot: Bot, world: World, argocd: Interrupted) -> None:
    world.release("prod", TICKETS)
    told: list[tuple[str, str]] = []
    worker = bot.worker(observe=lambda kind, outcome: told.append((kind, outcome)))
    async with world, working(worker.run(), bot.observer.run()):
        asked = await bot.request()
        waiting = await operations.ended(bot.database, asked.id, states=frozenset({OperationState.WAITING}), seconds=10)
        await bot.approve(waiting, actor=MINJI)
        done = await bot.ended(asked.id)

        async def counted() -> bool:
            return bool(told)

        await eventually(counted)

    assert done.state is OperationState.SUCCEEDED
    assert told == [(OperationKind.DEPLOY, OperationState.SUCCEEDED)]
    assert (len(argocd.received("POST")), len(world.syncs)) == (1, 1)


async def test_what_keeps_failing_ends_and_says_so(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    (operation,) = await refreshes(bot, 1)
    tries: list[str] = []

    async def fail(_operation: Operation) -> None:
        tries.append("")
        bot.clock.advance(CLAIM)  # or it would be tried again only after the claim is over
        raise ZeroDivisionError

    async with working(bot.worker(claim=CLAIM, refresh=fail).run()):
        ended = await bot.ended(operation.id)

    assert (ended.state, ended.reason) == (OperationState.FAILED, Reason.FAULT)
    assert len(tries) == MAX_FAULTS
