"""Discord fails for a while, or somebody deletes a message: the board catches up, with one message for each card."""

import pytest

from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
WAITING = [f"{PLACE} · waiting for approval", f"{PLACE} · approval needed"]
POST, EDIT = ("POST", "/channels/*/messages"), ("PATCH", "/channels/*/messages/*")


async def push(scene: Scene) -> None:
    """A change on its way to production."""
    await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")


def asked(scene: Scene, method: str) -> int:
    """How often Discord was asked to post (POST) or to edit (PATCH) a message of the releases channel."""
    path = f"/channels/{scene.town.releases.id}/messages"
    return sum(one.method == method and one.path.startswith(path) for one in scene.env.http_requests)


@pytest.mark.parametrize("status", [500, 503, 429, 403])
async def test_a_discord_that_takes_no_posts_costs_time_and_no_card(
    status: int, scene: Scene, rows: Rows, clock: Clock
) -> None:
    method, path = POST
    scene.env.inject_error(method, path, status=status, times=None)
    await push(scene)
    await until(lambda: asked(scene, "POST"))
    assert seeing.board(scene.town.releases) == []

    scene.env.backend.faults.clear()
    clock.pass_by(minutes=6)
    await seeing.message(scene.town.releases, titled="approval needed")
    await rows.quiet()
    assert seeing.titles(scene.town.releases) == WAITING
    assert len(seeing.calls(scene)) <= asked(scene, "POST")

    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await rows.quiet()
    assert seeing.titles(scene.town.releases) == [f"{PLACE} · deployed in ⏱", f"{PLACE} · approved by jisoo"]


@pytest.mark.parametrize("status", [500, 429, 403])
async def test_a_discord_that_takes_no_edits_is_caught_up_with_in_the_same_message(
    status: int, scene: Scene, rows: Rows, clock: Clock
) -> None:
    await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    before = [message.id for message in scene.town.releases.history()]
    method, path = EDIT
    scene.env.inject_error(method, path, status=status, times=None)
    edits = asked(scene, "PATCH")

    result = await scene.town.people["jisoo"].click(card, label="Approve")
    assert seeing.told(result)[0] == f"{PLACE} · approved"
    await until(lambda: scene.world.syncs)
    await scene.world.settle()
    await until(lambda: asked(scene, "PATCH") > edits)
    assert seeing.titles(scene.town.releases) == WAITING

    scene.env.backend.faults.clear()
    clock.pass_by(minutes=6)
    await seeing.message(scene.town.releases, titled="deployed")
    await rows.quiet()
    assert [message.id for message in scene.town.releases.history()] == before
    assert seeing.titles(scene.town.releases) == [f"{PLACE} · deployed in ⏱", f"{PLACE} · approved by jisoo"]
    assert len(seeing.calls(scene)) == 1


async def test_a_deleted_card_is_posted_again_at_the_next_change(scene: Scene, rows: Rows) -> None:
    await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    scene.env.backend.delete_message(card.channel.id, card.id)

    await push(scene)
    await seeing.message(scene.town.releases, titled="waiting for approval")
    again = await seeing.message(scene.town.releases, titled="superseded")
    await rows.quiet()
    assert again.id != card.id
    assert sorted(seeing.titles(scene.town.releases)) == sorted([*WAITING, *[f"{PLACE} · superseded"] * 2])
