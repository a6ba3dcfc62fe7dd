"""Everything that can happen to a request at the same moment: whatever comes first, one thing happens, and it is spent
once. Two lives of the bot are at work, so that what keeps order within one process is not all there is.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.domain.approvals import Approval, ApprovalState
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, bulk, environments, glass, operations, own_requests
from bot.storage import approvals as approval_rows
from bot.storage import operations as rows
from bot.storage.engine import Connection, Database
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.outside import Outside

pytestmark = pytest.mark.storage

ROUNDS = 20
JIA = replace(MINJI, id=24, name="jia")
ENDS = {
    OperationState.APPROVED: ApprovalState.GRANTED,
    OperationState.REJECTED: ApprovalState.REJECTED,
    OperationState.WITHDRAWN: ApprovalState.WITHDRAWN,
    OperationState.EXPIRED: ApprovalState.EXPIRED,
    OperationState.SUPERSEDED: ApprovalState.SUPERSEDED,
}
CONSENTS = {"vote", "another vote", "all at once", "glass"}
CLOSES = {
    "reject": OperationState.REJECTED,
    "withdraw": OperationState.WITHDRAWN,
    "supersede": OperationState.SUPERSEDED,
    "changed": OperationState.SUPERSEDED,
    "expire": OperationState.EXPIRED,
}
AT_ONCE = {"all at once", "supersede", "changed"}
TOO_LATE = {Reason.ALREADY_DECIDED, Reason.WITHDRAWN, Reason.EXPIRED, Reason.SUPERSEDED, Reason.ALREADY_OPEN, None}
"""What those are told who were not the first; None is a list that has changed."""
LATE = {
    OperationState.APPROVED: Reason.ALREADY_DECIDED,
    OperationState.REJECTED: Reason.ALREADY_DECIDED,
    OperationState.WITHDRAWN: Reason.WITHDRAWN,
    OperationState.EXPIRED: Reason.EXPIRED,
    OperationState.SUPERSEDED: Reason.SUPERSEDED,
}
"""What a person is told who presses after that."""


async def waiting(bot: Bot, like: tuple[Operation, Approval]) -> Operation:
    """One more request of Sora's that waits."""
    return await put(bot, await bot.request(SORA), like=like)


async def put(bot: Bot, asked: Operation, *, like: tuple[Operation, Approval]) -> Operation:
    """Put a request before people, as `proposals.propose` does once all is read, with the content of another one."""
    operation, approval = like
    waits = put_as(asked, operation)
    async with environments.changing(bot.database, "prod") as connection:
        await operations.take_place(connection, asked, now=bot.clock())
        if not await rows.save(connection, waits, expected=OperationState.REQUESTED):
            raise Refused(Reason.ALREADY_DECIDED)
        consent = replace(approval, id=asked.id, operation_id=asked.id, requested_at=bot.clock())
        assert await approval_rows.add(connection, consent)
    return waits


def put_as(asked: Operation, like: Operation) -> Operation:
    """A request as it is while it waits, with the content of another one."""
    return replace(asked, state=OperationState.WAITING, content=like.content, release_id=like.release_id)


async def told(order: Awaitable[object]) -> object:
    """What came of an order, or why nothing did."""
    try:
        return await order
    except Refused as refused:
        return refused.reason


async def ask_again(bot: Bot, operation: Operation) -> bool:
    async with environments.changing(bot.database, "prod") as connection:
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
    }


async def close_all(bot: Bot) -> None:
    """Make room for the next round."""
    async with environments.changing(bot.database, "prod") as connection:
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


@pytest.mark.parametrize("seed", range(2))
async def test_whatever_happens_at_once_one_thing_happens(
    bot: Bot, other: Bot, like: tuple[Operation, Approval], seed: int
) -> None:
    chance, ends = random.Random(seed), set()
    for number in range(ROUNDS):
        before = await waiting(bot, like)
        approval = await bot.approval(before.id)
        newer = await bot.request(HYUNWOO)
        shown = bulk.fingerprint(await bulk.waiting(bot.database, "prod", actor=JIA, now=bot.clock()))
        lives = [orders(life, before, approval, newer, shown) for life in (bot, other)]
        # Those that do not look before they take the lock are first whenever they take part.
        names = chance.sample(sorted(lives[0].keys() - (AT_ONCE if number % 2 else set())), chance.randint(2, 5))
        found = await asyncio.gather(*(told(chance.choice(lives)[name]()) for name in names))
        answers = dict.fromkeys(lives[0]) | dict(zip(names, found, strict=True))

        after, consent = await bot.operation(before.id), await bot.approval(before.id)
        assert consent.state is ENDS[after.state], answers
        assert len(consent.votes) == (after.state is OperationState.APPROVED)
        mine = [row for row in await bot.table("audit") if row["operation_id"] == before.id]
        assert [row["outcome"] for row in mine] == ["requested", consent.state], answers
        done = [name for name in CONSENTS if isinstance(answers[name], Approval | list)]
        assert len(done) == (after.state is OperationState.APPROVED), answers
        assert all(answers[name] in TOO_LATE for name in CONSENTS - {*done}), answers
        told_of = [row for row in await bot.table("cards") if row["key"].startswith(f"glass:{before.id}:")]
        assert (consent.broken is not None) == len(told_of) == (done == ["glass"]), answers
        assert (answers["reject"] in TOO_LATE) == (after.state is not OperationState.REJECTED)
        assert (answers["withdraw"] in TOO_LATE) == (after.state is not OperationState.WITHDRAWN)
        async with bot.database.reading() as connection:
            opened = {one.id: one.state for one in await rows.opened(connection, "prod")}
        if not after.state.ended:
            assert opened == {before.id: after.state, newer.id: OperationState.REQUESTED}, answers
        else:
            assert [*opened] == [newer.id], answers
        ends.add(after.state)
        await close_all(bot)
    assert len(ends) > 2  # Otherwise the rounds would have been the same one.


async def one_by_one(
    acts: Sequence[Callable[[], Awaitable[object]]], monkeypatch: pytest.MonkeyPatch
) -> Sequence[object]:
    """What came of each, when all of them read what there is and stand before their transaction; then one after the
    other changes what the last one has left."""
    doors: dict[asyncio.Task[object] | None, asyncio.Event] = {}
    came = asyncio.Semaphore(0)

    @asynccontextmanager
    async def changing(database: Database, *places: str, wakes: tuple[str, ...] = ()) -> AsyncIterator[Connection]:
        came.release()
        await doors[asyncio.current_task()].wait()
        async with real(database, *places, wakes=wakes) as connection:
            yield connection

    real = environments.changing
    with monkeypatch.context() as patch:
        patch.setattr(environments, "changing", changing)
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            tasks = [group.create_task(told(act())) for act in acts]
            doors |= {task: asyncio.Event() for task in tasks}
            for _ in tasks:
                await came.acquire()
            for task in tasks:
                doors[task].set()
                await task
    return [task.result() for task in tasks]


async def test_whoever_is_first_decides_and_all_who_looked_before_are_told_so(
    bot: Bot, other: Bot, like: tuple[Operation, Approval], monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(0)
    everything = [*orders(bot, *like, like[0], "")]
    for number in range(27):  # each is first in three of them
        first = everything[number % len(everything)]
        names = [first, *chance.sample([name for name in everything if name != first], len(everything) - 1)]
        before = await waiting(bot, like)
        approval, newer = await bot.approval(before.id), await bot.request(HYUNWOO)
        shown = bulk.fingerprint(await bulk.waiting(bot.database, "prod", actor=JIA, now=bot.clock()))
        lives = [orders(life, before, approval, newer, shown) for life in (bot, other)]
        found = await one_by_one([chance.choice(lives)[name] for name in names], monkeypatch)

        after, consent = await bot.operation(before.id), await bot.approval(before.id)
        end = CLOSES.get(first, OperationState.APPROVED)
        assert (after.state, consent.state) == (end, ENDS[end]), names
        voter = {"vote": MINJI, "another vote": JIA, "all at once": JIA, "glass": SORA}.get(first)
        assert [vote.person for vote in consent.votes] == ([voter.id] if voter else []), names
        assert (consent.broken is not None) == (first == "glass"), names
        mine = [row["outcome"] for row in await bot.table("audit") if row["operation_id"] == before.id]
        assert mine == ["requested", ENDS[end]], names
        losers = dict(zip(names[1:], found[1:], strict=True))
        expected = dict.fromkeys(everything, LATE[end]) | {
            "all at once": None,  # the list has changed
            "changed": True,  # its request has moved on by itself
            "expire": 0,
            "supersede": Reason.ALREADY_OPEN if end is OperationState.APPROVED else put_as(newer, like[0]),
        }
        assert losers == {name: expected[name] for name in names[1:]}, names
        async with bot.database.reading() as connection:
            opened = {one.id: one.state for one in await rows.opened(connection, "prod")}
        decided = {} if after.state.ended else {before.id: after.state}
        put_before_people = first == "supersede" or end is not OperationState.APPROVED
        waits = OperationState.WAITING if put_before_people else OperationState.REQUESTED
        assert opened == {**decided, newer.id: waits}, names
        await close_all(bot)


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
