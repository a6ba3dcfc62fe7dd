"""Group commit: what shares a transaction, what is a repeat, and what a database that fails costs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.storage import deliveries, writers
from bot.storage.engine import Database
from bot.storage.recorder import NotStored, Overloaded, Recorder
from bot.storage.schema import deliveries as table
from tests.webhooks.doors import NOON, Doors, out_of_reach

pytestmark = pytest.mark.storage


@asynccontextmanager
async def running(recorder: Recorder) -> AsyncIterator[None]:
    """The writer at work."""
    task = asyncio.create_task(recorder.run())
    yield
    task.cancel()
    await asyncio.wait([task])


async def record(recorder: Recorder, key: str, body: bytes = b"{}") -> bool:
    return await recorder.record(source="github", key=key, headers={"event": "push"}, body=body, received_at=NOON)


async def gathered(recorder: Recorder, *keys: str) -> list[asyncio.Task[bool]]:
    """Deliveries that wait for a writer that does not run yet."""
    tasks = [asyncio.create_task(record(recorder, key)) for key in keys]
    await asyncio.sleep(0)
    return tasks


class Counting(Database):
    """A database that remembers how often somebody was told of new deliveries: once per commit."""

    commits = 0

    def wake(self, *names: str) -> None:
        self.commits += names.count("deliveries")
        super().wake(*names)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a stand-in: the same limit, in test time."""
    monkeypatch.setattr(writers, "BUSY_SECONDS", 0.05)


async def test_everything_that_waits_shares_a_commit(database: Database) -> None:
    counting = Counting(database.engine.url.render_as_string(hide_password=False))
    recorder = Recorder(counting)
    waiting = await gathered(recorder, *(f"key-{number:03}" for number in range(300)))
    async with running(recorder):
        assert await asyncio.gather(*waiting) == [True] * 300
    assert counting.commits == 2  # 256 rows and the rest
    taken = await deliveries.take(database, limit=1000)
    assert [delivery.key for delivery in taken] == [f"key-{number:03}" for number in range(300)]
    await counting.close()


async def test_a_body_comes_back_as_it_went_in(database: Database) -> None:
    bodies = [b"", b"{}", bytes(range(256)) * 100]
    recorder = Recorder(database)
    async with running(recorder):
        for number, body in enumerate(bodies):
            assert await record(recorder, str(number), body)
    assert [delivery.body for delivery in await deliveries.take(database, limit=10)] == bodies


async def test_a_repeat_is_stored_once_whether_it_comes_later_or_together(database: Database) -> None:
    recorder = Recorder(database)
    together = await gathered(recorder, "one", "two", "one", "one")
    async with running(recorder):
        assert await asyncio.gather(*together) == [True, True, False, False]
        assert await record(recorder, "one") is False
        assert await asyncio.gather(*await gathered(recorder, "three", "two", "four")) == [True, False, True]
    assert [delivery.key for delivery in await deliveries.take(database, limit=10)] == ["one", "two", "three", "four"]


async def test_the_same_key_of_another_sender_is_another_delivery(database: Database) -> None:
    recorder = Recorder(database)
    async with running(recorder):
        assert await record(recorder, "one")
        assert await recorder.record(source="ci", key="one", headers={}, body=b"", received_at=NOON)


@pytest.mark.parametrize("state", ["done", "ignored", "parked"])
async def test_a_repeat_of_what_was_worked_off_stays_worked_off(database: Database, state: deliveries.Ended) -> None:
    recorder = Recorder(database)
    async with running(recorder):
        await record(recorder, "one")
        async with database.transaction() as connection:
            await deliveries.finish(connection, 1, state=state, reason=None)
        assert await record(recorder, "one") is False
    assert await deliveries.counts(database) == {state: 1}


async def test_a_repeat_of_what_failed_is_worked_off_again(database: Database) -> None:
    recorder = Recorder(database)
    async with running(recorder):
        await record(recorder, "one", b"first")
        async with database.transaction() as connection:
            await deliveries.count_attempt(connection, 1)
            await deliveries.finish(connection, 1, state="failed", reason="The body is not JSON.", subject="run:1")
        assert await record(recorder, "one", b"first") is True
        assert await record(recorder, "one", b"first") is False
    (again,) = await deliveries.take(database, limit=10)
    assert (again.id, again.body, again.attempts) == (1, b"first", 0)
    async with database.reading() as connection:
        row = (await connection.execute(table.select())).one()
    assert (row.state, row.reason, row.subject) == ("received", None, None)


async def test_more_than_may_wait_is_turned_away_and_the_rest_is_stored(database: Database) -> None:
    recorder = Recorder(database, limit=2)
    waiting = await gathered(recorder, "one", "two")
    with pytest.raises(Overloaded):
        await record(recorder, "three")
    async with running(recorder):
        assert await asyncio.gather(*waiting) == [True, True]
        assert await record(recorder, "three")


async def test_a_locked_database_acknowledges_nothing(doors: Doors, impatient: None) -> None:
    async with out_of_reach(doors.database):
        answer = await doors.github(b"{}", delivery="one")
    assert answer.status == 503
    assert answer.body == {"status": "failed", "reason": "the database did not store it"}
    assert answer.headers["Retry-After"] == "5"
    assert doors.outcomes == [("github", "not_stored")]
    assert await doors.stored() == []
    assert (await doors.github(b"{}", delivery="one")).body == {"status": "accepted"}


async def test_a_broken_database_acknowledges_nothing_and_is_used_again_when_repaired(doors: Doors) -> None:
    async with doors.database.transaction() as connection:
        await connection.run_sync(table.drop)
    answers = await asyncio.gather(*(doors.github(b"{}") for _ in range(20)))
    assert {answer.status for answer in answers} == {503}
    async with doors.database.transaction() as connection:
        await connection.run_sync(table.create)
    assert (await doors.github(b"{}")).status == 202


async def test_what_waits_when_the_writer_stops_is_not_acknowledged(database: Database, impatient: None) -> None:
    recorder = Recorder(database)
    async with out_of_reach(database):
        async with running(recorder):
            (under_way,) = await gathered(recorder, "one")
            (waiting,) = await gathered(recorder, "two")
        for task in (under_way, waiting):
            with pytest.raises(NotStored):
                await task


async def test_what_comes_after_the_writer_has_stopped_does_not_wait_for_it(database: Database) -> None:
    recorder = Recorder(database)
    async with running(recorder):
        assert await record(recorder, "one")
    async with asyncio.timeout(5):
        with pytest.raises(NotStored):
            await record(recorder, "two")
