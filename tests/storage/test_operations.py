"""Rows of operations: everything is done once, whoever tries it at the same time."""

import asyncio
from dataclasses import replace

import pytest
from alembic import command
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from bot.domain.operations import OPEN, Operation, OperationKind, OperationState
from bot.storage import migrations, schema
from bot.storage import operations as rows
from bot.storage.engine import Database
from tests.domain.examples import after
from tests.storage.requests import add, asked, for_service, save

pytestmark = pytest.mark.storage
MANY = 200
ENDED = sorted(set(OperationState) - OPEN)


async def get(database: Database, number: int) -> Operation | None:
    async with database.reading() as connection:
        return await rows.get(connection, f"op-{number:04}")


async def count(database: Database) -> int:
    async with database.reading() as connection:
        return (await connection.execute(select(func.count()).select_from(schema.operations))).scalar_one()


async def test_an_operation_is_kept_as_it_is(database: Database) -> None:
    assert await add(database, asked(1))

    assert await get(database, 1) == asked(1)
    assert await get(database, 2) is None


async def test_many_requests_for_one_target_are_one(database: Database) -> None:
    added = await asyncio.gather(*(add(database, asked(number)) for number in range(MANY)))

    assert (sum(added), await count(database)) == (1, 1)
    assert await get(database, added.index(True)) == asked(added.index(True))


async def test_many_requests_with_one_natural_key_are_one(database: Database) -> None:
    added = await asyncio.gather(*(add(database, for_service(number), once="release:7:tag") for number in range(MANY)))

    assert (sum(added), await count(database)) == (1, 1)


async def test_a_natural_key_is_used_up_for_ever_and_a_target_until_the_end(database: Database) -> None:
    assert await add(database, asked(1), once="release:7:tag")
    assert not await add(database, asked(2), once="release:8:tag")

    assert await save(database, asked(1, state=OperationState.FAILED), expected=OperationState.REQUESTED)
    assert not await add(database, asked(3), once="release:7:tag")
    assert await add(database, asked(4), once="release:8:tag")


@pytest.mark.parametrize("state", ENDED)
async def test_every_end_frees_the_target(database: Database, state: OperationState) -> None:
    assert await add(database, asked(1))
    assert await save(database, asked(1, state=state), expected=OperationState.REQUESTED)

    assert await add(database, asked(2))


@pytest.mark.parametrize("state", sorted(OPEN - {OperationState.REQUESTED}))
async def test_no_open_state_frees_the_target_and_one_more_is_prepared(
    database: Database, state: OperationState
) -> None:
    assert await add(database, asked(1))
    await save(database, asked(1, state=state), expected=OperationState.REQUESTED)

    assert not await add(database, asked(2, state=OperationState.WAITING))
    assert await add(database, asked(3))
    assert not await add(database, asked(4))
    with pytest.raises(IntegrityError):
        await save(database, asked(3, state=OperationState.WAITING), expected=OperationState.REQUESTED)
    assert await get(database, 1) == asked(1, state=state)
    assert await get(database, 3) == asked(3)


async def test_a_target_is_a_service_in_an_environment_and_only_deploys_hold_one(database: Database) -> None:
    assert await add(database, asked(1))
    assert await add(database, asked(2, environment="staging"))
    assert await add(database, asked(3, service="backend"))
    assert await add(database, asked(4, kind=OperationKind.REFRESH))
    assert await add(database, asked(5, kind=OperationKind.REFRESH))
    assert not await add(database, asked(6))


async def test_of_many_steps_from_one_state_one_is_taken(database: Database) -> None:
    await add(database, asked(1))
    steps = [asked(1, state=OperationState.APPROVED, detail=f"worker {number}") for number in range(MANY)]
    saved = await asyncio.gather(*(save(database, one, expected=OperationState.REQUESTED) for one in steps))

    assert sum(saved) == 1
    assert await get(database, 1) == steps[saved.index(True)]


async def test_a_step_from_another_state_or_of_nothing_is_not_taken(database: Database) -> None:
    await add(database, asked(1))

    assert not await save(database, asked(1, state=OperationState.RUNNING), expected=OperationState.APPROVED)
    assert not await save(database, asked(2, state=OperationState.WAITING), expected=OperationState.REQUESTED)
    assert await get(database, 1) == asked(1)
    assert await save(database, asked(1, attempts=1), expected=OperationState.REQUESTED)
    assert await get(database, 1) == asked(1, attempts=1)


async def test_the_open_operations_of_an_environment_oldest_first(database: Database) -> None:
    await add(database, for_service(2))
    await add(database, for_service(1, state=OperationState.WAITING))
    await add(database, for_service(3, environment="staging"))
    await add(database, for_service(4, state=OperationState.SUCCEEDED))

    async with database.reading() as connection:
        found = await rows.opened(connection, "prod")
    assert found == [for_service(1, state=OperationState.WAITING), for_service(2)]


async def test_the_newest_deploy_of_a_release(database: Database) -> None:
    await add(database, asked(1, release_id=7, state=OperationState.FAILED))
    await add(database, asked(2, release_id=7))
    await add(database, asked(3, release_id=7, kind=OperationKind.REFRESH))
    await add(database, for_service(4, release_id=8))

    async with database.reading() as connection:
        assert await rows.of_release(connection, 7) == asked(2, release_id=7)
        assert await rows.of_release(connection, 9) is None


async def test_pull_requests_are_looked_for_where_one_may_be_left(database: Database) -> None:
    """Also in rows that were written before there was a column that says so."""
    wanted = [
        for_service(number, state=state, tag="1.10", pull_request=url)
        for number, (state, url) in enumerate(
            [
                (OperationState.SUPERSEDED, None),
                (OperationState.REFUSED, "https://x/pull/1"),
                (OperationState.FAILED, None),
            ]
        )
    ]
    others = [
        for_service(10, state=OperationState.APPROVED, tag="1.10"),
        for_service(11, state=OperationState.REJECTED, tag="1.10"),
        for_service(12, state=OperationState.FAILED, tag="1.10", written="a" * 40),
        for_service(13, state=OperationState.REFUSED, tag="1.10", pull_closed=True),
        for_service(14, state=OperationState.REFUSED, tag="1.10", kind=OperationKind.RESTART),
        for_service(15, state=OperationState.REFUSED, tag="1.10", updated_at=after(0)),
        *(for_service(20 + number, state=OperationState.REFUSED) for number in range(60)),
    ]
    quoting = for_service(
        90, state=OperationState.REFUSED, tag="1.10", detail='"pull_closed":true "tag":null,"written":null'
    )
    for one in (*others, *wanted, quoting):
        assert await add(database, one)
    async with database.reading() as connection:
        assert await rows.with_pulls(connection, since=after(1)) == [*wanted, quoting]

    async with database.transaction() as connection:
        await connection.run_sync(lambda sync: command.downgrade(migrations.config(sync), "0006"))
    await migrations.upgrade(database)
    async with database.transaction() as connection:
        assert await rows.with_pulls(connection, since=after(1)) == [*wanted, quoting]
        closed = replace(wanted[1], pull_closed=True)
        assert await rows.save(connection, closed, expected=OperationState.REFUSED)
        assert await rows.with_pulls(connection, since=after(1)) == [wanted[0], wanted[2], quoting]
