"""Rows of releases: whoever learns something adds to what is known, and only what may still move is looked at."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import select

from bot.domain import releases
from bot.domain.events import RunStatus, Stage, StageStatus
from bot.domain.releases import Release, ReleaseState
from bot.storage import releases as rows
from bot.storage import schema
from bot.storage.engine import Database
from bot.storage.releases import Built, Stored
from tests.domain.examples import SOURCE, TAG, after, job, release, run, seen, stage
from tests.domain.stories import OVER, Fact, idle, told

pytestmark = pytest.mark.storage
FAILED = run(status=RunStatus.COMPLETED, conclusion="failure")


async def change(
    database: Database,
    *facts: Fact,
    service: str = "ticket-service",
    environment: str = "prod",
    source_revision: str = SOURCE,
    now: datetime | None = None,
    step: Callable[[Release], Release] | None = None,
) -> Stored:
    """Join facts into the release of this key."""
    async with database.transaction() as connection:
        return await rows.change(
            connection,
            environment=environment,
            service=service,
            source_revision=source_revision,
            now=now or after(0),
            step=step or (lambda known: told(*facts, begin=known)),
        )


async def active(database: Database, environment: str = "prod") -> list[Stored]:
    async with database.reading() as connection:
        return await rows.active(connection, environment)


async def test_the_first_change_makes_the_row_and_says_so(database: Database) -> None:
    stored = await change(database, run())

    assert stored == Stored(id=stored.id, release=told(run()), changed=True)
    async with database.reading() as connection:
        assert await rows.by_id(connection, stored.id) == told(run())
        assert await rows.by_id(connection, stored.id + 1) is None


async def test_a_change_that_changes_nothing_writes_nothing(database: Database) -> None:
    first = await change(database, run(), now=after(1))
    again = await change(database, run(), now=after(2))

    assert again == Stored(id=first.id, release=first.release, changed=False)
    async with database.reading() as connection:
        row = (await connection.execute(select(schema.releases))).one()
    assert (row.created_at, row.updated_at) == (after(1), after(1))
    assert (row.state, row.ended) == ("running", 0)


async def test_a_row_says_the_state_of_its_release(database: Database) -> None:
    await change(database, run(), now=after(1))
    await change(database, OVER, seen(), now=after(400))

    async with database.reading() as connection:
        row = (await connection.execute(select(schema.releases))).one()
    assert (row.state, row.ended, row.created_at, row.updated_at) == ("deployed", 1, after(1), after(400))


async def test_a_release_that_was_only_looked_for_exists_empty(database: Database) -> None:
    stored = await change(database)

    assert stored == Stored(id=stored.id, release=release(), changed=False)


async def test_what_many_learn_at_once_adds_up(database: Database) -> None:
    facts: list[Fact] = [
        *(run(run_attempt=attempt) for attempt in range(1, 21)),
        *(job(job_id=number) for number in range(20)),
        *(stage(name, status, run_attempt=2) for name in Stage for status in (StageStatus.STARTED, StageStatus.FAILED)),
        *(idle(at=second) for second in range(20)),
    ]
    stored = await asyncio.gather(*(change(database, fact) for fact in facts for _ in range(2)))

    assert len({one.id for one in stored}) == 1
    known = await change(database)
    assert known.release == told(*facts)


async def test_a_failing_step_leaves_the_release_as_it_was(database: Database) -> None:
    def fail(_: Release) -> Release:
        raise LookupError

    known = await change(database, run())
    with pytest.raises(LookupError):
        await change(database, step=fail)

    assert (await change(database)).release == known.release


async def test_releases_are_told_apart_by_every_part_of_their_key(database: Database) -> None:
    stored = [
        await change(database),
        await change(database, service="backend"),
        await change(database, environment="staging"),
        await change(database, source_revision="f" * 40),
    ]

    assert len({one.id for one in stored}) == 4


async def test_active_are_those_that_may_move_newest_first(database: Database) -> None:
    waiting = await change(database, idle(desired=TAG, at=10))
    deployed = await change(database, OVER, seen(environment="staging"), environment="staging")
    moving = await change(database, source_revision="f" * 40)

    assert releases.state(deployed.release) is ReleaseState.DEPLOYED
    assert await active(database) == [replace(moving, changed=False), replace(waiting, changed=False)]
    assert await active(database, "staging") == []


async def test_a_failed_release_is_active_while_it_is_the_newest_of_its_service(database: Database) -> None:
    failed = await change(database, FAILED)
    await change(database, service="backend")
    await change(database, environment="staging")
    assert failed.id in [one.id for one in await active(database)]

    newer = await change(database, source_revision="f" * 40)
    assert failed.id not in [one.id for one in await active(database)]
    assert newer.id in [one.id for one in await active(database)]

    await change(database, run(run_attempt=2, started_at=after(900)))
    assert failed.id in [one.id for one in await active(database)]


async def test_only_so_many_are_active(database: Database) -> None:
    stored = [await change(database, source_revision=f"{number:040x}") for number in range(rows.ACTIVE_LIMIT + 5)]

    assert [one.id for one in await active(database)] == [one.id for one in reversed(stored)][: rows.ACTIVE_LIMIT]


async def test_a_run_is_remembered_once_by_whoever_comes_first(database: Database) -> None:
    async def remember(environment: str) -> bool:
        async with database.transaction() as connection:
            return await rows.remember_run(connection, run_id=7001, service="backend", environment=environment)

    known = await asyncio.gather(*(remember(name) for name in ("staging", "prod") for _ in range(20)))

    assert sum(known) == 1
    winner = ("staging", "prod")[known.index(True) // 20]
    async with database.reading() as connection:
        assert await rows.run(connection, 7001) == ("backend", winner)
        assert await rows.run(connection, 7002) is None


async def test_a_run_may_have_any_number_github_gives(database: Database) -> None:
    async with database.transaction() as connection:
        assert await rows.remember_run(connection, run_id=2**53, service="backend", environment="prod")
        assert await rows.run(connection, 2**53) == ("backend", "prod")


async def test_only_what_is_on_its_way_is_moving(database: Database) -> None:
    async def moving() -> bool:
        async with database.reading() as connection:
            return "prod" in await rows.moving(connection)

    assert not await moving()
    await change(database, FAILED)
    await change(database, OVER, seen())
    assert not await moving()
    await change(database, source_revision="f" * 40)
    assert await moving()


async def test_what_was_built_of_a_service_is_listed_newest_first(database: Database) -> None:
    other = SOURCE[:-1] + "0"
    first = await change(database, run())
    second = await change(database, source_revision=other, environment="staging")
    await change(database, service="backend")
    await change(database, environment="dev")

    async with database.reading() as connection:
        wanted = ("prod", "staging")
        found = await rows.built(connection, "ticket-service", environments=wanted, limit=10)
        newest = await rows.built(connection, "ticket-service", environments=wanted, limit=1)
        assert await rows.by_ids(connection, [first.id, second.id]) == [second.release, first.release]
        assert await rows.by_ids(connection, []) == []

    assert found == [
        Built(id=second.id, environment="staging", source_revision=other),
        Built(id=first.id, environment="prod", source_revision=SOURCE),
    ]
    assert newest == found[:1]
