"""Deliveries into facts: joined whatever their order, kept when they cannot be read, worked off once."""

import random
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.catalog import Catalog
from bot.domain.events import Event, StageReported, Unusable
from bot.domain.releases import Release, ReleaseState, state
from bot.services.intake import MAX_ATTEMPTS, OFF_THE_LOOP_BYTES
from bot.storage import deliveries
from sandbox import bodies
from sandbox.world import World
from tests.services.failing import Crash, Mortal
from tests.services.house import PARSERS, TICKETS, Bot, bot_in
from tests.services.letterbox import Letter, deliver, letter, pipeline
from tests.services.outside import Outside
from tests.services.waiting import eventually, working


async def run(world: World, *, environment: str = "prod", **how: Any) -> list[Letter]:
    """Everything that one passage through the pipeline says."""
    script, box = pipeline(world)
    await script.run(TICKETS, environment, author="hyunwoo", subject="fix: seats", **how)
    return box.empty()


def by_hand(world: World, *, branch: str, environment: str) -> list[Letter]:
    """A run that a person started on a branch for an environment of their choice: run, job, report."""
    script, _ = pipeline(world)
    commit = world.commit_source(TICKETS, branch=branch, login="hyunwoo", subject="fix: seats")
    at = world.timeline.after()
    started = world.actions.request(TICKETS, branch=branch, commit=commit, event="workflow_dispatch", at=at)
    report = bodies.ci(started, environment, stage="build", status="started", at=world.timeline.after())
    return [
        letter("github", script.bodies.workflow_run("requested", started), key="run", event="workflow_run"),
        letter("github", script.bodies.workflow_job("queued", started, started.job), key="job", event="workflow_job"),
        letter("ci", report, key="report"),
    ]


async def only(bot: Bot) -> Release:
    (release,) = await bot.releases()
    return release


@pytest.mark.storage
async def test_a_run_becomes_one_release(bot: Bot, world: World) -> None:
    letters = await run(world, critical=1, high=3)
    await deliver(bot.database, letters, at=bot.clock())

    taken = await bot.take_in()

    release = await only(bot)
    assert (taken, set((await bot.deliveries()).values())) == (len(letters), {"done"})
    assert (release.service, release.environment, state(release)) == (TICKETS, "prod", ReleaseState.COMMITTED)
    assert (len(release.runs), len(release.jobs), len(release.stages)) == (1, 1, 8)
    assert [row["key"] for row in await bot.table("cards")] == ["release:1"]


async def test_order_and_repetition_make_no_difference(bot: Bot, world: World, outside: Outside) -> None:
    letters = await run(world)
    await deliver(bot.database, letters, at=bot.clock())
    await bot.take_in()
    first = await only(bot)
    source = first.source_revision
    for seed in range(3):
        shuffled = [replace(one, key=f"{seed}/{copy}/{one.key}") for one in letters for copy in range(2)]
        random.Random(seed).shuffle(shuffled)
        async with bot.database.transaction() as connection:
            await connection.exec_driver_sql("DELETE FROM releases")
            await connection.exec_driver_sql("DELETE FROM runs")
        await deliver(bot.database, shuffled, at=bot.clock())
        await bot.take_in()

        assert await only(bot) == first
        assert first.source_revision == source
        assert set((await bot.deliveries()).values()) == {"done"}


async def test_a_repetition_is_nothing_to_look_at(bot: Bot, world: World) -> None:
    letters = await run(world)
    await deliver(bot.database, letters, at=bot.clock())
    await bot.take_in()
    before = await bot.table("cards")
    again = [replace(one, key=f"again/{one.key}") for one in letters]
    await deliver(bot.database, again, at=bot.clock())
    taken = await bot.take_in()

    assert (taken, await bot.table("cards")) == (len(letters), before)


async def test_a_job_waits_for_its_run(bot: Bot, world: World) -> None:
    letters = await run(world)
    jobs = [one for one in letters if one.headers["event"] == "workflow_job"]
    others = [one for one in letters if one not in jobs]
    await deliver(bot.database, jobs, at=bot.clock())
    await bot.take_in()
    parked = await bot.table("deliveries")
    assert {(row["state"], row["reason"]) for row in parked} == {
        ("parked", "waits for a report that names the environment")
    }
    assert await bot.releases() == []

    await deliver(bot.database, others, at=bot.clock())
    taken = await bot.take_in()

    assert (taken, set((await bot.deliveries()).values())) == (len(others) + len(jobs), {"done"})
    (job,) = (await only(bot)).jobs.values()
    assert (job.service, job.conclusion) == (TICKETS, "success")


async def test_a_run_by_hand_waits_for_the_pipeline_to_name_the_environment(bot: Bot, world: World) -> None:
    started, job, report = by_hand(world, branch="develop", environment="prod")

    await deliver(bot.database, [started, job], at=bot.clock())
    await bot.take_in()
    assert await bot.deliveries() == {"run": "parked", "job": "parked"}
    await deliver(bot.database, [report], at=bot.clock())
    await bot.take_in()

    assert await bot.deliveries() == {"run": "done", "job": "done", "report": "done"}
    release = await only(bot)
    assert (release.environment, len(release.runs), len(release.jobs), len(release.stages)) == ("prod", 1, 1, 1)


async def test_a_push_hints_at_every_environment_of_its_branch(bot: Bot, world: World) -> None:
    script, _ = pipeline(world)
    commit = world.commit_source(TICKETS, branch="develop", login="minji", subject="docs: a word")
    body = script.bodies.push("develop", [commit])
    await deliver(bot.database, [letter("github", body, key="push", event="push")], at=bot.clock())

    await bot.take_in()

    hinted = {name: (await bot.known(name)).hinted_at is not None for name in bot.catalog.environments}
    assert hinted == {"dev": True, "staging": True, "prod": False}


async def test_a_notification_hints_at_its_environment(bot: Bot, world: World) -> None:
    body = bodies.argocd(world.application("prod").stored())
    await deliver(bot.database, [letter("argocd", body, key="note")], at=bot.clock())

    async with working(bot.intake().run()):

        async def hinted() -> bool:
            return (await bot.known("prod")).hinted_at is not None

        await eventually(hinted)

    assert (await bot.known("staging")).hinted_at is None
    assert await bot.releases() == []


async def test_what_cannot_be_read_is_kept_with_the_reason(bot: Bot, world: World) -> None:
    def fail(_headers: Mapping[str, str], _body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
        raise KeyError("surprise")

    good = (await run(world))[1]
    letters = [
        Letter(source="github", key="broken", headers={"event": "push"}, body=b"{"),
        letter("github", {}, key="unknown", event="star"),
        letter("argocd", {}, key="surprising"),
        letter("carrier-pigeon", {}, key="from nobody"),
        good,
    ]
    await deliver(bot.database, letters, at=bot.clock())

    await bot.take_in({**PARSERS, "argocd": fail})

    assert [(row["state"], row["reason"]) for row in await bot.table("deliveries")] == [
        ("failed", "The body is not JSON."),
        ("ignored", None),
        ("failed", "The parser raised KeyError."),
        ("failed", "The parser raised KeyError."),
        ("done", None),
    ]


async def test_a_failed_delivery_is_replayed(bot: Bot, world: World) -> None:
    def refuse(_headers: Mapping[str, str], _body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
        raise Unusable("not today")

    started = next(one for one in await run(world) if one.headers["event"] == "workflow_run")
    await deliver(bot.database, [started], at=bot.clock())
    await bot.take_in({"github": refuse})
    (failed,) = await bot.table("deliveries")

    replayed = await deliveries.replay(bot.database, failed["id"])
    await bot.take_in()

    (done,) = await bot.table("deliveries")
    assert (failed["state"], failed["reason"]) == ("failed", "not today")
    assert (replayed, done["state"], done["reason"]) == (True, "done", None)
    assert state(await only(bot)) is ReleaseState.RUNNING


@pytest.mark.storage
async def test_facts_that_the_database_refuses_hold_up_nobody(bot: Bot, world: World) -> None:
    def too_large(headers: Mapping[str, str], body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
        (event,) = PARSERS["ci"](headers, body, catalog=catalog)
        assert isinstance(event, StageReported)
        return (replace(event, run_id=2**70),)

    letters = await run(world)
    place = next(index for index, one in enumerate(letters) if one.source == "ci")
    poisonous = Letter(source="poison", key="poison", headers={}, body=letters[place].body)
    await deliver(bot.database, [*letters[:place], poisonous, *letters[place:]], at=bot.clock())

    taken = await bot.take_in({**PARSERS, "poison": too_large})

    found = await bot.deliveries()
    assert found.pop("poison") == "failed"
    assert set(found.values()) == {"done"}
    assert taken == len(letters) + MAX_ATTEMPTS
    assert state(await only(bot)) is ReleaseState.COMMITTED


async def test_a_large_body_is_read_beside_the_loop(bot: Bot, world: World) -> None:
    threads = []

    def note(headers: Mapping[str, str], body: bytes, *, catalog: Catalog) -> tuple[Event, ...]:
        threads.append(threading.current_thread() is threading.main_thread())
        return PARSERS["github"](headers, body, catalog=catalog)

    small = next(one for one in await run(world) if one.headers["event"] == "workflow_run")
    large = Letter(source="github", key="large", headers=small.headers, body=small.body + b" " * OFF_THE_LOOP_BYTES)
    await deliver(bot.database, [small, large], at=bot.clock())

    await bot.take_in({"github": note})

    assert threads == [True, False]
    assert set((await bot.deliveries()).values()) == {"done"}


async def test_a_crash_before_the_commit_loses_and_repeats_nothing(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    async with bot_in(outside, database_url, catalog=catalog, make=Mortal) as bot:
        await deliver(bot.database, letters := await run(world), at=bot.clock())
        assert isinstance(bot.database, Mortal)
        bot.database.lives = 0
        with pytest.raises(Crash):
            await bot.take_in()
        assert set((await bot.deliveries()).values()) == {"received"}

    async with bot_in(outside, database_url, catalog=catalog) as bot:
        taken = await bot.take_in()

        assert (taken, state(await only(bot))) == (len(letters), ReleaseState.COMMITTED)
        assert await bot.take_in() == 0
