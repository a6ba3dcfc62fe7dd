"""Manifests as kustomize reads them, with the lines that they were written in.

PyYAML takes `2026-01-05` for a date, `12:30:00` for a number and `yes` for a truth value, and kustomize takes all of
them for texts: what stands in a manifest is read here with the rules of its reader. libyaml parses, since a built
overlay can have megabytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from bot.yaml_lines import NotYaml

Step = str | int
_TEXT = "tag:yaml.org,2002:str"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One document: its data, and the node that knows where everything in it is written."""

    data: Any
    node: yaml.Node


def read_all(text: str) -> list[Manifest]:
    """Every document that is not empty. Raises NotYaml with the line of the first thing that cannot be read."""
    return list(read(text))


def read(text: str) -> Iterator[Manifest]:
    """The same, one after the other, for texts whose nodes would take much memory."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            node: Any = loader.get_node()
            for line, key in _repeated(node):
                raise NotYaml(f"the key {key} is written twice", line=line)
            data = loader.construct_document(node)
            if data is not None:
                yield Manifest(data=data, node=node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise NotYaml(reason, line=mark.line + 1 if mark else 1) from error
    except yaml.reader.ReaderError as error:
        line = text.encode()[: error.position].count(b"\n") + 1
        raise NotYaml("a character that YAML does not allow", line=line) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise NotYaml("it cannot be read as YAML", line=1) from error


def line_of(node: yaml.Node) -> int:
    """The line where it begins, counted from 1."""
    return int(node.start_mark.line) + 1


def entries(node: yaml.Node) -> list[tuple[Step, int, yaml.Node]]:
    """What is directly in a mapping or a list: key or index, the line where that begins, and the node."""
    if isinstance(node, yaml.MappingNode):
        return [(str(key.value), line_of(key), value) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return [(index, line_of(item), item) for index, item in enumerate(node.value)]
    return []


def _repeated(root: yaml.Node) -> Iterator[tuple[int, str]]:
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        keys: set[Step] = set()
        for key, at, child in entries(node):
            if key in keys and key != "<<":
                yield at, str(key)
            keys.add(key)
            waiting.append(child)


class _Loader(yaml.CSafeLoader):
    """Go's rules for what a word without quotes is."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        for key, _value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                key.tag = _TEXT  # Kubernetes has no other keys.
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}


def _resolve(kind: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(rf"(?:{pattern})\Z"), [*first, ""])


_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", r"[-+]?(?:0b[01_]+|0o[0-7_]+|0x[\da-fA-F_]+|0[0-7_]*|[1-9][\d_]*)", "-+0123456789")
_resolve(
    "float",
    r"[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+0123456789.",
)
_resolve("null", "~|null|Null|NULL|", "~nN")
_resolve("merge", "<<", "<")


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(node.value)


def _int(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    octal = len(digits) > 1 and digits.isdecimal() and digits.startswith("0")
    return sign * (int(digits, 8) if octal else int(digits, 0))


_Loader.add_constructor("tag:yaml.org,2002:int", _int)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)
