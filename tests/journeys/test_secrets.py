"""Secrets that are in a log or in a manifest do not come out of Discord."""

from dataclasses import replace
from typing import Any

import pytest

from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import seeing

pytestmark = pytest.mark.journey

LETTERS = "abc"
KEY = ("-----BEGIN PRIVATE KEY-----", *(letter * 64 for letter in LETTERS), "-----END PRIVATE KEY-----")


async def asked(scene: Scene, command: str, **options: Any) -> str:
    """What a developer is told."""
    result = await scene.town.people["hyunwoo"].slash(scene.town.releases, command, environment="prod", **options)
    return seeing.told(result)[1]


async def test_a_private_key_of_which_a_log_shows_the_end(scene: Scene) -> None:
    tag = scene.world.deployment("prod", "backend").image.rpartition(":")[2]
    scene.world.breakages[tag] = Breakage(logs=(*KEY, "could not use the key"))
    scene.world.tick()
    shown = await asked(scene, "logs", service="backend", lines=4)
    assert shown.splitlines()[1:] == ["```", *["[hidden]"] * 3, "could not use the key", "```"]


async def test_a_private_key_that_a_sync_would_change(scene: Scene) -> None:
    overlay = scene.world.overlay("prod")
    config = {**overlay.config, "backend": {"SIGNING": "\n".join(KEY), "LOG_LEVEL": "debug"}}
    scene.world.commit_overlay("prod", replace(overlay, config=config), message="chore: sign", login="minji")
    await scene.world.settle()
    shown = await asked(scene, "diff", service="backend")
    assert "LOG_LEVEL: debug" in shown
    assert "[hidden]" in shown
    assert not {letter for letter in LETTERS if letter * 64 in shown}
