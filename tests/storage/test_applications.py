"""Rows of Applications: the newest read, why the newest attempt failed, and whether somebody asked for another."""

import asyncio
from datetime import datetime

import pytest

from bot.domain.reasons import Reason
from bot.storage import applications as rows
from bot.storage.applications import Known
from bot.storage.engine import Database
from tests.domain.examples import after, seen

pytestmark = pytest.mark.storage


async def hint(database: Database, at: float, environment: str = "prod") -> None:
    async with database.transaction() as connection:
        await rows.hint(connection, environment, now=after(at))


async def save(database: Database, at: float) -> None:
    async with database.transaction() as connection:
        await rows.save(connection, seen(observed_at=after(at)))


async def fail(database: Database, since: float, reason: Reason = Reason.ARGOCD_UNREACHABLE) -> None:
    async with database.transaction() as connection:
        await rows.fail(connection, "prod", reason=reason, since=after(since))


async def known(database: Database, environment: str = "prod") -> Known:
    async with database.reading() as connection:
        return await rows.get(connection, environment)


def told(*, read: float | None = None, hinted_at: datetime | None = None, failure: Reason | None = None) -> Known:
    """What is known after a read that began then."""
    return Known(
        environment="prod",
        observation=None if read is None else seen(observed_at=after(read)),
        observed_at=None if read is None else after(read),
        hinted_at=hinted_at,
        failure=failure,
    )


async def test_before_anything_nothing_is_known(database: Database) -> None:
    assert await known(database) == told()


async def test_a_read_is_kept_and_replaced_by_a_newer_one(database: Database) -> None:
    await save(database, 10)
    assert await known(database) == told(read=10)
    await save(database, 20)
    assert await known(database) == told(read=20)


async def test_a_read_that_began_before_the_one_kept_is_not_kept(database: Database) -> None:
    await save(database, 20)
    await save(database, 10)

    assert await known(database) == told(read=20)


async def test_of_reads_at_once_the_newest_stays(database: Database) -> None:
    await asyncio.gather(*(save(database, at) for at in (*range(20, 0, -1), *range(1, 20))))

    assert await known(database) == told(read=20)


async def test_a_hint_is_answered_by_a_read_that_began_after_it(database: Database) -> None:
    await hint(database, 5)
    assert await known(database) == told(hinted_at=after(5))
    await save(database, 10)
    assert await known(database) == told(read=10)


@pytest.mark.parametrize("before", [False, True])
async def test_a_hint_given_during_a_read_stays(database: Database, before: bool) -> None:
    if before:
        await save(database, 1)
    await hint(database, 11)
    await save(database, 10)

    assert await known(database) == told(read=10, hinted_at=after(11))
    await save(database, 11)
    assert await known(database) == told(read=11)


async def test_a_failed_read_says_why_and_keeps_the_last_good_one(database: Database) -> None:
    await save(database, 10)
    await hint(database, 15)
    await fail(database, 20)
    assert await known(database) == told(read=10, failure=Reason.ARGOCD_UNREACHABLE)

    await fail(database, 30, Reason.ARGOCD_TOKEN)
    assert await known(database) == told(read=10, failure=Reason.ARGOCD_TOKEN)
    await save(database, 40)
    assert await known(database) == told(read=40)


async def test_the_first_read_of_all_may_fail(database: Database) -> None:
    await fail(database, 20)

    assert await known(database) == told(failure=Reason.ARGOCD_UNREACHABLE)


async def test_a_hint_given_during_a_read_that_fails_stays(database: Database) -> None:
    await hint(database, 25)
    await fail(database, 20)

    assert await known(database) == told(hinted_at=after(25), failure=Reason.ARGOCD_UNREACHABLE)


async def test_a_failure_older_than_the_read_that_is_kept_is_no_news(database: Database) -> None:
    await save(database, 20)
    await fail(database, 10)

    assert await known(database) == told(read=20)


async def test_environments_do_not_mix(database: Database) -> None:
    await save(database, 10)
    await hint(database, 15, "staging")

    assert await known(database) == told(read=10)
    assert (await known(database, "staging")).hinted_at == after(15)
