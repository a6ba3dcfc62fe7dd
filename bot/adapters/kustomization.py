"""The tag of an image in a kustomization.yaml, read and changed by splicing: one line differs, nothing else moves.

Writing the file anew from its data would lose comments, quotes, order and line ends; `kustomize edit` and the
round-trip loaders do too. So the text is parsed only to find where the value stands, the new tag is put in its place,
and the result is parsed again to see that this value changed and no other.

kustomize is more lenient than its documentation: it ignores the case of keys, lets the last of two keys win, reads
names as patterns, passes the result of one entry to the next, pulls by digest whatever the tag says, and takes
`newTag: 1234567` for a number. Where one of these decides about the image the file is refused, with the line.
"""

import functools
import re
from dataclasses import dataclass

import yaml

from bot import yaml_lines
from bot.domain import images
from bot.domain.reasons import Reason, Refused

LONGEST = 65_536
"""How many characters a file may have; parsing takes about a second for every 100,000."""

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NEVER_QUOTED = re.compile(r"[0-9a-f]{7,40}-[0-9]{8}-[0-9]{6}")
_NUMBER = re.compile(r"[-+]?(0o?[0-7_]+|(?=\.?[0-9])[0-9_]*\.?[0-9_]*(e[-+]?[0-9]+)?)")
_LITERAL_NAME = re.compile(r"[A-Za-z0-9._/:@-]+")
_NOT_STRINGS = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float")}
_KEYS = ("name", "newName", "newTag", "digest", "tagSuffix")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One entry of `images`: its place, its line, and its values by key."""

    index: int
    line: int
    values: dict[str, yaml.Node]

    def text(self, key: str) -> str | None:
        node = self.values.get(key)
        return node.value if isinstance(node, yaml.ScalarNode) else None


def text_of(content: bytes) -> str:
    """The text of a file, its byte order mark included. Raises Refused for what is not UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Refused(Reason.MANIFEST_UNREADABLE, f"Line {line} is not UTF-8.") from error


def tag_of(text: str, *, image: str) -> str:
    """The tag that the entry with this `name` asks for. Raises Refused as `with_tag` does."""
    return str(_tag(text, _locate(_parse(text), text, image=image)).value)


def name_of(text: str, *, repository: str) -> str:
    """The `name` of the entry that makes an image of this repository: by its `newName`, or as it is.

    Raises Refused: MANIFEST_UNREADABLE, MANIFEST_UNUSUAL, IMAGE_NOT_LISTED, or IMAGE_AMBIGUOUS when there are several.
    """
    found = [entry for entry in _entries(_parse(text), text) if _makes(entry) == repository]
    if not found:
        raise Refused(Reason.IMAGE_NOT_LISTED)
    if len(found) > 1:
        lines = ", ".join(str(entry.line) for entry in found)
        raise Refused(Reason.IMAGE_AMBIGUOUS, f"The entries in lines {lines} make images of the same repository.")
    return found[0].text("name") or ""


def with_tag(text: str, *, image: str, tag: str) -> str:
    """The same text with another tag in the entry whose `name` is the image; the text itself if it has it already.

    The tag keeps the quotes that are there; without any it gets double ones unless every reader of YAML takes it for a
    string. Raises Refused: TAG_MALFORMED, MANIFEST_UNREADABLE, IMAGE_NOT_LISTED, IMAGE_AMBIGUOUS, TAG_NOT_SET,
    DIGEST_PINNED or MANIFEST_UNUSUAL; the detail names the line.
    """
    if not _TAG.fullmatch(tag):
        raise Refused(Reason.TAG_MALFORMED)
    document = _parse(text)
    entry = _locate(document, text, image=image)
    node = _tag(text, entry)
    if node.value == tag:
        return text
    quote = node.style or ("" if _NEVER_QUOTED.fullmatch(tag) else '"')
    changed = f"{text[: node.start_mark.index]}{quote}{tag}{quote}{text[node.end_mark.index :]}"
    _check(text, changed, document, entry, tag=tag)
    return changed


@functools.lru_cache(maxsize=4)
def _parse(text: str) -> yaml_lines.Document:
    """The file, to be read only. Kept for a while, as one request asks several things of the same text."""
    if len(text) > LONGEST:
        raise Refused(Reason.MANIFEST_UNREADABLE, f"It has more than {LONGEST} characters.")
    try:
        return yaml_lines.parse(text)
    except yaml_lines.NotYaml as error:
        raise Refused(Reason.MANIFEST_UNREADABLE, f"Line {error.line} is where reading it ended.") from error


def _makes(entry: _Entry) -> str | None:
    return entry.text("newName") or entry.text("name")


def _entries(document: yaml_lines.Document, text: str) -> list[_Entry]:
    """Every entry of `images`."""
    if not isinstance(document.root, yaml.MappingNode):
        raise Refused(Reason.MANIFEST_UNREADABLE, "It is not a mapping.")
    listed = _values(document.root, text, known=("images",)).get("images")
    for place in document.repeated:
        if place[0] == "images":
            raise Refused(Reason.IMAGE_AMBIGUOUS, f"A key is written twice, first in line {document.line_of(place)}.")
    if listed is None or not listed.value:
        raise Refused(Reason.IMAGE_NOT_LISTED)
    if not isinstance(listed, yaml.SequenceNode):
        raise _unusual(listed, "`images` is not a list")
    return [_entry(node, text, index=index) for index, node in enumerate(listed.value)]


def _locate(document: yaml_lines.Document, text: str, *, image: str) -> _Entry:
    """The one entry that decides about the image."""
    entries = _entries(document, text)
    found = [entry for entry in entries if entry.text("name") == image]
    if not found:
        raise Refused(Reason.IMAGE_NOT_LISTED)
    ours = found[0]
    for other in entries:
        if other is not ours and (why := _interferes(other, ours, image=image)):
            raise Refused(Reason.IMAGE_AMBIGUOUS, f"Line {other.line} {why}; the image's entry is in line {ours.line}.")
    return ours


def _entry(node: yaml.Node, text: str, *, index: int) -> _Entry:
    if not isinstance(node, yaml.MappingNode) or _marked(node, text):
        raise _unusual(node, "is not a plain entry with a name")
    return _Entry(index=index, line=node.start_mark.line + 1, values=_values(node, text, known=_KEYS))


def _values(node: yaml.MappingNode, text: str, *, known: tuple[str, ...]) -> dict[str, yaml.Node]:
    """The values of a mapping by key; refuses what kustomize reads otherwise than it looks."""
    found = {}
    for key, value in node.value:
        name = str(key.value)
        for right in known:
            if name.casefold() == right.casefold() and name != right:
                raise _unusual(key, f"has `{right}` with other capitals")
        if name in known and (_marked(key, text) or _marked(value, text)):
            raise _unusual(key, "has an anchor or a type")
        found[name] = value
    return found


def _marked(node: yaml.Node, text: str) -> bool:
    """Whether an anchor or a type stands before the node; its mark is then theirs."""
    return text.startswith(("&", "!"), node.start_mark.index)


def _interferes(other: _Entry, ours: _Entry, *, image: str) -> str | None:
    """What another entry has to do with the image, or None. kustomize applies the entries one after another."""
    name = other.text("name") or ""
    if not _LITERAL_NAME.fullmatch(name):
        return "has no name, or a pattern for one"
    pattern = re.escape(images.parse(name).repository).replace(r"\.", ".")
    if re.fullmatch(pattern, image):
        return "is about this image too"
    if other.index > ours.index and re.fullmatch(pattern, ours.text("newName") or image):
        return "is about the name that this image gets"
    if other.index < ours.index and other.text("newName") == image:
        return "gives this name to another image"
    return None


def _tag(text: str, entry: _Entry) -> yaml.ScalarNode:
    """Where the entry's tag stands."""
    if "digest" in entry.values:
        raise Refused(Reason.DIGEST_PINNED, f"Line {entry.values['digest'].start_mark.line + 1}.")
    node = entry.values.get("newTag")
    if node is None:
        raise Refused(Reason.TAG_NOT_SET, f'The entry begins in line {entry.line}; the line to add is `newTag: "…"`.')
    for key, value in entry.values.items():
        if key not in ("name", "newName", "newTag"):
            raise _unusual(value, "is of a key that changes the image in another way")
    one_line = "\n" not in text[node.start_mark.index : node.end_mark.index]
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">") or not one_line:
        raise _unusual(node, "is not a tag in one line")
    if not node.style and _is_no_string(node.value):
        raise _unusual(node, "has a tag that needs quotes: kustomize takes it for something else than a text")
    return node


def _is_no_string(plain: str) -> bool:
    """Whether kustomize takes an unquoted value for a number, a truth or nothing, going by PyYAML and go-yaml both.

    kustomize takes times of day and dates for strings, and PyYAML does not; it takes `12345e6`, `0o17` and `y` for
    none, and PyYAML does.
    """
    kind = yaml.SafeLoader("").resolve(yaml.ScalarNode, plain, (True, False))  # type: ignore[no-untyped-call]  # PyYAML has no types
    return (
        (kind in _NOT_STRINGS and ":" not in plain)
        or _NUMBER.fullmatch(plain.lower()) is not None
        or plain in ("y", "Y", "n", "N")
    )


def _check(old: str, new: str, document: yaml_lines.Document, entry: _Entry, *, tag: str) -> None:
    """Look at the result with other eyes: one line differs, and the data differs in this tag."""
    lines = old.split("\n"), new.split("\n")
    differing = [one for one, other in zip(*lines, strict=False) if one != other]
    wanted = document.data
    if isinstance(wanted, dict):  # it is: _locate has seen to that
        listed = [dict(item) for item in wanted["images"]]
        listed[entry.index]["newTag"] = tag
        wanted = {**wanted, "images": listed}
    # As text, because a number that is not one is unlike itself.
    if len(differing) != 1 or len(lines[0]) != len(lines[1]) or repr(_parse(new).data) != repr(wanted):
        raise Refused(Reason.MANIFEST_UNUSUAL, f"Line {entry.line} did not come out as it should.")


def _unusual(node: yaml.Node, what: str) -> Refused:
    return Refused(Reason.MANIFEST_UNUSUAL, f"Line {node.start_mark.line + 1} {what}.")
