"""`take_over` of /lock, as somebody's client sends it that still has the command as it was: true or false."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.domain.reasons import Reason
from bot.services import locks
from bot.storage import cards
from tests.chat import orders
from tests.chat.desk import Desk, Press
from tests.chat.desk import desk as move_in
from tests.chat.town import Town

LOCK = Press(command="/lock", options={"environment": "staging", "reason": "incident", "take_over": "x"})


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, which nobody outside answers."""
    async with move_in(town, monkeypatch) as place:
        yield place


@pytest.mark.parametrize("value", [True, False])
async def test_an_old_client_takes_over_what_the_channel_was_told_of(desk: Desk, value: bool) -> None:
    def old(payload: dict[str, Any]) -> None:
        [option] = [one for one in payload["data"]["options"] if one["name"] == "take_over"]
        option.update(type=5, value=value)

    await orders.locked(desk, "staging", by="approver")
    [before] = await locks.holding(desk.deps.database, places=["staging"], now=desk.town.clock())
    unseen = await desk.press("developer", LOCK, change=old)
    now = desk.town.clock()
    [row] = await cards.due(desk.town.database, now=now, limit=1)
    await cards.posting(desk.town.database, row, channel_id=desk.town.releases.id, now=now)
    await cards.posted(desk.town.database, row.key, message_id=1, digest="d", now=now)
    seen = await desk.press("developer", LOCK, change=old)

    assert (unseen, seen) == (Reason.LOCK_HELD, None if value else Reason.LOCK_HELD)
    [after] = await locks.holding(desk.deps.database, places=["staging"], now=now)
    assert (after.id == before.id) is not value
