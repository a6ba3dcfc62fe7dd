"""What raises an alert, once, and what takes it back: failing runs, failed syncs, degraded Applications."""

import random
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.incidents import Incident
from sandbox.deployments import Breakage
from sandbox.pipeline import Ran
from sandbox.world import World
from tests.services.house import TICKETS, Bot
from tests.services.letterbox import Letter, deliver, pipeline
from tests.services.outside import Interrupted

STARTED = "https://github.com/ORGANIZATION/project-ticketing/actions/runs/"


async def look(bot: Bot) -> None:
    await bot.observer.observe(bot.catalog.environments["prod"])


async def alerts(bot: Bot, subject: str) -> list[Incident]:
    """The episodes of a subject that somebody was told of."""
    return [incident for incident in await bot.incidents() if incident.subject == subject and incident.episode]


async def cards(bot: Bot) -> list[str]:
    return [row["key"] for row in await bot.table("cards") if row["key"].startswith("incident:")]


class Runs:
    """Runs of the pipeline, each with what it said."""

    def __init__(self, world: World) -> None:
        self.pipeline, self._box = pipeline(world)

    async def run(self, **how: Any) -> tuple[Ran, list[Letter]]:
        ran = await self.pipeline.run(TICKETS, "prod", author="hyunwoo", subject="fix: seats", **how)
        return ran, self._box.empty()

    async def rerun(self, ran: Ran, **how: Any) -> tuple[Ran, list[Letter]]:
        again = await self.pipeline.rerun(ran, author="minji", **how)
        return again, self._box.empty()


@pytest.fixture
def runs(world: World) -> Runs:
    """The pipeline of the world."""
    return Runs(world)


@pytest.mark.storage
async def test_a_failing_run_is_told_once_and_recovers_with_its_rerun(bot: Bot, runs: Runs) -> None:
    ran, letters = await runs.run(fail_at="push")
    await deliver(bot.database, letters, at=bot.clock())
    await bot.take_in()
    (failed,) = await alerts(bot, "run:prod:ticket-service")
    _, letters = await runs.rerun(ran)
    await deliver(bot.database, letters, at=bot.clock())
    await bot.take_in()
    (recovered,) = await alerts(bot, "run:prod:ticket-service")

    assert (failed.title, failed.detail) == ("Run failed", "ticket-service / deliver / Push image")
    assert (failed.url, failed.environment, failed.service) == (f"{STARTED}{ran.run.id}", "prod", TICKETS)
    assert (failed.count, failed.recovered_at) == (1, None)
    assert (recovered.episode, recovered.recovery) == (1, "Run succeeded")
    assert recovered.recovered_at is not None
    assert await cards(bot) == ["incident:1:run:prod:ticket-service"]


async def test_two_failures_in_a_row_are_one_alert(bot: Bot, runs: Runs) -> None:
    ran, letters = await runs.run(fail_at="build")
    _, more = await runs.rerun(ran, fail_at="push")
    await deliver(bot.database, [*letters, *more], at=bot.clock())
    await bot.take_in()

    (failed,) = await alerts(bot, "run:prod:ticket-service")
    assert (failed.count, failed.detail) == (2, "ticket-service / deliver / Push image")


async def test_the_next_failure_is_a_new_alert(bot: Bot, runs: Runs) -> None:
    for fail_at in ("build", None, "scan"):
        _, letters = await runs.run(fail_at=fail_at)
        await deliver(bot.database, letters, at=bot.clock())
        await bot.take_in()

    first, second = await alerts(bot, "run:prod:ticket-service")
    assert (first.episode, first.recovery) == (1, "Run succeeded")
    assert (second.episode, second.recovered_at, second.detail) == (2, None, "ticket-service / deliver / Scan image")


@pytest.mark.parametrize("seed", range(3))
async def test_a_failure_that_arrives_after_the_success_raises_nothing(bot: Bot, runs: Runs, seed: int) -> None:
    ran, late = await runs.run(fail_at="push")
    _, letters = await runs.rerun(ran)
    await deliver(bot.database, letters, at=bot.clock())
    await bot.take_in()
    random.Random(seed).shuffle(late)
    await deliver(bot.database, late, at=bot.clock())
    await bot.take_in()

    assert await alerts(bot, "run:prod:ticket-service") == []
    assert await cards(bot) == []


async def test_a_cancelled_run_alarms_nobody(bot: Bot, runs: Runs) -> None:
    _, letters = await runs.run(fail_at="push")
    cancelled = [
        replace(one, body=one.body.replace(b'"failure"', b'"cancelled"')) for one in letters if one.source == "github"
    ]
    await deliver(bot.database, cancelled, at=bot.clock())
    await bot.take_in()

    assert await bot.incidents() == []


async def test_a_failed_sync_is_told_and_recovers(bot: Bot, world: World) -> None:
    world.application("prod").faults.sync_error = "one or more objects failed to apply, reason: quota exceeded"
    world.release("prod", TICKETS)
    world.operate("prod")
    await world.settle()
    for _ in range(3):
        await look(bot)
    (failed,) = await alerts(bot, "sync:prod")
    world.application("prod").faults.sync_error = None
    world.operate("prod")
    await world.settle()
    await look(bot)
    (recovered,) = await alerts(bot, "sync:prod")

    assert (failed.title, failed.count, failed.recovered_at) == ("Sync failed", 1, None)
    assert failed.detail == "one or more objects failed to apply, reason: quota exceeded"
    assert failed.url == "https://argocd.test/applications/tiketi-prod"
    assert (recovered.count, recovered.recovery) == (1, "Sync succeeded")


async def test_a_degraded_application_is_told_and_recovers(bot: Bot, world: World) -> None:
    broken = world.release("prod", TICKETS)
    world.breakages[broken.tag] = Breakage()
    world.tick()
    world.operate("prod")
    await world.settle()
    for _ in range(3):
        await look(bot)
    (degraded,) = await alerts(bot, "health:prod")
    world.breakages.clear()
    await world.settle()
    await look(bot)
    (recovered,) = await alerts(bot, "health:prod")

    assert (degraded.title, degraded.detail) == ("Application Degraded", "ticket-service: CrashLoopBackOff")
    assert (degraded.count, degraded.recovered_at) == (1, None)
    assert (recovered.episode, recovered.recovery) == (1, "Application Healthy")
    assert await alerts(bot, "sync:prod") == []


async def test_flapping_is_told_in_episodes(bot: Bot, world: World) -> None:
    await look(bot)
    for _ in range(3):
        world.application("prod").health["status"] = "Degraded"
        await look(bot)
        world.application("prod").health["status"] = "Progressing"
        await look(bot)
        world.application("prod").health["status"] = "Healthy"
        await look(bot)

    assert [(one.episode, one.recovery) for one in await alerts(bot, "health:prod")] == [
        (number, "Application Healthy") for number in (1, 2, 3)
    ]
    assert len(await cards(bot)) == 3


async def test_an_application_nobody_can_read_alarms_nobody(bot: Bot, argocd: Interrupted) -> None:
    argocd.faults.status = 503
    await look(bot)

    assert await bot.incidents() == []
