"""The schemas of Kubernetes, and what an object has against the one of its kind.

The schemas are those of the package kubernetes-validate, of which only these files are used: its own check loads them
anew for every object and tells the first error only. Of what is wrong the rule is told and never the value, which may
be a secret.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, cast

import jsonschema
from referencing import Registry, Resource

_STRICT = re.compile(r"v(\d+)\.(\d+)\.\d+-local-strict")
_TYPES = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
_NAMES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}
_WANTED = 12
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What is wrong at a path of an object. `missing` means that the path leads to where something should be."""

    path: Path
    text: str
    missing: bool = False


def version() -> str:
    """The newest version of Kubernetes that there are schemas of, such as `1.37`."""
    return ".".join(map(str, max(_versions())))


def violations(manifest: Mapping[str, Any]) -> list[Violation] | None:
    """Everything wrong with an object, in the order of its schema; None when its kind has no schema."""
    validator = _validator(str(manifest.get("apiVersion")), str(manifest.get("kind")))
    if validator is None:
        return None
    # Of several names that are missing in one place, each has an error, which tells all of them.
    return list(dict.fromkeys(found for error in validator.iter_errors(manifest) for found in _told(error)))


def _told(error: jsonschema.ValidationError) -> Iterator[Violation]:
    path: Path = tuple(error.absolute_path)
    found, rule, schema = error.instance, cast(Any, error.validator_value), cast(Any, error.schema)
    if error.validator == "additionalProperties" and isinstance(found, dict):
        for name in found:
            if name not in schema.get("properties", {}):
                yield Violation(path=(*path, name), text="there is no such field")
    elif error.validator == "required" and isinstance(found, dict):
        for name in rule:
            if name not in found:
                yield Violation(path=path, text=f"{name} is missing", missing=True)
    elif error.validator == "type":
        yield Violation(path=path, text=f"has to be {_wanted(rule)}, and is {_is(found)}")
    elif error.validator == "oneOf":
        wanted = " or ".join(_wanted(one.get("type")) for one in rule)
        if found is not None:  # which fits every one of them
            yield Violation(path=path, text=f"has to be {wanted}, and is {_is(found)}")
    elif error.validator == "enum":
        more = ", ..." if len(rule) > _WANTED else ""
        yield Violation(path=path, text=f"has to be one of {', '.join(map(str, rule[:_WANTED]))}{more}")
    else:
        yield Violation(path=path, text=f"does not fit the schema ({error.validator})")


def _wanted(kind: Any) -> str:
    """A type, or a list of them of which `null` only says that it may be left out."""
    kinds = [name for name in (kind if isinstance(kind, list) else [kind]) if name != "null"]
    return " or ".join(_NAMES[name] for name in kinds)


def _is(value: Any) -> str:
    return _TYPES.get(type(value), "a number")


@functools.cache
def _versions() -> dict[tuple[int, int], Traversable]:
    root = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    found = ((_STRICT.fullmatch(entry.name), entry) for entry in root.iterdir())
    return {(int(name[1]), int(name[2])): entry for name, entry in found if name}


@functools.cache
def _registry() -> Registry[Any]:
    newest = _versions()[max(_versions())]
    definitions = json.loads((newest / "_definitions.json").read_text())
    return Resource.from_contents(definitions) @ Registry()


@functools.lru_cache(maxsize=256)
def _validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator | None:
    group, _, name = api_version.rpartition("/")
    if not re.fullmatch(r"[A-Za-z0-9]+", kind) or not re.fullmatch(r"[a-z0-9]+", name):
        return None
    file = f"{kind.lower()}-{group.partition('.')[0]}{'-' if group else ''}{name}.json"
    path = _versions()[max(_versions())] / file
    if not re.fullmatch(r"[a-z0-9.-]*", group) or not path.is_file():
        return None
    schema = json.loads(path.read_text())
    # Of a foreign group the first word may be one of Kubernetes' own, and some files are parts of objects.
    own = {"group": group, "kind": kind, "version": name}
    if own not in schema.get("x-kubernetes-group-version-kind", []):
        return None
    return jsonschema.Draft202012Validator(schema, registry=_registry())
