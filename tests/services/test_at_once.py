"""Many at once on the same rows: nothing is done twice, and nobody waits for somebody who waits for them."""

import asyncio
import random
from dataclasses import replace

import pytest
import structlog.testing

from bot.domain.catalog import Catalog
from bot.domain.releases import state
from bot.services.intake import BATCH
from sandbox.world import World
from tests.services.house import TICKETS, Bot, bot_in
from tests.services.letterbox import deliver, pipeline
from tests.services.outside import Outside


@pytest.mark.storage
async def test_two_intakes_at_once_do_nothing_twice(
    bot: Bot, world: World, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    script, box = pipeline(world)
    for _ in range(3):
        await script.run(TICKETS, "prod", author="hyunwoo", subject="fix: seats")
    for service in ("backend", "auth-service"):
        await script.run(service, "prod", author="minji", subject="fix: more", fail_at="build")
    letters = box.empty()
    random.Random(1).shuffle(letters)
    assert len(letters) > BATCH
    await deliver(bot.database, letters, at=bot.clock())

    async with bot_in(outside, database_url, catalog=catalog) as other:
        await asyncio.gather(bot.take_in(), other.take_in())

    assert set((await bot.deliveries()).values()) == {"done"}
    assert sorted((release.service, state(release).value) for release in await bot.releases()) == [
        ("auth-service", "failed"),
        ("backend", "failed"),
        *[(TICKETS, "committed")] * 3,
    ]
    assert [one.subject for one in await bot.incidents() if one.episode] == [
        "run:prod:auth-service",
        "run:prod:backend",
    ]


@pytest.mark.storage
async def test_reports_looks_and_requests_at_once_do_not_wait_for_each_other(
    bot: Bot, world: World, outside: Outside, database_url: str, catalog: Catalog
) -> None:
    script, box = pipeline(world)
    services = list(catalog.services)
    for service in services:
        await script.run(service, "prod", author="hyunwoo", subject="fix: seats")
    letters = box.empty()
    world.tick()
    await deliver(bot.database, letters, at=bot.clock())
    await bot.take_in()
    waiting = [await bot.request(service=service) for service in services]
    random.Random(1).shuffle(letters)
    again = [
        replace(one, key=f"again/{one.key}", body=one.body.replace(b'"run_attempt": 1', b'"run_attempt": 2'))
        for one in letters
    ]
    await deliver(bot.database, again, at=bot.clock())
    async with bot_in(outside, database_url, catalog=catalog) as other:
        with structlog.testing.capture_logs() as log:
            await asyncio.gather(
                *(one.take_in() for one in (bot, other)),
                *(one.observer.observe(catalog.environments["prod"]) for one in (bot, other) * 4),
                *(bot.step(operation) for operation in waiting),
            )

    assert [entry for entry in log if entry["log_level"] == "error"] == []
    assert set((await bot.deliveries()).values()) == {"done"}
    assert len(await bot.releases()) == len(await bot.operations()) == len(services)
