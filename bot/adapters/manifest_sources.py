"""Where a field of a built object is written: in the file of the object, or in a patch that changed it.

kustomize tells the file that an object came from; what patches did to it, it does not tell. So the patches of all
kustomizations are looked through, the outermost first because it is applied last, and the first that writes the same
value into the same place of an object of that name is the one. What a generator made is written nowhere.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from bot.adapters.manifest_yaml import Manifest, entries, line_of, read_all
from bot.yaml_lines import NotYaml

ORIGIN = "config.kubernetes.io/origin"
Path = tuple[str | int, ...]
Place = tuple[str, int]
"""A file and a line in it, counted from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that makes or changes objects. A text inside a kustomization begins after line `before` of its file;
    with `whole` that is the line of everything in it. `target` is what a patch says about what it is for."""

    file: str
    manifest: Manifest
    before: int = 0
    whole: bool = False
    target: Mapping[str, Any] | None = None

    def at(self, line: int) -> Place:
        """A line of the document as a place in its file."""
        return (self.file, self.before if self.whole else self.before + line)


@dataclass(slots=True, kw_only=True)
class Sources:
    """The files of an overlay in `directory`, as texts, and its kustomizations from the outermost on."""

    directory: str
    files: Mapping[str, str]
    kustomizations: tuple[str, ...]
    _read: dict[str, list[Manifest]] = field(default_factory=dict)
    _patches: list[Source] | None = None

    def find(self, built: Mapping[str, Any], path: Path, *, missing: bool = False) -> Place | None:
        """Where what the object has at the path is written; None if that cannot be told.

        Where something is `missing` there, the place is the one in the object's own file.
        """
        kind, name = identity(built)
        patches = [one for one in self.patches() if _is_for(one, kind=kind, name=name)]
        own = self._own(built)
        for source in (*own, *patches) if missing else (*patches, *own):
            found = _line(source.manifest, path, built=built, value=not missing)
            if found is not None:
                return source.at(found)
        return None

    def named(self, kind: str, name: str) -> Place | None:
        """Where an object or a patch of this kind and name is written: the first patch, or the outermost object."""
        depths = {posixpath.dirname(file): depth for depth, file in enumerate(self.kustomizations)}
        files = sorted(self.files, key=lambda file: depths.get(posixpath.dirname(file), len(depths)))
        others = (source for file in files for source in self.documents(file))
        for source in (*self.patches(), *others):
            if identity(source.manifest.data) == (kind, name):
                return source.at(
                    _line(source.manifest, ("metadata", "name"), built=source.manifest.data, value=True) or 1
                )
        return None

    def documents(self, file: str) -> list[Source]:
        """The documents of a file; none if it is no YAML."""
        if file not in self._read:
            try:
                self._read[file] = read_all(self.files[file]) if file in self.files else []
            except NotYaml:
                self._read[file] = []
        return [Source(file=file, manifest=manifest) for manifest in self._read[file]]

    def patches(self) -> list[Source]:
        """Every patch."""
        if self._patches is None:
            self._patches = [patch for file in self.kustomizations for patch in self._patches_of(file)]
        return self._patches

    def _own(self, built: Mapping[str, Any]) -> list[Source]:
        """The documents that may be the object's own, the likeliest first: names may have got a prefix or a suffix."""
        kind, name = identity(built)
        origin = _origin(built)
        if origin is not None and "path" not in origin:
            return []
        files = self.files if origin is None else [posixpath.normpath(posixpath.join(self.directory, origin["path"]))]
        found = [one for file in files for one in self.documents(file) if _is_for(one, kind=kind, name=name)]
        return sorted(found, key=lambda one: -len(identity(one.manifest.data)[1]))

    def _patches_of(self, file: str) -> Iterator[Source]:
        for kustomization in self.documents(file):
            for key, _line, listed in entries(kustomization.manifest.node):
                kind = str(key).casefold()
                for _index, _at, entry in entries(listed):
                    if kind == "patchesstrategicmerge":
                        yield from self._patch(file, entry, target=None)
                    elif kind in ("patches", "patchesjson6902"):
                        parts = {str(name).casefold(): part for name, _, part in entries(entry)}
                        target = _plain(parts.get("target"))
                        for part in ("patch", "path"):
                            if part in parts:
                                yield from self._patch(file, parts[part], target=target)

    def _patch(self, file: str, node: yaml.Node, *, target: Mapping[str, Any] | None) -> list[Source]:
        """The patches that an entry is, or that are in the file that it names."""
        if not isinstance(node, yaml.ScalarNode):
            return []
        path = posixpath.normpath(posixpath.join(posixpath.dirname(file), node.value))
        if path in self.files:
            return [replace(source, target=target) for source in self.documents(path)]
        try:
            manifests = read_all(node.value)
        except NotYaml:
            return []
        before, whole = line_of(node), node.style != "|"
        return [Source(file=file, manifest=one, before=before, whole=whole, target=target) for one in manifests]


def identity(manifest: Any) -> tuple[str, str]:
    """Kind and name of an object or a patch; '' for what it does not say."""
    data = manifest if isinstance(manifest, Mapping) else {}
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return str(data.get("kind") or ""), str(name or "")


def _origin(built: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What kustomize says about where the object came from; None if it says nothing."""
    metadata = built.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    text = annotations.get(ORIGIN) if isinstance(annotations, Mapping) else None
    if not isinstance(text, str):
        return None
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line and not line.startswith(" "))


def _plain(node: yaml.Node | None) -> dict[str, Any] | None:
    """A mapping of texts."""
    if node is None:
        return None
    return {str(key).casefold(): str(part.value) for key, _, part in entries(node) if isinstance(part, yaml.ScalarNode)}


def _is_for(source: Source, *, kind: str, name: str) -> bool:
    """Whether it may be about the object; its value in the very place decides."""
    target = source.target
    if target is None:
        known, called = identity(source.manifest.data)
        return known == kind and bool(called) and called in name
    try:
        return bool(re.fullmatch(target.get("kind", ".*"), kind) and re.search(target.get("name", ""), name))
    except re.error:
        return False


def _line(manifest: Manifest, path: Path, *, built: Any, value: bool) -> int | None:
    """The line in which the document writes what the object has at the path; None if it does not.

    Without `value` it is enough that it writes anything there.
    """
    if isinstance(manifest.data, list):
        operations = zip(reversed(entries(manifest.node)), reversed(manifest.data), strict=True)
        lines = (_line_of_operation(node, data, path, built=built, value=value) for (_, _, node), data in operations)
        return next((line for line in lines if line is not None), None)
    return _walk(manifest.node, manifest.data, path, built=built, line=line_of(manifest.node), value=value)


def _line_of_operation(node: yaml.Node, data: Any, path: Path, *, built: Any, value: bool) -> int | None:
    """The same for one operation of a JSON patch."""
    if not isinstance(data, Mapping) or data.get("op") not in ("add", "replace") or "value" not in data:
        return None
    steps = [step.replace("~1", "/").replace("~0", "~") for step in str(data.get("path")).split("/")[1:]]
    if len(steps) > len(path) or any(a != str(b) and a != "-" for a, b in zip(steps, path, strict=False)):
        return None
    for step in path[: len(steps)]:
        built = built[step]
    line, part = next((at, part) for key, at, part in entries(node) if key == "value")
    return _walk(part, data["value"], path[len(steps) :], built=built, line=line, value=value)


def _walk(node: yaml.Node, data: Any, path: Path, *, built: Any, line: int, value: bool) -> int | None:
    for step in path:
        try:
            there = built[step]
            at = _index(data, there) if isinstance(built, list) and isinstance(data, list) else step
            data = data[at]
        except (KeyError, IndexError, TypeError):
            return None
        found = next(((known, child) for key, known, child in entries(node) if key == at), None)
        if found is None:
            return None
        built, (line, node) = there, found
    return line if not value or _fits(data, built) else None


def _index(items: Iterable[Any], wanted: Any) -> int | None:
    """Which item of a list became the wanted one: the one of its name, or the one of which it has everything."""
    named = isinstance(wanted, Mapping) and "name" in wanted
    for index, item in enumerate(items):
        if named and isinstance(item, Mapping) and "name" in item:
            if item["name"] == wanted["name"]:
                return index
        elif _fits(item, wanted):
            return index
    return None


def _fits(data: Any, built: Any) -> bool:
    """Whether what is written is in what was built, which may have more."""
    if isinstance(data, Mapping) and isinstance(built, Mapping):
        return all(key in built and _fits(value, built[key]) for key, value in data.items())
    if isinstance(data, list) and isinstance(built, list):
        return all(any(_fits(item, other) for other in built) for item in data)
    return type(data) is type(built) and bool(data == built)
