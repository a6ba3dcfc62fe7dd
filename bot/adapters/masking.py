"""Secrets in text that a program wrote: hidden where they are, so that the rest can be read.

Log lines, manifests and error messages go into a chat. What looks like a credential is replaced before it leaves the
adapter: by its own shape (a JWT, a GitHub token, an AWS key, a key of a card, a private key over many lines), or by the
name in front of it (`password=`, `\\"token\\":`, `name: DB_PASSWORD` with its `value:`). Names that only say where a
secret is (`secretName`, `PASSWORD_FILE`) and values that cannot be one (`false`, `${DB_PASSWORD}`) stay. This hides
what is usual; it cannot know a secret that looks like a word.

All patterns are linear: each starts with something literal or is bounded, and what was scanned for the end of a value
is consumed, so that a hostile line cannot keep the bot busy.
"""

import re
from collections.abc import Callable, Iterable, Iterator

HIDDEN = "[hidden]"
LONGEST_KEY = 120
"""In lines: a key of 8192 bits has about a hundred."""
Mark = Callable[[str], str]
"""What to write in place of a secret."""

_PASSES = 5
# `pass` is the last word of a name or it is not one: neither `passed`, `bypass` and `compass`, nor `pass_rate`.
_LAST_WORD = (
    r"(?-i:(?:(?<![A-Za-z])(?:PASS|[Pp]ass)|(?<=[a-z\d])Pass)\d{0,3}(?![\w.-]))"
    r"|(?<![a-z])(?:session|sess|sessid|sid)(?==)"
)
_WORD = (
    r"(?:password|passwd|passphrase|passcode|pwd|secret|token|credentials?|authorization|cookie|session[_-]?id"
    rf"|(?:api|access|account|private|signing|encryption|master)[_-]?key|{_LAST_WORD})"
)
_SHAPES = re.compile(
    r"eyJ[\w-]{10,4096}\.[\w-]{4,4096}\.[\w-]{0,4096}"  # a JWT
    r"|\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255}|gl[a-z]{2,5}-[\w-]{16,255}|dckr_[po]at_[\w-]{20,255})"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|\b(?:xox[abeprs]-|xapp-)[\w-]{10,255}"
    r"|\bhttps://hooks\.slack\.com/services/[\w/-]{10,100}"
    r"|\bhttps://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d+/[\w-]{10,100}"
    r"|\b[MN][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"  # a Discord bot's token
    r"|\b(?:[srp]k_(?:live|test)_|whsec_)\w{10,255}"  # Stripe's
    r"|\bsk-[\w-]{20,255}|\bAIza[\w-]{35}|\bnpm_\w{30,255}|\bSG\.[\w-]{16,32}\.[\w-]{32,64}"
    r"|\bLS0tLS1CRUdJTi(?!BDRVJU|BQVUJM)[\w+/=]{20,}+"  # -----BEGIN in base64, but of no certificate and no public key
)
_MARKER = re.compile(r"-----(BEGIN|END) [A-Z\d ]{0,30}PRIVATE KEY(?: BLOCK)?-----")
_ARMOUR = re.compile(r"""(?<![\w+/=])[\w+/]{40,}+={0,2}+["',\\\s]{0,5}+$""")
_LAST_ARMOUR = re.compile(r"""(?<!\S)[\w+/]++={0,2}+["',\\\s]{0,5}+$""")
_MARGIN = re.compile(r"(?:[+ -](?!-))?[ \t]{0,200}+")
_SCHEME = re.compile(
    r"\b(Bearer[ \t]+|(?:Basic|token)[ \t]+(?=[\w+/.~=-]{0,200}?(?-i:\d|[a-z][A-Z])))([\w+/.~=-]{8,}+)", re.IGNORECASE
)
_USER = re.compile(r"(\w{2,20}://[^\s:/@]{0,100}:)([^\s@]{1,200})(?=@)")
_QUOTE = r"""(?:\\{0,7}+["'])?+"""
_IS = r"[ \t]{0,20}+(?:=>|:=|[=:])[ \t]{0,20}+"
_REST = r"(?P<rest>[\w.-]{0,60}+)"
_NAME = re.compile(rf"{_WORD}{_REST}{_QUOTE}{_IS}", re.IGNORECASE)
_PAIR = re.compile(
    rf"\bname{_QUOTE}{_IS}{_QUOTE}[\w.-]{{0,60}}?{_WORD}{_REST}{_QUOTE},?\s{{0,80}}+{_QUOTE}value{_QUOTE}{_IS}",
    re.IGNORECASE,
)
_CALLED = re.compile(rf"{_WORD}{_REST}:", re.IGNORECASE)
_REFERENCE = re.compile(r"(?:(?:^|[_.-])(?i:names?|refs?|file|path|seconds)|Names?|Refs?|File|Path|Seconds)$")
_AUTHORIZATION = r"(?:Bearer|Basic|Digest|Negotiate|token)"
_ALREADY = r"\[hidden\]|\ue000\d+\ue001"
_VALUE = re.compile(
    r"""(?P<quote>\\{0,7}+["'])(?P<quoted>.*?)(?<!\\)(?P=quote)"""
    r"""|(?P<open>\\{0,7}+["'])(?P<unclosed>.+)"""
    rf"""|(?:{_AUTHORIZATION}[ \t]+)?(?:{_ALREADY}|[^\s,;&"'}}\]])++""",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(rf"({_AUTHORIZATION}[ \t]+)?(.*)", re.IGNORECASE | re.DOTALL)
_NO_SECRET = re.compile(
    rf"{_ALREADY}|<hidden(?:, changed)?>|true|false|null|none|nil|{_AUTHORIZATION}"
    r"|(?-i:\$\([A-Z_][A-Z\d_]{0,80}\)|\$\{[A-Z_][A-Z\d_]{0,80}\}?)"  # a variable; a bare value ends before the brace
    r"|[\[{(|>+-]{0,9}",  # the beginning of a list, an object or a block
    re.IGNORECASE,
)
# 13 to 19 digits in one piece, or as they are printed on cards, with the first digits that the networks use: not the
# `20261127-193328` of an image tag, not an epoch in milliseconds, not the decimals of a fraction.
_CARD = re.compile(
    r"(?<![\w.])(?=[3-6]|2[2-7])(?:\d{13,19}|\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{1,3})?|\d{6}\1\d{4,5}))\b"
)
_DATA = re.compile(r"""\b(?:stringData|data)\\{0,7}"\s{0,3}:\s{0,3}\{""")
_ENTRY = re.compile(r"""[\s,]{0,9}\\{0,7}"[\w.-]{1,253}+\\{0,7}"\s{0,3}:\s{0,3}""")
_SUBJECT = re.compile(r"\b((?:sub|iat): )([^,\n]{1,300})")
_ACCOUNT = re.compile(r"""\b(user[ =:]{1,2})(\\{0,7}["'])([^"'\\\n]{1,300})\2""", re.IGNORECASE)
_GROUPS = re.compile(r"\b(groups[ =:]{1,2}\[)(?!hidden\])([^\]\n]{1,1000})", re.IGNORECASE)
_SYSTEM = re.compile(r"\bsystem:(?:serviceaccounts?|nodes?)\b(?::[\w.:-]{1,300})?")


def hidden(_secret: str) -> str:
    """The mark that tells nothing."""
    return HIDDEN


def masked(text: str, *, mark: Mark = hidden) -> str:
    """The text with what looks like a secret replaced; the same when it was masked before, and as many lines.

    `mark` may tell secrets apart with `\\ue000`, digits, `\\ue001`; such a mark counts as hidden too.
    """
    for _ in range(_PASSES):  # one is enough, unless what was hidden lets the next pattern see more
        found = _masked(text, mark)
        if found == text:
            break
        text = found
    return text


def masked_lines(lines: Iterable[str]) -> list[str]:
    """Every line masked, and a private key that goes over several of them hidden from its beginning to its end.

    One whose beginning is missing is known by its end. A mark of a difference and the indentation stay.
    """
    lines = list(lines)
    return masked("\n".join(lines)).split("\n") if lines else []


def masked_answer(text: str) -> str:
    """What another system said of a failure: without secrets, and without whose account or token it was.

    It may quote the patch that could not be applied: of what a Secret or a ConfigMap holds only the names stay.
    """
    text = "".join(_without_data(text))
    text = _ACCOUNT.sub(rf"\1{HIDDEN}", text)
    text = _GROUPS.sub(r"\1hidden", text)
    text = _SYSTEM.sub(HIDDEN, _SUBJECT.sub(rf"\1{HIDDEN}", text))
    return masked(text)


def names_a_secret(name: str) -> bool:
    """Whether what has this name is probably a secret, and not only the place of one."""
    found = _CALLED.search(f"{name}:")
    return found is not None and not _REFERENCE.search(found["rest"])


def is_harmless(value: str) -> bool:
    """Whether this is no secret, whatever its name says: nothing, a truth value, a reference, or hidden already."""
    return _NO_SECRET.fullmatch(value) is not None


def _masked(text: str, mark: Mark) -> str:
    text = "".join(_without_keys(text, mark))
    text = _SHAPES.sub(lambda match: mark(match[0]), text)
    text = _SCHEME.sub(lambda match: match[1] + mark(match[2]), text)
    text = _USER.sub(lambda match: match[1] + (match[2] if is_harmless(match[2]) else mark(match[2])), text)
    text = "".join(_without_values(text, mark, after=_PAIR))
    text = "".join(_without_values(text, mark, after=_NAME))
    return _CARD.sub(lambda match: mark(match[0]) if _is_card(match[0]) else match[0], text)


def _without_keys(text: str, mark: Mark) -> Iterator[str]:
    """The text in pieces, private keys replaced line by line; of one that was cut off, what is there of it."""
    markers, at = list(_MARKER.finditer(text)), 0
    for place, marker in enumerate(markers):
        if marker.start() < at:
            continue
        if marker[1] == "END":
            start, stop = _armour_before(text, marker.start(), least=at), marker.end()
        else:
            start, stop = marker.start(), _line_end(text, marker.end(), lines=LONGEST_KEY)
            following = markers[place + 1] if place + 1 < len(markers) else None
            if following and following[1] == "END" and following.start() < stop:
                stop = following.end()
        yield text[at:start]
        first, *more = text[start:stop].split("\n")
        margins = [margin[0] if (margin := _MARGIN.match(line)) else "" for line in more]
        yield "\n".join([mark(first), *(m + mark(line) for m, line in zip(margins, more, strict=True))])
        at = stop
    yield text[at:]


def _armour_before(text: str, end: int, *, least: int) -> int:
    """Where what is left of a key begins whose first lines are missing, after its margin."""
    start, like = text.rfind("\n", least, end) + 1, _LAST_ARMOUR
    first = start or least
    for _ in range(LONGEST_KEY):
        if start <= least:
            break
        before = max(text.rfind("\n", least, start - 1) + 1, least)
        if not like.search(text[before : start - 1]):
            break
        first = start = before
        like = _ARMOUR
    margin = _MARGIN.match(text, first, end)
    return margin.end() if margin else first


def _line_end(text: str, start: int, *, lines: int) -> int:
    """Where the line ends, so many lines further."""
    at = text.find("\n", start)
    for _ in range(lines):
        if at < 0:
            break
        at = text.find("\n", at + 1)
    return len(text) if at < 0 else at


def _without_data(text: str) -> Iterator[str]:
    """The text in pieces, every value replaced in the data of an object that it quotes."""
    at = 0
    while data := _DATA.search(text, at):
        yield text[at : data.end()]
        at = data.end()
        while (entry := _ENTRY.match(text, at)) and (value := _VALUE.match(text, entry.end())):
            yield entry[0] + _hidden_value(value, hidden)
            at = value.end()
    yield text[at:]


def _without_values(text: str, mark: Mark, *, after: re.Pattern[str]) -> Iterator[str]:
    """The text in pieces, the values that follow the pattern replaced; after a reference the text goes on."""
    at = 0
    while name := after.search(text, at):
        yield text[at : name.end()]
        at = name.end()
        value = None if _REFERENCE.search(name["rest"]) else _VALUE.match(text, at)
        if value:
            yield _hidden_value(value, mark)
            at = value.end()
    yield text[at:]


def _hidden_value(value: re.Match[str], mark: Mark) -> str:
    quote = value["quote"] or value["open"] or ""
    content = value["quoted"] if value["quote"] else value["unclosed"] if value["open"] else value[0]
    if is_harmless(content):
        return value[0]
    parts = _CREDENTIAL.fullmatch(content)
    scheme, credential = parts.groups("") if parts else ("", content)
    kept = credential if is_harmless(credential) else mark(credential)
    return f"{quote}{scheme}{kept}{quote if value['quote'] else ''}"


def _is_card(number: str) -> bool:
    """Whether digits pass as the number of a payment card: Luhn's sum says so."""
    digits = [int(character) for character in number if character.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0
