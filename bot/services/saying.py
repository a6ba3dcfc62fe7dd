"""What people say of what they do, as it is kept: one line, cut, without what cannot be seen or looks like a secret."""

from bot.adapters.masking import masked
from bot.cards.text import cut, one_line
from bot.domain.locks import REASON_LIMIT
from bot.domain.reasons import Reason, Refused


def said(text: str) -> str:
    """The words, or '' for none."""
    return cut(masked(one_line(text)), REASON_LIMIT)


def required(text: str) -> str:
    """The words; refuses none."""
    words = said(text)
    if not words:
        raise Refused(Reason.NO_REASON)
    return words
