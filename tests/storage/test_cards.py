"""The rows behind the board: a mark is never lost, and what is announced is found again after a crash."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.storage import cards
from bot.storage.cards import StaleCard
from bot.storage.engine import Database

pytestmark = pytest.mark.storage
NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """So many seconds later."""
    return NOW + timedelta(seconds=seconds)


async def mark(database: Database, key: str = "release:1", *, seconds: float = 0) -> None:
    """Mark a card stale."""
    async with database.transaction() as connection:
        await cards.mark_stale(connection, key, now=later(seconds))


async def stale(database: Database, *, seconds: float = 0) -> list[StaleCard]:
    """What is due."""
    return await cards.due(database, now=later(seconds), limit=10)


async def known(database: Database, key: str = "release:1") -> tuple[bool, tuple[int, int] | None]:
    """Whether a message may show the card, and where."""
    async with database.reading() as connection:
        return await cards.announced(connection, key), await cards.location(connection, key)


async def test_marks_keep_the_earliest_time_and_count(database: Database) -> None:
    for seconds in (0, 5):
        await mark(database, seconds=seconds)

    assert await stale(database) == [
        StaleCard(
            key="release:1",
            version=2,
            stale_since=NOW,
            channel_id=None,
            message_id=None,
            digest=None,
            generation=0,
            posting_since=None,
            posted_at=None,
            retired_message_id=None,
            failures=0,
        )
    ]


async def test_settling_clears_only_what_was_seen(database: Database) -> None:
    await mark(database)
    [seen] = await stale(database)
    await mark(database, seconds=1)

    await cards.settled(database, seen, digest="d", looked_at=later(0.5))
    [again] = await stale(database, seconds=2)
    assert (again.stale_since, again.digest) == (later(0.5), "d")

    await cards.settled(database, again, digest="e", looked_at=later(3), not_before=later(9))
    assert await stale(database, seconds=4) == []
    await mark(database, seconds=4)
    assert await stale(database, seconds=8) == []
    assert [card.stale_since for card in await stale(database, seconds=9)] == [later(4)]


async def test_the_longest_stale_come_first_without_those_in_hand(database: Database) -> None:
    for number in (3, 1, 2):
        await mark(database, f"release:{number}", seconds=number)

    found = await cards.due(database, now=later(9), limit=2)
    rest = await cards.due(database, now=later(9), limit=9, besides={"release:1"})
    assert [card.key for card in found] == ["release:1", "release:2"]
    assert [card.key for card in rest] == ["release:2", "release:3"]


async def test_a_post_is_announced_and_written_down(database: Database) -> None:
    await mark(database)
    [card] = await stale(database)
    assert await known(database) == (False, None)

    announced = await cards.posting(database, card, channel_id=7, now=later(1))
    assert (announced.channel_id, announced.posting_since, announced.generation) == (7, later(1), 0)
    assert await known(database) == (True, None)

    await cards.posted(database, "release:1", message_id=2**62, digest="d", now=later(2))
    [written] = await stale(database)
    assert (written.message_id, written.digest, written.posted_at) == (2**62, "d", later(2))
    assert written.posting_since is None
    assert await known(database) == (True, (7, 2**62))
    assert await known(database, "release:2") == (False, None)


async def test_the_next_part_forgets_the_old_message_or_retires_it(database: Database) -> None:
    await mark(database)
    [card] = await stale(database)
    await cards.posting(database, card, channel_id=7, now=NOW)
    await cards.posted(database, "release:1", message_id=1, digest="d", now=NOW)
    [first] = await stale(database)

    second = await cards.posting(database, first, channel_id=7, now=later(1), retire=1)
    assert (second.generation, second.message_id, second.digest, second.retired_message_id) == (1, None, None, 1)

    again = await cards.posting(database, second, channel_id=7, now=later(2))
    assert (again.generation, again.retired_message_id) == (1, 1)
    await cards.settled(database, again, digest="e", looked_at=later(3))
    await mark(database, seconds=4)
    assert [one.retired_message_id for one in await stale(database, seconds=4)] == [None]


@pytest.mark.parametrize(("nothing_posted", "announced"), [(True, None), (False, NOW)])
async def test_a_setback_waits_and_keeps_a_doubtful_announcement(
    database: Database, nothing_posted: bool, announced: datetime | None
) -> None:
    await mark(database)
    [card] = await stale(database)
    await cards.posting(database, card, channel_id=7, now=NOW)

    await cards.postpone(database, "release:1", until=later(30), nothing_posted=nothing_posted)

    assert await stale(database, seconds=29) == []
    [waiting] = await stale(database, seconds=30)
    assert (waiting.failures, waiting.posting_since) == (1, announced)
    assert await known(database) == (not nothing_posted, None)
