"""A deploy is followed to its end by either of two ways alone: Argo CD's stream of changes, or looking now and then."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.services import observations
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"


async def deploy(scene: Scene) -> None:
    """Ask, approve, and wait until the card says deployed."""
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    hyunwoo = scene.town.people["hyunwoo"]
    await hyunwoo.slash(scene.town.releases, "deploy", environment="prod", service="ticket-service")
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled=f"{PLACE} · deployed")


@pytest.fixture
def deaf(scene: Scene) -> Iterator[None]:
    """No notification arrives."""
    listeners = scene.world.listeners
    kept = [*listeners]
    listeners.clear()
    yield
    listeners.extend(kept)


@pytest.mark.usefixtures("deaf")
async def test_the_stream_alone_tells(scene: Scene, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observations, "BUSY", timedelta(hours=1))  # the poll, which would find it too, but later
    await deploy(scene)
    await rows.ended()
    assert len(scene.argocd.received("POST")) == 1


@pytest.mark.usefixtures("deaf")
async def test_looking_now_and_then_is_enough(scene: Scene, rows: Rows) -> None:
    scene.argocd.faults.stream_silent = True
    await scene.stop()
    await scene.start()
    await deploy(scene)
    await rows.ended()
    assert len(scene.argocd.received("POST")) == 1


async def test_a_token_that_expires_on_the_way_is_said_and_it_goes_on_afterwards(scene: Scene, rows: Rows) -> None:
    app = scene.world.application("prod")
    app.faults.run_ticks = 10**6
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    hyunwoo = scene.town.people["hyunwoo"]
    await hyunwoo.slash(scene.town.releases, "deploy", environment="prod", service="all")
    card = await seeing.message(scene.town.releases, titled="all services → prod · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="all services → prod · syncing")
    scene.argocd.faults.status = 401

    said = "**Next** Argo CD no longer accepts the bot's token. Give it a new one in CHATOPS_ARGOCD_TOKEN."
    await until(lambda: said in seeing.seen(scene.town.releases.history()[0]).text)
    scene.argocd.faults.status = None
    app.faults.run_ticks = 1
    await seeing.message(scene.town.releases, titled="all services → prod · deployed")
    await rows.ended()
    assert len(scene.argocd.received("POST")) == 1
