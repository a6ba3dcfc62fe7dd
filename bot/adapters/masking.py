"""Secrets in text that a program wrote: hidden where they are, so that the rest of the line can be read.

Log lines and manifests go into a chat. What looks like a credential is replaced before it leaves the adapter: by its
own shape (a JWT, a GitHub token, an AWS key, a key of a card), or by the name in front of it (`password=`, `token:`).
This hides what is usual; it cannot know a secret that looks like a word. All patterns are linear: each starts with
something literal or is bounded, so that a hostile line cannot keep the bot busy.
"""

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"

_NAMES = (
    r"(?:[\w.-]{0,40}(?:password|passwd|pwd|passphrase|secret|token|api[_-]?key|access[_-]?key"
    r"|(?:private|signing|encryption)[_-]?key|credentials?|authorization|cookie|session[_-]?id)[\w.-]{0,40}"
    r"|[\w.-]{0,40}(?<![a-z])pass)"
)
_REFERENCES = frozenset(
    {
        "secretname",
        "secretref",
        "secretkeyref",
        "imagepullsecrets",
        "automountserviceaccounttoken",
        "serviceaccounttoken",
        "tokenexpirationseconds",
    }
)
"""Fields of manifests that tell where a secret is, or how long it lives, and not what it is."""
_SHAPES = re.compile(
    r"eyJ[\w-]{10,4096}\.[\w-]{4,4096}\.[\w-]{0,4096}"  # a JWT
    r"|\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255})"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\bxox[abprs]-[\w-]{10,255}|\bxapp-[\w-]{10,255}"
    r"|\b(?:sk|rk|pk)_(?:live|test)_\w{10,255}|\bsk-[\w-]{20,255}|\bAIza[\w-]{35}"
    r"|\bglpat-[\w-]{16,255}|\bnpm_\w{30,255}|\bdckr_pat_[\w-]{20,255}"
    r"|\bhttps://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{10,100}"
    r"|\b[MN][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"  # a Discord bot's token
    r"|-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.{0,8192}"
)
_SCHEME = re.compile(r"\b(Bearer|Basic|token)\s+[\w+/.~=-]{8,4096}", re.IGNORECASE)
_USER = re.compile(r"(\w{2,20}://[^\s:/@]{0,100}:)[^\s@]{1,200}(?=@)")
_SESSION = re.compile(r"\b(sess(?:ion)?=)[^\s,;&\"']{8,4096}", re.IGNORECASE)
_VALUE = r"""\\"[^"\\]{1,4096}\\"|["'][^"']{1,4096}["']|[^\s,;&"'}\]]{1,4096}"""
_NAMED = re.compile(rf"""((?:\\?["'])?\b({_NAMES})(?:\\?["'])?\s{{0,3}}[=:]\s{{0,3}})({_VALUE})""", re.IGNORECASE)
_IDENTITY = re.compile(r"""\b((?:User|sub|iat):? )("[^"]{1,300}"|[^\s,;"]{1,300})""")
_NAME = re.compile(_NAMES, re.IGNORECASE)
_BEGIN = re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_END = re.compile(r"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_ARMOUR = re.compile(r"[+ -]?\s{0,200}[A-Za-z0-9+/]{16,80}={0,2}\s{0,3}")
_MARGIN = re.compile(r"(?:[+ -](?!-))?\s{0,200}")
LONGEST_KEY = 120
"""In lines: a key of 8192 bits has about a hundred."""

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
    line = _SESSION.sub(rf"\1{HIDDEN}", line)
    line = _NAMED.sub(_named, line)
    return _CARD.sub(_card, line)


def masked_lines(lines: Iterable[str]) -> list[str]:
    """Every line masked, and a private key that goes over several of them hidden from its beginning to its end.

    One whose beginning is missing is known by its end. A mark of a difference and the indentation stay.
    """
    shown: list[str] = []
    inside = 0
    for line in lines:
        ends = _END.search(line) is not None
        if inside:
            shown.append(_blank(line))
            inside = 0 if ends else inside - 1
            continue
        if ends and not _BEGIN.search(line):
            shown[:] = _without_armour(shown)
            shown.append(_blank(line))
            continue
        inside = LONGEST_KEY if _BEGIN.search(line) and not ends else 0
        shown.append(masked(line))
    return shown


def masked_answer(text: str) -> str:
    """What another system said of a failure: without secrets, and without whose account or token it was."""
    return _IDENTITY.sub(rf"\1{HIDDEN}", masked(text))


def names_a_secret(name: str) -> bool:
    """Whether what has this name is to be hidden."""
    return _NAME.fullmatch(name) is not None and name.casefold() not in _REFERENCES


def _without_armour(lines: list[str]) -> list[str]:
    """The lines, of which the last ones are hidden as long as they look like the inside of a key."""
    first = len(lines)
    while first and len(lines) - first < LONGEST_KEY and _ARMOUR.fullmatch(lines[first - 1]):
        first -= 1
    return [*lines[:first], *map(_blank, lines[first:])]


def _blank(line: str) -> str:
    margin = _MARGIN.match(line)
    return f"{margin[0] if margin else ''}{HIDDEN}"


def _named(match: re.Match[str]) -> str:
    value = match[3]
    bare = value.strip("\\\"'")
    if bare.startswith((HIDDEN, "Bearer", "Basic")) or match[2].casefold() in _REFERENCES:
        return match[0]
    if bare.casefold() in ("true", "false", "null", "none"):
        return match[0]
    quote = '\\"' if value.startswith('\\"') else value[0] if value[0] in "\"'" else ""
    return f"{match[1]}{quote}{HIDDEN}{quote}"


def _card(match: re.Match[str]) -> str:
    """Digits that pass as the number of a payment card: Luhn's sum says so."""
    digits = [int(character) for character in match[0] if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return HIDDEN if sum(doubled) % 10 == 0 else match[0]
