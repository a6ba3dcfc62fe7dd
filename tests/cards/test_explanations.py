"""The words of /can are there for everything that may be granted, and /why always says how it ended."""

from bot.cards.explanations import WORDS
from bot.domain.permissions import Capability
from tests.cards import explained


def test_every_capability_has_words_of_its_own_and_none_is_a_code_name() -> None:
    assert set(WORDS) == set(Capability)
    assert len(set(WORDS.values())) == len(WORDS)
    assert [words for words in WORDS.values() if "_" in words] == []


def test_the_newest_row_and_who_asked_are_told_however_much_is_in_the_way() -> None:
    way, decision, asked, rows = (block.split("\n") for block in explained.full().description.split("\n\u200b\n"))
    assert way[0].startswith("🛑 **Everything is stopped** by ")
    assert [line[:30] for line in way if line.startswith("… and ")] == ["… and 4 more: `/locks` and `/f"]
    assert way[-1].startswith("Nobody can approve until ")
    assert [line[:12] for line in asked[:2]] == ["**Asked** by", "🔥 **Hot-fix*"]
    assert "Nobody may break the glass for it." in decision
    assert [line.partition(" ")[0] for line in (rows[0], rows[-1])] == ["…", "#15"]
