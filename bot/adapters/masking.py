"""Secrets in text that a program wrote: hidden where they are, so that the rest of the line can be read.

Log lines and manifests go into a chat. What looks like a credential is replaced before it leaves the adapter: by its
own shape (a JWT, a GitHub token, an AWS key, a key of a card), or by the name in front of it (`password=`, `token:`).
This hides what is usual; it cannot know a secret that looks like a word. All patterns are linear: each starts with
something literal or is bounded, so that a hostile line cannot keep the bot busy.
"""

import re

HIDDEN = "[hidden]"

_NAMES = (
    r"[\w.-]{0,40}(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|credentials?|authorization|cookie|session[_-]?id)[\w.-]{0,40}"
)
_SHAPES = re.compile(
    r"eyJ[\w-]{10,4096}\.[\w-]{4,4096}\.[\w-]{0,4096}"  # a JWT
    r"|\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255})"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bxox[abprs]-[\w-]{10,255}"
    r"|\bhttps://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{10,100}"
    r"|\b[MN][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"  # a Discord bot's token
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8192}"
)
_SCHEME = re.compile(r"\b(Bearer|Basic|token)\s+[\w+/.~=-]{8,4096}", re.IGNORECASE)
_USER = re.compile(r"(\w{2,20}://[^\s:/@]{0,100}:)[^\s@]{1,200}(?=@)")
_VALUE = r"""["'][^"']{1,4096}["']|[^\s,;&"'}\]]{1,4096}"""
_NAMED = re.compile(rf"""(["']?\b{_NAMES}["']?\s{{0,3}}[=:]\s{{0,3}})({_VALUE})""", re.IGNORECASE)
# 13 to 19 digits in one piece, or as they are printed on cards, with the first digits that the networks use: not the
# `20261127-193328` of an image tag, not an epoch in milliseconds, not the decimals of a fraction.
_CARD = re.compile(
    r"(?<![\w.])(?=[3-6]|2[2-7])(?:\d{13,19}|\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{6}\1\d{4,5}))\b"
)


def masked(line: str) -> str:
    """The line with what looks like a secret replaced by `[hidden]`; the same when it was masked before."""
    line = _SHAPES.sub(HIDDEN, line)
    line = _SCHEME.sub(rf"\1 {HIDDEN}", line)
    line = _USER.sub(rf"\1{HIDDEN}", line)
    line = _NAMED.sub(_named, line)
    return _CARD.sub(_card, line)


def _named(match: re.Match[str]) -> str:
    value = match[2]
    if value.strip("\"'").startswith((HIDDEN, "Bearer", "Basic")):
        return match[0]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{match[1]}{quote}{HIDDEN}{quote}"


def _card(match: re.Match[str]) -> str:
    """Digits that pass as the number of a payment card: Luhn's sum says so."""
    digits = [int(character) for character in match[0] if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return HIDDEN if sum(doubled) % 10 == 0 else match[0]
