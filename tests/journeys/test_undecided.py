"""A request that nobody decides: a newer push takes its place, it expires, and its card grows old."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.topology import Topology
from sandbox.pipeline import Ran
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.people import old_copy
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"


async def push(scene: Scene) -> Ran:
    """A change on its way to production."""
    return await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")


async def test_a_newer_push_makes_the_older_request_void(scene: Scene, rows: Rows) -> None:
    await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await seeing.message(scene.town.releases, titled="approval needed")
    slow = old_copy(scene, card)
    newer = await push(scene)
    await seeing.message(scene.town.releases, titled="superseded")
    waiting = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()

    assert waiting.id != card.id
    shown = seeing.board(scene.town.releases)
    assert [(one.title, one.buttons) for one in shown] == [
        (f"{PLACE} · superseded", ()),
        (f"{PLACE} · superseded", ()),
        (f"{PLACE} · waiting for approval", ("Approve", "Reject", "Withdraw")),
        (f"{PLACE} · approval needed", ()),
    ]
    assert shown[0].text.endswith(f"**Next** `{newer.tag}` took its place. Follow the newest card.")
    assert seeing.told(await slow.press(scene.town.people["minji"], "Approve")) == (
        "Refused",
        "A newer request took this one's place. Use the newest card.",
    )
    await scene.town.people["minji"].click(waiting, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    assert newer.manifest is not None
    assert [sync.revision for sync in scene.world.syncs] == [newer.manifest.sha]


async def test_a_request_that_nobody_decides_expires(scene: Scene, rows: Rows, clock: Clock) -> None:
    await scene.stop()
    scene.topology = expiring(scene.topology, minutes=30)
    await scene.start()
    ran = await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    slow = old_copy(scene, card)
    [approval] = await rows.approvals()
    assert approval.expires_at - approval.requested_at == timedelta(minutes=30)

    clock.pass_by(minutes=15)
    await seeing.message(scene.town.releases, titled="still waits for approval")
    clock.pass_by(minutes=14)
    await seeing.message(scene.town.releases, titled="approval ends soon")
    await rows.observed("prod", after=clock())
    await rows.quiet()
    assert seeing.titles(scene.town.releases)[0] == f"{PLACE} · waiting for approval"
    role = scene.town.roles["Release manager"]
    assert seeing.calls(scene) == [(role.mention, [str(role.id)])] * 3  # The call, and two reminders.
    clock.pass_by(minutes=1)
    await seeing.message(scene.town.releases, titled="approval expired")
    await rows.quiet()

    shown, called, *reminders = seeing.board(scene.town.releases)
    assert (shown.title, shown.buttons) == (f"{PLACE} · approval expired", ())
    assert shown.text.endswith(
        seeing.GAP + "**Next** Nobody decided within 30m. `/deploy environment:prod service:ticket-service` asks again."
    )
    ended = seeing.Seen(
        title=f"{PLACE} · expired",
        text=f"`{ran.tag}` asked by hyunwoo",
        links=("Open the card",),
        footer="call of operation …",
    )
    assert called == ended
    assert [replace(one, footer="call of operation …") for one in reminders] == [ended] * 2
    assert seeing.told(await slow.press(scene.town.people["minji"], "Approve")) == (
        "Refused",
        "This request has expired. Ask again with `/deploy`.",
    )
    assert scene.argocd.received("POST") == []


async def test_a_card_older_than_an_hour_goes_on_in_a_new_message(scene: Scene, rows: Rows, clock: Clock) -> None:
    await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    clock.pass_by(hours=2)
    again = await seeing.message(scene.town.releases, titled="approval expired")
    await rows.quiet()

    old, new = (one for one in seeing.board(scene.town.releases) if "release 1" in one.footer)
    url = f"https://discord.com/channels/{scene.town.guild.id}/{scene.town.releases.id}/{again.id}"
    assert old == seeing.Seen(
        title=f"{PLACE} · continued below",
        text=f"This went on for long, so it goes on in [a newer message]({url}).",
        footer="release 1",
    )
    assert (new.title, new.buttons, new.footer) == (
        f"{PLACE} · approval expired",
        (),
        "operation … · release 1 · part 2",
    )
    assert again.id != card.id


def expiring(topology: Topology, *, minutes: int) -> Topology:
    """The topology with another time to decide in production."""
    prod = topology.environments["prod"]
    assert prod.approval is not None
    sooner = prod.model_copy(update={"approval": prod.approval.model_copy(update={"expires_minutes": minutes})})
    return topology.model_copy(update={"environments": {**topology.environments, "prod": sooner}})
