"""Markers are remembered by name, and the last word counts."""

import asyncio

import pytest

from bot.storage import markers
from bot.storage.engine import Database

pytestmark = pytest.mark.storage


async def test_a_marker_is_none_until_it_is_set_and_then_what_was_set_last(database: Database) -> None:
    assert await markers.get(database, "commands") is None
    await markers.put(database, "commands", value="first")
    await markers.put(database, "commands", value="second")
    await markers.put(database, "other", value="")

    assert await markers.get(database, "commands") == "second"
    assert await markers.get(database, "other") == ""


async def test_setting_a_marker_at_once_is_no_quarrel(database: Database) -> None:
    await asyncio.gather(*(markers.put(database, "commands", value=f"{number}") for number in range(30)))

    assert await markers.get(database, "commands") in {f"{number}" for number in range(30)}
