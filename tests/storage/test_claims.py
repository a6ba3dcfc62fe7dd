"""Claims on operations: the oldest first, each in one worker's hands, and given up at its moment."""

import asyncio
from collections.abc import Collection
from datetime import datetime

import pytest

from bot.domain.operations import WORKABLE, OperationKind, OperationState
from bot.storage import operations as rows
from bot.storage.engine import Database
from tests.domain.examples import after
from tests.storage.requests import add, asked, for_service

pytestmark = pytest.mark.storage


async def claim(
    database: Database,
    worker: str,
    *,
    now: datetime,
    until: datetime | None = None,
    limit: int = 10,
    full: Collection[str] = (),
) -> list[str]:
    async with database.transaction() as connection:
        found = [one.id for one in await rows.free(connection, now=now, limit=limit, full=full)]
        await rows.claim(connection, found, worker=worker, until=until or after(1020))
    return found


async def hold(database: Database, number: int, worker: str, *, until: datetime) -> bool:
    async with database.transaction() as connection:
        return await rows.hold(connection, f"op-{number:04}", worker=worker, until=until)


async def put_down(database: Database, number: int, worker: str, *, until: datetime | None) -> bool:
    async with database.transaction() as connection:
        return await rows.put_down(connection, f"op-{number:04}", worker=worker, until=until)


async def test_the_oldest_are_claimed_first_and_each_by_one_worker(database: Database) -> None:
    for number in (3, 1, 2):
        await add(database, for_service(number))

    assert await claim(database, "a", now=after(1000), limit=2) == ["op-0001", "op-0002"]
    assert await claim(database, "b", now=after(1000)) == ["op-0003"]
    assert await claim(database, "c", now=after(1000)) == []
    assert await claim(database, "c", now=after(1000), limit=0) == []


async def test_what_was_put_down_longest_ago_comes_next_and_after_what_nobody_had(database: Database) -> None:
    for number in (1, 2, 3):
        await add(database, for_service(number))
    await claim(database, "a", now=after(1000), limit=2)
    await put_down(database, 2, "a", until=after(1005))
    await put_down(database, 1, "a", until=after(1006))

    assert await claim(database, "b", now=after(1010)) == ["op-0003", "op-0002", "op-0001"]


async def test_what_is_left_alone_is_looked_at_again_when_somebody_says_so_and_what_is_in_hand_is_not(
    database: Database,
) -> None:
    for number in (1, 2, 3):
        await add(database, for_service(number))
    await claim(database, "a", now=after(1000), until=after(1020))
    for number in (1, 2):
        await put_down(database, number, "a", until=after(1010))
    assert await claim(database, "b", now=after(1009)) == []

    async with database.transaction() as connection:
        await rows.look_again(connection, [])
        await rows.look_again(connection, ["op-0002", "op-0003"])
    assert await claim(database, "b", now=after(1009)) == ["op-0002"]
    assert await claim(database, "b", now=after(1010)) == ["op-0001"]


async def test_of_a_full_environment_only_what_stops_something_is_claimed(database: Database) -> None:
    await add(database, for_service(1))
    await add(database, for_service(2, environment="staging"))
    await add(database, asked(3, kind=OperationKind.TERMINATE, service=None))

    assert await claim(database, "a", now=after(1000), full={"prod"}) == ["op-0002", "op-0003"]
    assert await claim(database, "a", now=after(1000)) == ["op-0001"]


async def test_many_workers_share_many_operations(database: Database) -> None:
    for number in range(60):
        await add(database, for_service(number))
    claimed = await asyncio.gather(
        *(claim(database, f"worker {number}", now=after(1000), limit=4) for number in range(30))
    )

    taken = [one for some in claimed for one in some]
    assert len(taken) == len(set(taken))
    # On PostgreSQL a worker passes over what another one is just taking, so the last few may be left for a next look.
    left = await claim(database, "late", now=after(1000), limit=100)
    assert sorted([*taken, *left]) == [f"op-{number:04}" for number in range(60)]


async def test_a_claim_runs_out_at_its_moment(database: Database) -> None:
    await add(database, asked(1))
    await claim(database, "a", now=after(1000), until=after(1020))

    assert await claim(database, "b", now=after(1019.999), until=after(1040)) == []
    assert await claim(database, "b", now=after(1020), until=after(1040)) == ["op-0001"]
    assert not await hold(database, 1, "a", until=after(1060))
    assert await claim(database, "c", now=after(1030)) == []


async def test_a_claim_is_prolonged_and_given_back_by_its_worker_alone(database: Database) -> None:
    await add(database, asked(1))
    await claim(database, "a", now=after(1000), until=after(1020))

    assert not await hold(database, 1, "b", until=after(1060))
    assert not await put_down(database, 1, "b", until=None)
    assert await hold(database, 1, "a", until=after(1060))
    assert await claim(database, "b", now=after(1030)) == []
    assert await put_down(database, 1, "a", until=None)
    assert not await hold(database, 1, "a", until=after(1060))
    assert await claim(database, "b", now=after(1030)) == ["op-0001"]
    assert not await put_down(database, 2, "a", until=None)


async def test_workers_claim_what_needs_a_worker(database: Database) -> None:
    for number, state in enumerate(OperationState):
        await add(database, for_service(number, state=state))

    assert await claim(database, "a", now=after(1000), limit=100) == [
        f"op-{number:04}" for number, state in enumerate(OperationState) if state in WORKABLE
    ]
