"""A YAML text as plain data that still knows its lines.

Whoever wrote the file needs the line, and PyYAML forgets it on the way to dictionaries, as it does keys that are
written twice. So the text is composed into nodes first, and both are kept. Aliases are refused: a small file does
not need them, and nested ones grow without bound when read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

Place = tuple[str | int, ...]


class NotYaml(Exception):
    """The text is not YAML that can be read here."""

    def __init__(self, reason: str, *, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`data` as PyYAML's safe loader gives it (None for an empty text), and `repeated`: keys written more than once."""

    data: object
    repeated: tuple[Place, ...]
    root: yaml.Node | None

    def line_of(self, place: Place) -> int:
        """The line, counted from 1, of a value by its keys and indices, or of what is nearest above it."""
        node, line = self.root, 1
        for step in place:
            found = _step(node, step)
            if found is None:
                return line
            line, node = found
        return line


def parse(text: str) -> Document:
    """Read one document. Raises `NotYaml` with the line of the first thing that cannot be read."""
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        data = None if root is None else loader.construct_document(root)
        return Document(data=data, repeated=tuple(_repeated(root, place=())), root=root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise NotYaml(reason, line=mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(f"a character that YAML does not allow: U+{ord(text[error.position]):04X}", line=line) from error
    except RecursionError as error:
        raise NotYaml("nested too deeply", line=1) from error


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs forgot this one
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not supported here", mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # a number or a date that only looks like one, such as 2026-13-45
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _step(node: yaml.Node | None, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    return None


def _repeated(node: yaml.Node | None, *, place: Place) -> Iterator[Place]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            here = (*place, key.value)
            if key.value in seen:
                yield here
            seen.add(key.value)
            yield from _repeated(value, place=here)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _repeated(value, place=(*place, index))


def path_of(place: Place) -> str:
    """The place as people write it: `environments.prod.approval.groups[1]`."""
    steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return steps.removeprefix(".") or "the file"
