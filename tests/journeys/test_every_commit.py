"""The bot dies after each commit of both roads and comes back: everything ends as if nothing had happened."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import timedelta
from typing import Any

import discord
import pytest
from pydantic import SecretStr

from bot.app import Timing
from bot.services import observations
from sandbox.pipeline import Ran
from sandbox.scene import ARGOCD_TOKEN, SECRET, Scene, open_scene
from sandbox.senders import Senders
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.lives import Mortal, resend, start_mortal
from tests.journeys.rows import Rows

CHUNKS = 4
CI_TOKEN = "shared-ci-token"
BRISK = Timing(
    look=timedelta(seconds=0.02),
    pause=timedelta(seconds=0.02),
    claim=timedelta(seconds=0.3),
    grace=timedelta(seconds=0.2),
    spacing=timedelta(seconds=0.02),
)
Road = Callable[[Scene, str], Coroutine[Any, Any, Ran]]

pytestmark = [pytest.mark.journey, pytest.mark.long]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every second commit on SQLite and the others on PostgreSQL: the roads are the same, and each takes its time."""
    first = 1 if metafunc.config.getoption("database") == "postgres" else 2
    metafunc.parametrize("first", range(first, CHUNKS + 1, 2))


@pytest.fixture
async def scene(database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """A scene whose pipeline waits for nothing, and shows a shared token: the others are checked by the real time."""
    monkeypatch.setattr(observations, "BUSY", timedelta(seconds=0.1))  # the world is faster than five seconds
    async with (
        open_scene(database_url=database_url, pace=0.02, timing=BRISK, clock=clock) as opened,
        Senders(opened.senders.url, github_secret=SECRET, argocd_token=ARGOCD_TOKEN, ci_token=CI_TOKEN) as senders,
    ):
        await opened.stop()
        opened.settings = opened.settings.model_copy(update={"ci_token": (SecretStr(CI_TOKEN),)})
        opened.senders = opened.pipeline.senders = senders
        opened.pipeline.pace = 0
        yield opened


async def production(scene: Scene, service: str) -> Ran:
    """A change that somebody has to approve."""
    return await scene.pipeline.run(service, "prod", author="hyunwoo", subject="fix: hold a seat")


async def staging(scene: Scene, service: str) -> Ran:
    """A change that goes all the way by itself, once its build has been run again."""
    ran = await scene.pipeline.run(service, "staging", author="sora", subject="build: new Node", fail_at="build")
    await seeing.message(scene.town.alerts, titled=f"{service} → staging · Run failed")
    return await scene.pipeline.rerun(ran, author="minji")


@pytest.mark.parametrize("road", [production, staging])
async def test_a_death_after_any_commit_changes_nothing(
    road: Road, first: int, scene: Scene, rows: Rows, clock: Clock
) -> None:
    database = await start_mortal(scene)
    gone: list[Ran] = []
    for commits in itertools.count(first, CHUNKS):
        database.left = commits
        survivor, ran = await travel(scene, rows, road, database)
        gone.append(ran)
        assert_once(scene, road, gone)
        if survivor is database:
            break
        database = survivor
        clock.pass_by(minutes=2)  # the world gives every event a second of its own, and so runs ahead of the bot
    assert commits > 2 * CHUNKS


async def travel(scene: Scene, rows: Rows, road: Road, database: Mortal) -> tuple[Mortal, Ran]:
    """Go the road to its end, with another bot when this one dies on the way. Which one came to the end, and how."""
    before = len(titled(scene.town.releases.history(), "deployed"))
    service = next(itertools.islice(itertools.cycle(scene.topology.services), before, None))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        going = group.create_task(road(scene, service))
        await arrive(scene, rows, database, going=going, deployed=before + 1)
        if database.dead.is_set():
            await scene.kill()
            database = await start_mortal(scene)
            while not going.done():
                await resend(scene)
                await asyncio.wait([going], timeout=0.1)
            await resend(scene)
            await arrive(scene, rows, database, going=going, deployed=before + 1)
    return database, going.result()


async def arrive(scene: Scene, rows: Rows, database: Mortal, *, going: asyncio.Task[Ran], deployed: int) -> None:
    """Approve what waits once everybody was called, until the road is gone and nothing is left to do, or death."""
    while not database.dead.is_set():
        shown = scene.town.releases.history()
        if going.done() and len(titled(shown, "deployed")) == deployed and await rows.over():
            return
        for message in titled(shown, "waiting for approval") if titled(shown, "approval needed") else ():
            await scene.town.people["jisoo"].click(message, label="Approve")
        await asyncio.sleep(0.03)


def titled(messages: list[discord.Message], words: str) -> list[discord.Message]:
    """Those that have these words in their title."""
    return [message for message in messages if words in (message.embeds[0].title or "")]


def assert_once(scene: Scene, road: Road, gone: list[Ran]) -> None:
    """One card, one call and one sync for each road to production; one card and one alert for each to staging."""
    place = "prod" if road is production else "staging"
    titles = [f"{ran.run.service} → {place} · deployed" for ran in gone]
    shown = [title.removesuffix(" in ⏱") for title in seeing.titles(scene.town.releases)]
    assert [title for title in shown if "deployed" in title] == titles
    alerts = [f"{ran.run.service} → {place} · recovered after ⏱" for ran in gone if road is staging]
    assert seeing.titles(scene.town.alerts) == alerts
    asked = [title.replace("deployed", "approved by jisoo") for title in titles if road is production]
    assert sorted(shown) == sorted(titles + asked)
    assert len(seeing.calls(scene)) == len(asked)
    if road is production:
        revisions = [ran.manifest.sha for ran in gone if ran.manifest]
        assert [sync.revision for sync in scene.world.syncs] == revisions
        assert [body["revision"] for body in scene.argocd.received("POST")] == revisions
