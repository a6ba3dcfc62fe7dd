"""The row is the queue: taken in order, ended, parked, replayed, forgotten."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from bot.storage import deliveries
from bot.storage.deliveries import Delivery, End, Ended
from bot.storage.engine import Database
from bot.storage.schema import deliveries as table
from bot.storage.writers import Row, opened
from tests.webhooks.doors import NOON

pytestmark = pytest.mark.storage
PACKED = bytes.fromhex("78da030000000001")  # nothing, as zlib writes it


async def store(database: Database, *keys: str, days: int = 0) -> None:
    async with opened(database) as write:
        await write(
            [
                Row(source="ci", key=key, headers='{"a": "b"}', body=PACKED, received_at=NOON + timedelta(days=days))
                for key in keys
            ]
        )


async def end(database: Database, state: Ended, ids: Sequence[int], *, subject: str | None = None) -> None:
    async with database.transaction() as connection:
        ends = [End(id=delivery_id, state=state, reason="r" * 400, subject=subject) for delivery_id in ids]
        await deliveries.finish_all(connection, ends)


async def taken(database: Database, *, limit: int = 100) -> list[int]:
    return [delivery.id for delivery in await deliveries.take(database, limit=limit)]


async def test_the_oldest_are_taken_first_and_stay_until_they_are_finished(database: Database) -> None:
    await store(database, "one", "two", "three")
    assert await deliveries.take(database, limit=1) == [
        Delivery(id=1, source="ci", key="one", headers={"a": "b"}, body=b"", received_at=NOON, attempts=0)
    ]
    assert await taken(database, limit=2) == [1, 2]
    await end(database, "done", [1])
    assert await taken(database) == [2, 3]


async def test_no_more_is_taken_than_fits_into_memory_but_always_one(database: Database) -> None:
    large = PACKED + bytes(2_500_000)  # zlib stops where the stream ends
    async with opened(database) as write:
        for key in ("one", "two"):
            await write([Row(source="ci", key=key, headers="{}", body=large, received_at=NOON)])
    assert await taken(database) == [1]
    await end(database, "done", [1])
    assert await taken(database) == [2]


async def test_a_batch_ends_each_in_its_own_way(database: Database) -> None:
    await store(database, "one", "two", "three", "four")
    async with database.transaction() as connection:
        alike = [End(id=1, state="done"), End(id=4, state="done")]
        await deliveries.finish_all(connection, [*alike, End(id=3, state="parked", subject="run:1")])
        await deliveries.finish_all(connection, [])
    async with database.reading() as connection:
        rows = await connection.execute(table.select().order_by(table.c.id))
        assert [(row.state, row.subject) for row in rows] == [
            ("done", None),
            ("received", None),
            ("parked", "run:1"),
            ("done", None),
        ]


async def test_a_reason_is_cut_to_its_column(database: Database) -> None:
    await store(database, "one")
    await end(database, "failed", [1], subject="run:1")
    async with database.reading() as connection:
        row = (await connection.execute(table.select())).one()
    assert (row.state, row.reason, row.subject) == ("failed", "r" * 300, "run:1")


async def test_parked_deliveries_come_back_when_what_they_wait_for_has_come(database: Database) -> None:
    await store(database, "one", "two", "three", "four")
    await end(database, "parked", [1, 3], subject="run:1")
    await end(database, "parked", [2], subject="run:2")
    assert await taken(database) == [4]
    async with database.transaction() as connection:
        assert await deliveries.unpark(connection, "run:1") == 2
        assert await deliveries.unpark(connection, "run:1") == 0
    assert await taken(database) == [1, 3, 4]


async def test_attempts_are_counted_and_a_replay_starts_again(database: Database) -> None:
    await store(database, "one")
    for _ in range(2):
        async with database.transaction() as connection:
            await deliveries.count_attempt(connection, 1)
    assert [delivery.attempts for delivery in await deliveries.take(database, limit=1)] == [2]
    await end(database, "failed", [1])
    assert await deliveries.replay(database, 1)
    assert [delivery.attempts for delivery in await deliveries.take(database, limit=1)] == [0]
    await asyncio.wait_for(database.wait("deliveries", seconds=60), 1)  # the replay has woken whoever waits
    assert not await deliveries.replay(database, 2)


async def test_old_deliveries_go_and_failed_and_waiting_ones_stay(database: Database) -> None:
    old: dict[str, Sequence[int]] = {"done": range(1, 602), "ignored": [602], "parked": [603], "failed": [604]}
    await store(database, *(f"old-{number}" for number in range(605)))
    await store(database, "new", days=1)
    await end(database, "done", old["done"])
    await end(database, "ignored", old["ignored"])
    await end(database, "parked", old["parked"])
    await end(database, "failed", old["failed"])
    await end(database, "done", [606])
    assert await deliveries.prune(database, NOON) == 0
    assert await deliveries.prune(database, NOON + timedelta(hours=1)) == 603
    assert await deliveries.counts(database) == {"failed": 1, "received": 1, "done": 1}
    assert await deliveries.prune(database, NOON + timedelta(hours=1)) == 0


async def test_counts_of_an_empty_database(database: Database) -> None:
    assert await deliveries.counts(database) == {}
