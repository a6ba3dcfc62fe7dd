"""The words of /can are there for everything that may be granted."""

from bot.cards.explanations import WORDS
from bot.domain.permissions import Capability


def test_every_capability_has_words_of_its_own_and_none_is_a_code_name() -> None:
    assert set(WORDS) == set(Capability)
    assert len(set(WORDS.values())) == len(WORDS)
    assert [words for words in WORDS.values() if "_" in words] == []
