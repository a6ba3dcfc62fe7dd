"""Everything that can happen to a request at the same moment: whatever comes first, one thing happens, and it is spent
once. Two lives of the bot are at work, so that what keeps order within one process is not all there is.

Many orders of what they do are gone through one by one, each by its seed; and a few rounds are left to the database.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from bot.domain.approvals import Approval, ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, bulk, glass, obstacles, operations, own_requests
from bot.services.environments import changing
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.outside import Outside
from tests.services.scheduling import Schedule, Scheduled

pytestmark = pytest.mark.storage

ROUNDS, LIFETIME = 20, timedelta(hours=1)
SEEDS = {"sqlite": 60, "postgresql": 25}
JIA = replace(MINJI, id=24, name="jia")
ENDS = {
    OperationState.WAITING: ApprovalState.PENDING,
    OperationState.APPROVED: ApprovalState.GRANTED,
    OperationState.REJECTED: ApprovalState.REJECTED,
    OperationState.WITHDRAWN: ApprovalState.WITHDRAWN,
    OperationState.EXPIRED: ApprovalState.EXPIRED,
    OperationState.SUPERSEDED: ApprovalState.SUPERSEDED,
}
LATE = {
    OperationState.APPROVED: Reason.ALREADY_DECIDED,
    OperationState.REJECTED: Reason.ALREADY_DECIDED,
    OperationState.WITHDRAWN: Reason.WITHDRAWN,
    OperationState.EXPIRED: Reason.EXPIRED,
    OperationState.SUPERSEDED: Reason.SUPERSEDED,
}
"""What those are told who come after this end."""
CONSENTS = {"vote", "another vote", "all at once", "glass"}
AT_ONCE = {"all at once", "supersede", "changed"}
BY = {OperationState.REJECTED: "reject", OperationState.WITHDRAWN: "withdraw"}
"""Those that alone can end it so."""


async def waiting(bot: Bot, like: tuple[Operation, Approval]) -> Operation:
    """One more request of Sora's that waits."""
    return await put(bot, await bot.request(SORA), like=like)


async def put(bot: Bot, asked: Operation, *, like: tuple[Operation, Approval]) -> Operation:
    """Put a request before people, as `proposals.propose` does once all is read, with the content of another one."""
    operation, approval = like
    waits = replace(asked, state=OperationState.WAITING, content=operation.content, release_id=operation.release_id)
    async with changing(bot.database, "prod") as connection:
        await operations.take_place(connection, asked, now=bot.clock())
        if not await rows.save(connection, waits, expected=OperationState.REQUESTED):
            raise Refused(Reason.ALREADY_DECIDED)
        now = bot.clock()
        consent = replace(approval, id=asked.id, operation_id=asked.id, requested_at=now, expires_at=now + LIFETIME)
        assert await approval_rows.add(connection, consent)
    return waits


async def told(order: Awaitable[object]) -> object:
    """What came of an order, or why nothing did."""
    try:
        return await order
    except Refused as refused:
        return refused.reason


async def ask_again(bot: Bot, operation: Operation) -> bool:
    async with changing(bot.database, "prod") as connection:
        return await own_requests.ask_again(connection, operation, now=bot.clock())


async def grant_all(bot: Bot, shown: str) -> list[Approval] | None:
    return await bulk.grant_all(bot.database, "prod", shown=shown, actor=JIA, now=bot.clock())


def orders(
    bot: Bot, operation: Operation, approval: Approval, newer: Operation, shown: str
) -> dict[str, Callable[[], Awaitable[object]]]:
    """What people, time and Git do to a request."""
    database, now = bot.database, bot.clock()
    return {
        "vote": lambda: approvals.grant(database, operation.id, actor=MINJI, now=now),
        "another vote": lambda: approvals.grant(database, operation.id, actor=JIA, now=now),
        "all at once": lambda: grant_all(bot, shown),
        "glass": lambda: glass.smash(database, operation.id, actor=SORA, reason="It burns.", now=now),
        "reject": lambda: approvals.reject(database, operation.id, actor=MINJI, why="No.", now=now),
        "withdraw": lambda: approvals.withdraw(database, operation.id, actor=SORA, now=now),
        "supersede": lambda: put(bot, newer, like=(operation, approval)),
        "changed": lambda: ask_again(bot, operation),
        "expire": lambda: approvals.expire_overdue(database, now=approval.expires_at),
        "more time": lambda: more_time(bot, operation, after=approval.expires_at),
    }


async def more_time(bot: Bot, operation: Operation, *, after: datetime) -> None:
    """Give it its whole time again, as the end of a freeze or a stop does, if it still waits."""
    async with changing(bot.database, "prod") as connection:
        if (await rows.opened(connection, "prod"))[0].state is OperationState.WAITING:
            place = bot.catalog.environments["prod"]
            await obstacles.give_time(connection, operation, environment=place, after=after, now=bot.clock())


async def close_all(bot: Bot) -> None:
    """Make room for the next round."""
    async with changing(bot.database, "prod") as connection:
        for operation in await rows.opened(connection, "prod"):
            refused = OperationState.REFUSED
            await operations.close(connection, operation, state=refused, reason=Reason.FAULT, now=bot.clock())


@pytest.fixture
async def like(bot: Bot, world: World) -> tuple[Operation, Approval]:
    """A request to make others like it."""
    world.release("prod", TICKETS, login="hyunwoo")
    operation = await bot.propose(SORA)
    approval = await bot.approval(operation.id)
    await close_all(bot)
    return operation, approval


@pytest.fixture
async def other(bot: Bot, outside: Outside, database_url: str) -> AsyncIterator[Bot]:
    """A second life on the same database."""
    async with bot_in(outside, database_url, catalog=bot.catalog) as other:
        yield other


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One request, one that is newer, and what is about to happen to them."""

    before: Operation
    newer: Operation
    orders: dict[str, Callable[[], Awaitable[object]]]


async def prepared(bot: Bot, other: Bot, like: tuple[Operation, Approval], chance: random.Random) -> Round:
    """A new round: two to six orders, each given to one of the lives."""
    await close_all(bot)
    before = await waiting(bot, like)
    approval = await bot.approval(before.id)
    newer = await bot.request(HYUNWOO)
    shown = bulk.fingerprint(await bulk.waiting(bot.database, "prod", actor=JIA, now=bot.clock()))
    lives = [orders(life, before, approval, newer, shown) for life in (bot, other)]
    # Those of AT_ONCE are first whenever they take part, and hardly anything is left waiting when others do.
    pool = chance.choices([{*lives[0]}, lives[0].keys() - AT_ONCE, {"expire", "more time"}], weights=[4, 4, 1])[0]
    names = chance.sample(sorted(pool), min(chance.randint(2, 6), len(pool)))
    return Round(before=before, newer=newer, orders={name: _told(chance.choice(lives)[name]) for name in names})


def _told(order: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    return lambda: told(order())


async def judged(bot: Bot, what: Round, answers: dict[str, object]) -> OperationState:
    """How the request ended. One thing has happened, it was written down once, and all others were told so."""
    after, consent = await bot.operation(what.before.id), await bot.approval(what.before.id)
    approved, ended = after.state is OperationState.APPROVED, after.state is not OperationState.WAITING
    assert consent.state is ENDS[after.state]
    assert len(consent.votes) == approved
    mine = [row for row in await bot.table("audit") if row["operation_id"] == after.id]
    assert [row["outcome"] for row in mine] == ["requested", *([consent.state] if ended else [])]

    done = [name for name in CONSENTS if isinstance(answers.get(name), Approval | list)]
    assert len(done) == approved
    told_of = [row for row in await bot.table("cards") if row["key"].startswith(f"glass:{after.id}:")]
    assert (consent.broken is not None) == len(told_of) == (done == ["glass"])
    won = {*done, BY.get(after.state, "")}
    assert all(isinstance(answers[name], Approval) for name in won & {"reject", "withdraw"})
    presses = answers.keys() & (CONSENTS | {"reject", "withdraw"}) - {"all at once", *won}
    assert {answers[name] for name in presses} <= {LATE.get(after.state)}
    assert answers.get("all at once") is None or done == ["all at once"]
    assert answers.get("expire") in (None, after.state is OperationState.EXPIRED)
    put_before_people = isinstance(answers.get("supersede"), Operation)
    assert put_before_people == ("supersede" in answers and not approved)
    assert put_before_people or answers.get("supersede") in (None, Reason.ALREADY_OPEN)

    newer = OperationState.WAITING if put_before_people else OperationState.REQUESTED
    async with bot.database.reading() as connection:
        opened = {one.id: one.state for one in await rows.opened(connection, "prod")}
    old = {} if after.state.ended else {after.id: after.state}
    assert opened == {**old, what.newer.id: newer}
    return after.state


async def test_whatever_the_order_one_thing_happens(
    outside: Outside, database_url: str, catalog: Catalog, world: World
) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    ends = set()
    async with (
        bot_in(outside, database_url, catalog=catalog, make=Scheduled) as bot,
        bot_in(outside, database_url, catalog=catalog, make=Scheduled) as other,
    ):
        operation = await bot.propose(SORA)
        like = operation, await bot.approval(operation.id)
        for seed in range(SEEDS[database_url.partition("+")[0]]):
            chance = random.Random(seed)
            what = await prepared(bot, other, like, chance)
            schedule = Schedule(chance)
            answers = await schedule.run(what.orders)
            try:
                ends.add(await judged(bot, what, answers))
            except AssertionError as error:
                error.add_note(f"seed {seed}: {answers}")
                raise
    assert ends == {*ENDS}  # otherwise the rounds would have been the same one


async def test_whatever_happens_at_once_one_thing_happens(
    bot: Bot, other: Bot, like: tuple[Operation, Approval]
) -> None:
    chance, ends = random.Random(0), set()
    for _ in range(ROUNDS):
        what = await prepared(bot, other, like, chance)
        found = await asyncio.gather(*(order() for order in what.orders.values()))
        ends.add(await judged(bot, what, dict(zip(what.orders, found, strict=True))))
    assert len(ends) > 2


async def test_of_a_thousand_presses_one_counts_and_one_operation_goes(bot: Bot, other: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    before = await bot.propose(SORA)
    crowd = [Actor(id=1000 + number, name=f"p{number}", guild_id=1, role_ids=frozenset()) for number in range(1000)]

    lives = [bot.database, other.database] * 500
    answers = await asyncio.gather(
        *(
            told(approvals.grant(database, before.id, actor=actor, now=bot.clock()))
            for database, actor in zip(lives, crowd, strict=True)
        )
    )

    assert [isinstance(answer, Approval) for answer in answers].count(True) == 1
    assert answers.count(Reason.ALREADY_DECIDED) == 999
    assert len((await bot.approval(before.id)).votes) == 1
    assert [operation.state for operation in await bot.operations()] == [OperationState.APPROVED]
    assert [row[1] for row in await bot.audit()] == ["deploy", "deploy", "approve"]
    running = await bot.step(await bot.operation(before.id))
    assert (running.state, len(bot.outside.argocd.received("POST"))) == (OperationState.RUNNING, 1)


async def test_of_a_thousand_requests_at_once_one_is_open(
    bot: Bot, other: Bot, like: tuple[Operation, Approval]
) -> None:
    older = await waiting(bot, like)

    answers = await asyncio.gather(*(told(life.request(HYUNWOO)) for life in [bot, other] * 500))

    assert answers.count(Reason.ALREADY_OPEN) == 999
    [newer] = [answer for answer in answers if isinstance(answer, Operation)]
    async with bot.database.reading() as connection:
        assert await rows.opened(connection, "prod") == [older, newer]
    puts = await asyncio.gather(*(told(put(life, newer, like=like)) for life in [bot, other] * 5))
    assert [isinstance(one, Operation) for one in puts].count(True) == 1
    async with bot.database.reading() as connection:
        assert [one.id for one in await rows.opened(connection, "prod")] == [newer.id]
    assert (await bot.operation(older.id)).reason is Reason.SUPERSEDED
