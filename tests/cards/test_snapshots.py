"""Every other card as a whole, one file each, and no file that shows nothing any more.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py
"""

import pytest

from bot.cards.base import TOTAL_LIMIT
from tests.cards import answered, audited, explained, glass, halted, held, looked, ordered, plans, states, waiting
from tests.cards.snapshots import DIRECTORY, as_shown, expected

KINDS = (looked, ordered, answered, plans, held, halted, audited, explained, glass, waiting)
CARDS = {name: card for kind in KINDS for name, card in kind.cards().items()}


@pytest.mark.parametrize("name", CARDS)
def test_the_card_is_the_one_in_its_file(name: str) -> None:
    assert as_shown(CARDS[name]) == expected(name, CARDS[name])
    assert CARDS[name].size <= TOTAL_LIMIT


def test_every_file_has_its_card() -> None:
    files = {str(path.relative_to(DIRECTORY).with_suffix("")) for path in DIRECTORY.rglob("*.json")}
    assert files == {*CARDS, *states.cards()}
