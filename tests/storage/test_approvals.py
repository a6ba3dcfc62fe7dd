"""Rows of approvals: a decision is made once, however many people press at the same time."""

import asyncio
from datetime import datetime
from typing import Any

import pytest

from bot.domain import approvals
from bot.domain.approvals import Approval, ApprovalState
from bot.domain.reasons import Reason, Refused
from bot.storage import approvals as rows
from bot.storage.engine import Database
from tests.domain.examples import OPERATION_ID, after, approval

pytestmark = pytest.mark.storage
NOW, PEOPLE = after(260), range(1000, 2000)


async def add(database: Database, one: Approval) -> bool:
    async with database.transaction() as connection:
        return await rows.add(connection, one)


async def get(database: Database, approval_id: str = OPERATION_ID) -> tuple[Approval, int] | None:
    async with database.reading() as connection:
        return await rows.get(connection, approval_id)


async def save(database: Database, one: Approval, *, version: int) -> bool:
    async with database.transaction() as connection:
        return await rows.save(connection, one, version=version)


async def read(database: Database) -> tuple[Approval, int]:
    found = await get(database)
    assert found is not None
    return found


async def press(database: Database, person: int) -> Approval | Reason:
    """One person's consent, tried again whenever somebody else was faster."""
    while True:
        found, version = await read(database)
        try:
            voted = approvals.grant(found, person=person, name=f"person {person}", now=NOW)
        except Refused as refusal:
            return refusal.reason
        if await save(database, voted, version=version):
            return voted


def another(number: int, **changes: Any) -> Approval:
    return approval(id=f"a-{number}", operation_id=f"a-{number}", **changes)


async def test_an_approval_is_kept_as_it_is_once_per_operation(database: Database) -> None:
    assert await get(database) is None
    assert await add(database, approval())
    assert not await add(database, approval(required=5))
    assert not await add(database, approval(id="another"))

    assert await get(database) == (approval(), 1)
    async with database.reading() as connection:
        assert await rows.of_operation(connection, OPERATION_ID) == (approval(), 1)
        assert await rows.of_operation(connection, "another") is None


async def test_of_a_thousand_who_saw_it_open_one_grants(database: Database) -> None:
    await add(database, approval())
    shown = await asyncio.gather(*(read(database) for _ in PEOPLE))
    votes = [
        approvals.grant(found, person=person, name=f"person {person}", now=NOW)
        for (found, _), person in zip(shown, PEOPLE, strict=True)
    ]
    saved = await asyncio.gather(*(save(database, vote, version=1) for vote in votes))

    assert sum(saved) == 1
    assert await get(database) == (votes[saved.index(True)], 2)


@pytest.mark.parametrize("required", [1, 3])
async def test_of_a_thousand_presses_as_many_count_as_are_needed(database: Database, required: int) -> None:
    await add(database, approval(required=required))
    results = await asyncio.gather(*(press(database, person) for person in PEOPLE))

    counted = [result for result in results if isinstance(result, Approval)]
    assert len(counted) == required
    assert [result for result in counted if result.state is ApprovalState.GRANTED] == [(await read(database))[0]]
    assert results.count(Reason.ALREADY_DECIDED) == len(PEOPLE) - required
    assert len({vote.person for vote in (await read(database))[0].votes}) == required


async def test_one_person_counts_once_however_often(database: Database) -> None:
    await add(database, approval(required=2))
    results = await asyncio.gather(*(press(database, 1000) for _ in range(50)))

    assert results.count(Reason.ALREADY_VOTED) == 49
    assert len((await read(database))[0].votes) == 1


async def test_yes_and_no_at_once_are_one_decision(database: Database) -> None:
    await add(database, approval())
    found, version = await read(database)
    decisions = [
        approvals.grant(found, person=1000, name="yes", now=NOW),
        approvals.reject(found, name="no", now=NOW),
        approvals.withdraw(found, person=1, asked_by=1, name="never mind", now=NOW),
        approvals.supersede(found, now=NOW),
        approvals.expire(found, now=found.expires_at),
    ]
    saved = await asyncio.gather(*(save(database, one, version=version) for one in decisions for _ in range(10)))

    assert sum(saved) == 1
    assert (await read(database))[0] == decisions[saved.index(True) // 10]


async def test_a_closed_approval_stays_whatever_the_version(database: Database) -> None:
    await add(database, approval())
    rejected = approvals.reject(approval(), name="no", now=NOW)
    assert await save(database, rejected, version=1)

    assert not await save(database, approvals.grant(approval(), person=1000, name="yes", now=NOW), version=2)
    assert await get(database) == (rejected, 2)


async def test_a_version_that_was_not_read_is_not_written(database: Database) -> None:
    await add(database, approval())

    for version in (0, 2):
        assert not await save(database, approvals.reject(approval(), name="no", now=NOW), version=version)
    assert await get(database) == (approval(), 1)


async def test_overdue_are_the_pending_whose_time_is_over(database: Database) -> None:
    over: datetime = after(500)
    await add(database, another(1, expires_at=over))
    await add(database, another(2, expires_at=after(500.001)))
    await add(database, another(3, expires_at=after(400), state=ApprovalState.GRANTED))
    await add(database, another(4, expires_at=after(400)))

    async with database.reading() as connection:
        assert sorted(await rows.overdue(connection, now=over)) == ["a-1", "a-4"]


async def test_only_what_nobody_has_reviewed_is_written_after_its_end(database: Database) -> None:
    async def unreviewed() -> list[Approval]:
        async with database.reading() as connection:
            return await rows.unreviewed(connection)

    await add(database, approval())
    broken = approvals.break_glass(approval(), person=1000, name="x", reason="it burns", now=NOW)
    reviewed = approvals.review(broken, person=1001, asked_by=None, name="y", now=NOW)
    granted = approvals.grant(approval(), person=1001, name="y", now=NOW)

    assert await unreviewed() == []
    saved = await asyncio.gather(*(save(database, one, version=1) for one in [broken] * 5))
    assert (sum(saved), await unreviewed()) == (1, [broken])
    assert not await save(database, granted, version=1)
    saved = await asyncio.gather(*(save(database, one, version=2) for one in [reviewed] * 5))
    assert (sum(saved), await unreviewed()) == (1, [])
    assert not await save(database, granted, version=3)
    assert await get(database) == (reviewed, 3)
