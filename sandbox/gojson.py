"""Request bodies as Argo CD decodes them: Go's encoding/json into a struct.

Unknown names are ignored without a word, names match whatever their case, null leaves a field as it was, and a value of
the wrong type is an error. So a misspelt option does nothing and reports nothing, which a stand-in must do as well.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class NotDecodable(Exception):
    """The body does not fit; the text is Go's."""


@dataclass(frozen=True, slots=True)
class Struct:
    """A Go struct: its name, and the type of each field by its JSON name; a one-element list is a slice."""

    name: str
    fields: Mapping[str, Any]


_GO = {str: "string", bool: "bool", int: "int64"}
_KINDS = {str: "string", bool: "bool", int: "number", float: "number", dict: "object", list: "array"}


def decode(content: bytes, struct: Struct) -> dict[str, Any]:
    """The fields that were given, by their proper names; an empty body gives none. Raises NotDecodable."""
    if not content.strip():
        return {}
    try:
        body = json.loads(content)
    except ValueError as error:
        raise NotDecodable(_syntax(content)) from error
    decoded = _value(body, struct, where=struct.name, path="")
    return decoded if isinstance(decoded, dict) else {}


def _value(value: Any, wanted: Any, *, where: str, path: str) -> Any:
    if isinstance(wanted, Struct):
        if not isinstance(value, dict):
            raise _mismatch(value, wanted, where=where, path=path)
        return _struct(value, wanted, path=path)
    if isinstance(wanted, list):
        if not isinstance(value, list):
            raise _mismatch(value, wanted, where=where, path=path)
        return [_value(item, wanted[0], where=where, path=path) for item in value if item is not None]
    if type(value) is not wanted:
        raise _mismatch(value, wanted, where=where, path=path)
    return value


def _struct(body: dict[str, Any], struct: Struct, *, path: str) -> dict[str, Any]:
    names = {name.lower(): name for name in struct.fields}
    result = {}
    for given, value in body.items():
        name = names.get(given.lower())
        if name is not None and value is not None:
            inner = f"{path}.{name}" if path else name
            result[name] = _value(value, struct.fields[name], where=struct.name, path=inner)
    return result


def _mismatch(value: Any, wanted: Any, *, where: str, path: str) -> NotDecodable:
    kind = f"number {value}" if isinstance(value, float) else _KINDS[type(value)]
    field = f"Go struct field {where}.{path}" if path else "Go value"
    return NotDecodable(f"json: cannot unmarshal {kind} into {field} of type {_go(wanted)}")


def _go(wanted: Any) -> str:
    """The name of a type in Go's words."""
    if isinstance(wanted, list):
        return f"[]{_go(wanted[0])}"
    return f"v1alpha1.{wanted.name}" if isinstance(wanted, Struct) else _GO[wanted]


def _syntax(content: bytes) -> str:
    text = content.decode(errors="replace").strip()
    if text[0] not in '{["-0123456789tfn':
        return f"invalid character '{text[0]}' looking for beginning of value"
    return "unexpected EOF"
