"""What people say of what they do, as it is kept: one line of what can be seen, cut."""

from bot.cards.text import cut, one_line
from bot.domain.locks import REASON_LIMIT
from bot.domain.reasons import Reason, Refused


def said(text: str) -> str:
    """The words, or '' for none."""
    return cut(one_line(text), REASON_LIMIT)


def required(text: str) -> str:
    """The words; refuses none."""
    words = said(text)
    if not words:
        raise Refused(Reason.NO_REASON)
    return words
