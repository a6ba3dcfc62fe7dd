"""The bot stops, or dies, and comes back: the same cards, the same buttons, and production changed once."""

import asyncio

import pytest

from bot.domain.operations import OperationState
from sandbox.pipeline import Ran
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.lives import resend
from tests.journeys.rows import Rows
from tests.journeys.waiting import until, until_async

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
DEPLOYED = [f"{PLACE} · deployed in ⏱", f"{PLACE} · approved by jisoo"]


async def push(scene: Scene) -> Ran:
    """A change on its way to production."""
    return await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")


async def assert_deployed_once(scene: Scene, rows: Rows, ran: Ran) -> None:
    """One card, one call, one operation, one POST, one sync: what is true at the end, whatever was in between."""

    async def over() -> bool:
        return all(operation.state.ended for operation in await rows.operations())

    await until_async(over)
    await rows.quiet()
    # Who approves before the call is posted makes it needless.
    assert seeing.titles(scene.town.releases) in (DEPLOYED, DEPLOYED[:1])
    assert seeing.board(scene.town.alerts) == []
    assert len(seeing.calls(scene)) == len(scene.town.releases.history()) - 1
    [operation] = await rows.operations()
    assert operation.state is OperationState.SUCCEEDED
    assert ran.manifest is not None
    syncs = [sync for sync in scene.world.syncs if sync.application == "tiketi-prod"]
    assert [(sync.revision, sync.info["chatops.request-id"]) for sync in syncs] == [(ran.manifest.sha, operation.id)]
    assert len(scene.argocd.received("POST")) == 1
    pods = scene.world.deployment("prod", "ticket-service").pods
    assert {pod.image.rpartition(":")[2] for pod in pods} == {ran.tag}


async def test_the_button_of_a_card_works_after_a_restart(scene: Scene, rows: Rows) -> None:
    ran = await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    before = [message.id for message in scene.town.releases.history()]
    await scene.stop()
    await scene.start()

    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await assert_deployed_once(scene, rows, ran)
    assert [message.id for message in scene.town.releases.history()] == before


async def test_what_was_accepted_is_shown_after_a_kill(scene: Scene, rows: Rows) -> None:
    run = asyncio.create_task(push(scene))
    await until(lambda: any(sent.status == 202 for sent in scene.senders.sent))
    await scene.kill()
    ran = await run
    await scene.start()
    await resend(scene)

    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    assert seeing.titles(scene.town.releases) == [f"{PLACE} · waiting for approval", f"{PLACE} · approval needed"]
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await assert_deployed_once(scene, rows, ran)


async def test_what_was_approved_is_deployed_after_a_kill(scene: Scene, rows: Rows) -> None:
    ran = await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    result = await scene.town.people["jisoo"].click(card, label="Approve")
    await scene.kill()
    assert seeing.told(result)[0] == f"{PLACE} · approved"
    await scene.start()

    await seeing.message(scene.town.releases, titled="deployed")
    await assert_deployed_once(scene, rows, ran)
