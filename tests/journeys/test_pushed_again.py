"""A tag is pushed again between the consent and the sync: people are asked about the image that it means now."""

import pytest

from bot.domain.operations import OperationState
from bot.domain.reasons import Reason
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.rows import Rows
from tests.journeys.waiting import until_async

pytestmark = pytest.mark.journey

TICKETS = "ticket-service"
PLACE = "ticket-service → prod"


async def test_what_was_approved_is_exactly_what_is_deployed(scene: Scene, rows: Rows) -> None:
    world, jisoo = scene.world, scene.town.people["jisoo"]
    released = world.release("prod", TICKETS, login="minji")
    await world.settle()
    await scene.town.people["hyunwoo"].slash(scene.town.releases, "deploy", environment="prod", service=TICKETS)
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    assert f"`{released.tag}`{expected.behind(released.image)}" in seeing.seen(card).text

    other = world.images.push(f"tiketi-{TICKETS}", tags=[released.tag], revision="e" * 40, at=world.timeline.now())
    await jisoo.click(card, label="Approve")
    old, new = (expected.behind(image).removeprefix(" @ ") for image in (released.image, other))
    line = f"• **{TICKETS}** the image behind `{released.tag}` has changed: {old} → {new}"

    async def asked_again() -> bool:
        """Whether the card shows the difference and waits once more."""
        shown = seeing.seen(scene.town.releases.history()[0])
        return shown.title == f"{PLACE} · waiting for approval" and line in shown.text

    await until_async(asked_again)
    assert (world.syncs, scene.argocd.received("POST")) == ([], [])
    await jisoo.click(scene.town.releases.history()[0], label="Approve")
    await seeing.message(scene.town.releases, titled=f"{PLACE} · deployed in")
    await rows.ended()

    first, second = await rows.operations()
    assert (first.state, first.reason) == (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
    assert second.state is OperationState.SUCCEEDED
    assert [sync.info["chatops.request-id"] for sync in world.syncs] == [second.id]
    assert {pod.image_id.rpartition("@")[2] for pod in world.deployment("prod", TICKETS).pods} == {other.digest}
