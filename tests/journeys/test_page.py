"""The guild that the page of `make sandbox` shows: what its tour says of nights, strangers and two people."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.codes import Reason
from bot.domain.operations import OperationState
from sandbox import scenarios
from sandbox.guild import EXPIRES_MINUTES
from sandbox.scene import Scene, open_scene
from tests.journeys import seeing
from tests.journeys.clock import Clock
from tests.journeys.conftest import PACE, QUICK
from tests.journeys.rows import Rows
from tests.journeys.test_tagged import deployed, runs

pytestmark = pytest.mark.journey


@pytest.fixture
async def scene(database_url: str, clock: Clock) -> AsyncIterator[Scene]:
    """The town of the page, in place of the journeys' own."""
    async with open_scene(database_url=database_url, pace=PACE, timing=QUICK, clock=clock, for_page=True) as opened:
        yield opened
        opened.env.raise_errors()


async def test_a_night_in_which_nobody_answers(scene: Scene, rows: Rows, clock: Clock) -> None:
    town = scene.town
    manager, on_call = (town.roles[name].mention for name in ("Release manager", "On call"))
    await scenarios.stranger(scene.pipeline)
    card = await seeing.message(town.releases, titled="payment-service → prod · waiting for approval")
    await seeing.message(town.releases, titled="approval needed")
    await rows.quiet()
    assert seeing.seen(card).buttons == ("Approve", "Reject", "Break glass")
    assert "Not in the identity map: `taeyang`, so nobody can approve it." in seeing.seen(card).text
    parts = [part for row in card.components for part in getattr(row, "children", ())]
    assert [part.label for part in parts if part.disabled] == ["Approve"]
    clock.pass_by(minutes=EXPIRES_MINUTES / 2)
    await seeing.message(town.releases, titled="still waits for approval")
    clock.pass_by(minutes=EXPIRES_MINUTES / 3)
    await seeing.message(town.releases, titled="approval ends soon")
    assert [content for content, _ in seeing.calls(scene)] == [manager, manager, on_call]

    refused = await town.people["yuna"].click(card, label="Reject")
    assert seeing.answer(refused).footer == Reason.MISSING_ROLE
    form = await town.people["yuna"].click(card, label="Break glass")
    await town.people["yuna"].submit_modal(form, {"reason": "nobody answers", "word": "prod"})
    await rows.ended()
    message = await seeing.message(town.alerts, titled="yuna broke the glass")
    assert town.alerts.id == town.releases.id
    assert seeing.told(await town.people["jisoo"].click(message, label="Acknowledge"))[0].endswith("prod · reviewed")


async def test_of_two_that_wait_the_one_goes_whose_people_are_known(scene: Scene, rows: Rows) -> None:
    town, jisoo = scene.town, scene.town.people["jisoo"]
    await scenarios.production(scene.pipeline)
    await seeing.message(town.releases, titled="ticket-service → prod · waiting for approval")
    await scenarios.stranger(scene.pipeline)
    await seeing.message(town.releases, titled="payment-service → prod · waiting for approval")
    call = await seeing.message(town.releases, titled="payment-service → prod · approval needed")
    await rows.quiet()
    listed = await jisoo.click(call, label="All that wait")
    assert seeing.answer(listed).buttons == ("Approve this one",)
    assert listed.response is not None
    assert "Not everybody who wrote or merged this is known" in seeing.answer(listed).text
    await jisoo.click(listed.response.message, label="Approve this one")
    await seeing.message(town.releases, titled="ticket-service → prod · deployed")
    waits = {one.service: one.state is OperationState.WAITING for one in await rows.operations()}
    assert waits == {"ticket-service": False, "payment-service": True}


@pytest.mark.usefixtures("looked")
async def test_the_second_production_wants_security_too(scene: Scene, rows: Rows) -> None:
    town = scene.town
    released = scene.world.release("staging", "ticket-service")
    await scene.world.settle()
    await rows.shows("staging", lambda read: runs(read, released.tag) and deployed(read))
    asked = await town.people["hyunwoo"].slash(
        town.releases, "promote", service="ticket-service", **{"from": "staging", "to": "dr"}
    )
    assert seeing.told(asked)[0] == "ticket-service → dr · waiting for approval"
    card = await seeing.message(town.releases, titled="ticket-service → dr · waiting for approval")
    jisoo, yuna = (town.people[name] for name in ("jisoo", "yuna"))
    assert seeing.told(await jisoo.click(card, label="Approve"))[1] == (
        "Still needed: one more person, of **security** (**@Security**)."
    )
    assert seeing.told(await yuna.click(card, label="Approve"))[1].startswith("The bot checks once more")
    await rows.ended()
    assert scene.world.overlay("dr").tags["ticket-service"] == released.tag
