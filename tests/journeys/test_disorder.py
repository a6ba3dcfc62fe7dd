"""Webhooks come again, in any order, after the end: cards, messages and calls stay as they are."""

import random

import pytest

from sandbox.scene import Scene
from sandbox.senders import Sent
from tests.journeys import seeing
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey


async def deliver(scene: Scene, letters: list[Sent]) -> None:
    """Bring every letter to the bot that runs now."""
    for sent in letters:
        if sent.event == "argocd":
            status = await scene.senders.argocd(sent.body)
        elif sent.event == "ci":
            status = await scene.senders.ci(sent.body, run=scene.world.actions.runs[sent.body["run_id"]])
        else:
            status = await scene.senders.github(sent.event, sent.body, delivery=sent.delivery)
        assert status in (200, 202)


def doubled(letters: list[Sent], *, seed: int) -> list[Sent]:
    """Every letter twice, in an order that only the seed knows."""
    chance = random.Random(seed)
    mixed = letters * 2
    chance.shuffle(mixed)
    return mixed


async def shown_at_the_end(scene: Scene, rows: Rows) -> tuple[list[seeing.Seen], list[seeing.Seen], int]:
    """Every message of both channels, and how many called somebody."""
    await scene.world.settle()
    await scene.notifications.sent()
    await rows.quiet()
    return seeing.board(scene.town.releases), seeing.board(scene.town.alerts), len(seeing.calls(scene))


async def test_what_is_repeated_after_the_end_changes_nothing(scene: Scene, rows: Rows) -> None:
    await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    before = await shown_at_the_end(scene, rows)
    letters = list(scene.senders.sent)

    for seed in range(3):
        await deliver(scene, doubled(letters, seed=seed))
        assert await shown_at_the_end(scene, rows) == before, seed
    await scene.stop()
    await scene.start()
    await deliver(scene, doubled(letters, seed=3))
    assert await shown_at_the_end(scene, rows) == before
    assert len(scene.argocd.received("POST")) == 1
