"""Rows of incidents: one for each episode, and two failures at once are two."""

import asyncio

import pytest
from sqlalchemy import select

from bot.domain import incidents
from bot.domain.incidents import Incident, Signal
from bot.storage import incidents as rows
from bot.storage import schema
from bot.storage.engine import Database
from tests.domain.examples import after, signal

pytestmark = pytest.mark.storage
SUBJECT = signal().subject


async def record(database: Database, one: Signal) -> Incident:
    """Count a signal as the bot does: read, apply, write, in one transaction."""
    async with database.transaction() as connection:
        incident = incidents.apply(await rows.newest(connection, one.subject), signal=one)
        await rows.save(connection, incident)
    return incident


async def newest(database: Database, subject: str = SUBJECT) -> Incident | None:
    async with database.transaction() as connection:
        return await rows.newest(connection, subject)


def bad(number: int) -> Signal:
    return signal(order="1", occurrence=f"failure {number}", at=after(number))


async def test_an_episode_is_kept_and_overwritten(database: Database) -> None:
    assert await newest(database) is None
    first = await record(database, signal())
    assert await newest(database) == first

    again = await record(database, signal(order="2", occurrence="second", at=after(2)))
    assert await newest(database) == again
    assert again.count == 2
    async with database.reading() as connection:
        assert await rows.get(connection, SUBJECT, episode=1) == again
        assert await rows.get(connection, SUBJECT, episode=2) is None
        assert await rows.get(connection, "sync:prod", episode=1) is None


async def test_every_episode_has_its_row(database: Database) -> None:
    for number, is_bad in enumerate((False, True, False, True)):
        await record(database, signal(bad=is_bad, order=f"{number}", occurrence=f"{number}", at=after(number)))

    async with database.reading() as connection:
        found = await connection.execute(select(schema.incidents.c.episode).order_by(schema.incidents.c.episode))
    assert list(found.scalars()) == [0, 1, 2]
    incident = await newest(database)
    assert incident is not None
    assert incident.episode == 2


async def test_many_failures_at_once_open_one_episode_and_all_count(database: Database) -> None:
    await asyncio.gather(*(record(database, bad(number)) for number in range(40)))

    incident = await newest(database)
    assert incident is not None
    assert (incident.episode, incident.count) == (1, 40)


async def test_many_failures_at_once_open_one_episode_after_a_recovery(database: Database) -> None:
    await record(database, signal(order="0"))
    await record(database, signal(order="0", bad=False))
    await asyncio.gather(*(record(database, bad(number)) for number in range(40)))

    incident = await newest(database)
    assert incident is not None
    assert (incident.episode, incident.count) == (2, 40)


async def test_subjects_do_not_mix(database: Database) -> None:
    await record(database, signal())
    await record(database, signal(subject="sync:prod"))

    other = await newest(database, "sync:prod")
    assert other is not None
    assert (other.subject, other.episode) == ("sync:prod", 1)
