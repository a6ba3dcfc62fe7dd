"""What a kustomization refers to, each with its line: files and directories to be fetched, or what is never fetched.

kustomize itself loads addresses with HTTP, clones repositories, and runs plugins and helm where it is allowed to. The
files come from whoever can push a branch, so nothing of that may happen: every entry that kustomize would load is
looked at before, and fields that nobody knows here are refused. kustomize takes `Resources` for `resources`, so names
are compared without their case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.yaml_lines import Document, Place

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_FILES_OR_DIRECTORIES = frozenset({"resources"})
_DIRECTORIES = frozenset({"bases", "components"})
_FILES = frozenset({"crds", "configurations"})
_FILES_OR_TEXTS = frozenset({"patchesstrategicmerge"})
_WITH_PATH = frozenset({"patches", "patchesjson6902", "replacements"})
_GENERATORS = frozenset({"configmapgenerator", "secretgenerator"})
_PLUGINS = frozenset(
    {"generators", "transformers", "validators", "helmcharts", "helmchartinflationgenerator", "helmglobals"}
)
_NO_PATHS = frozenset(
    {
        "apiversion",
        "kind",
        "metadata",
        "namespace",
        "nameprefix",
        "namesuffix",
        "labels",
        "commonlabels",
        "commonannotations",
        "images",
        "imagetags",
        "replicas",
        "vars",
        "generatoroptions",
        "buildmetadata",
        "sortoptions",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """An entry as it is written. It may be a file, a directory, or both where kustomize takes either."""

    text: str
    line: int
    file: bool = True
    directory: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """A field or entry with which nothing is built: `refused` because of what it would have kustomize do, else it is
    wrong."""

    line: int
    text: str
    refused: bool = False


def references(document: Document) -> Iterator[Reference | Objection]:
    """Everything that a kustomization has kustomize load, in the order in which it is written."""
    if not isinstance(document.data, dict):
        yield Objection(line=1, text="a kustomization is a mapping")
        return
    for place in document.repeated:
        yield Objection(line=document.line_of(place), text=f"the key {place[-1]} is written twice")
    for key, value in document.data.items():
        yield from _field(document, str(key), value)


def _field(document: Document, key: str, value: Any) -> Iterator[Reference | Objection]:
    name, line = key.casefold(), document.line_of((key,))
    if name in _PLUGINS:
        yield Objection(line=line, text=f"{key} would have programs run", refused=True)
    elif name in _FILES_OR_DIRECTORIES | _DIRECTORIES | _FILES | _FILES_OR_TEXTS:
        for place, entry in _listed(key, value):
            if not (name in _FILES_OR_TEXTS and _is_patch(entry)):
                file, directory = name not in _DIRECTORIES, name in _FILES_OR_DIRECTORIES | _DIRECTORIES
                yield _reference(document, place, entry, file=file, directory=directory)
    elif name in _WITH_PATH:
        for place, entry in _listed(key, value):
            for path in _within(place, entry, "path"):
                yield _reference(document, *path)
    elif name == "openapi":
        for path in _within((key,), value, "path"):
            yield _reference(document, *path)
    elif name in _GENERATORS:
        for place, entry in _listed(key, value):
            yield from _sources(document, place, entry)
    elif name not in _NO_PATHS:
        yield Objection(line=line, text=f"kustomize has no field {key}")


def _sources(document: Document, place: Place, entry: Any) -> Iterator[Reference | Objection]:
    """The files of a generator's entry: `file`, or `name=file`."""
    for path in _within(place, entry, "env"):
        yield _reference(document, *path)
    for field in ("envs", "files"):
        for at, listed in _within(place, entry, field):
            for where, item in _listed(at[-1], listed, before=at[:-1]):
                if field == "files" and isinstance(item, str):
                    item = item.rpartition("=")[2]
                yield _reference(document, where, item)


def _reference(
    document: Document, place: Place, entry: Any, *, file: bool = True, directory: bool = False
) -> Reference | Objection:
    line = document.line_of(place)
    if not isinstance(entry, str) or not entry:
        return Objection(line=line, text="this is not the path of a file")
    # kustomize looks for an address first, even where a file has its name.
    if any(mark in entry for mark in (":", "@", "?")) or entry.casefold().startswith("github.com/"):
        return Objection(line=line, text=f"{entry} is not in this repository", refused=True)
    return Reference(text=entry, line=line, file=file, directory=directory)


def _listed(key: str | int, value: Any, *, before: Place = ()) -> Iterator[tuple[Place, Any]]:
    for index, entry in enumerate(value if isinstance(value, list) else [] if value is None else [value]):
        yield (*before, key, index), entry


def _within(place: Place, entry: Any, name: str) -> Iterator[tuple[Place, Any]]:
    """The values of a mapping's key, in whatever case it is written."""
    for key, value in entry.items() if isinstance(entry, dict) else ():
        if str(key).casefold() == name and value not in (None, ""):
            yield (*place, str(key)), value


def _is_patch(entry: Any) -> bool:
    """Whether an entry that may be a file or a patch is a patch: no address begins so, and no path does."""
    return isinstance(entry, str) and ("\n" in entry or entry.lstrip().startswith("{"))
