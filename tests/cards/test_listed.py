"""Lists of what people have set: what finds no room is counted, however long the names and reasons are."""

from typing import Any

import pytest

from bot.cards import freezes, locks
from tests.cards import story
from tests.domain.examples import lock
from tests.domain.halts import freeze


@pytest.mark.parametrize("number", [0, 1, 11, 12, 13, 40])
def test_of_what_is_listed_each_is_shown_or_counted(number: int) -> None:
    loud: dict[str, Any] = {"environment": "e" * 63, "service": "s" * 63, "owner_name": "*" * 40, "reason": "*" * 200}
    for given, longest, rest in (
        (locks.listed((lock(),) * number), 12, "and {} more: /status environment:"),
        (locks.listed((lock(**loud),) * number), 7, "and {} more: /status environment:"),
        (freezes.listed((freeze(**loud),) * number, now=story.after(0)), 8, "and {} more"),
    ):
        shown = min(number, longest)
        left = rest.format(number - shown) if number > shown else ""
        assert (len(given.fields), given.footer) == (shown, left)
