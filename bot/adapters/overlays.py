"""The files that an overlay is built from, fetched at one commit: its kustomizations, and what they refer to.

Only what is referred to is fetched, and only from the repository. What cannot be found, or lies where kustomize does
not look, is a problem with its line; what would leave the repository's own files is refused, with its line too. The
number and the size of the files are bounded before they are fetched.
"""

import asyncio
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bot import yaml_lines
from bot.adapters import github_trees
from bot.adapters.github import GitHub
from bot.adapters.github_objects import read_blob
from bot.adapters.github_trees import DIRECTORY, LINK, SUBMODULE, Entry
from bot.adapters.kustomization_references import NAMES, Objection, Reference, references
from bot.domain.reasons import Reason, Refused
from bot.domain.validations import Problem
from bot.yaml_lines import NotYaml

MOST_FILES, MOST_BYTES = 500, 5 * 1024 * 1024
LONGEST_KUSTOMIZATION = 256 * 1024
"""Bytes; one is read before it is built, and slowly."""
AT_ONCE = 2
"""Of the four threads for GitHub; a deploy must not wait for people who look."""
_LFS = b"version https://git-lfs.github.com/spec/"
_UNUSUAL = re.compile(r"[^\w./+@=:?&-]")
_SHOWN = 120


@dataclass(slots=True, kw_only=True)
class Overlay:
    """An overlay's files by their paths, the paths of its kustomizations from the outermost on, and what is wrong
    with the references between them."""

    directory: str
    files: dict[str, bytes] = field(default_factory=dict)
    kustomizations: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


async def fetch(github: GitHub, *, revision: str, directory: str) -> Overlay:
    """The overlay in a directory at a full revision.

    Raises Refused: OVERLAY_MISSING, OVERLAY_TOO_BIG, and OVERLAY_NOT_LOCAL with the file and the line of what is not
    fetched (addresses, links, submodules, Git LFS) or not run (plugins, helm); GithubError.
    """
    entries = await github_trees.tree(github, revision)
    overlay = Overlay(directory=posixpath.normpath(f"/{directory}").strip("/"))
    if _kustomization(overlay.directory, entries) is None:
        raise Refused(Reason.OVERLAY_MISSING)
    waiting, seen = [overlay.directory], {overlay.directory}
    while waiting:
        below = waiting.pop(0)
        path = _kustomization(below, entries)
        if path is None:
            continue  # said where it is referred to
        overlay.kustomizations.append(path)
        await _fetch(github, overlay, [path], entries)
        wanted = await asyncio.to_thread(_referred, overlay, path, entries)
        await _fetch(github, overlay, [target for target in wanted if entries[target].mode != DIRECTORY], entries)
        directories = [target for target in wanted if target not in seen and entries[target].mode == DIRECTORY]
        waiting += directories
        seen.update(directories)
    return overlay


async def _fetch(github: GitHub, overlay: Overlay, paths: Iterable[str], entries: Mapping[str, Entry]) -> None:
    """Put the files into the overlay that are not in it yet."""
    wanted = [path for path in dict.fromkeys(paths) if path not in overlay.files]
    known = sum(map(len, overlay.files.values())) + sum(entries[path].size for path in wanted)
    if len(overlay.files) + len(wanted) > MOST_FILES or known > MOST_BYTES:
        raise Refused(Reason.OVERLAY_TOO_BIG)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> None:
        async with turns:
            content = await read_blob(github, entries[path].sha)
        if content.startswith(_LFS):
            raise Refused(Reason.OVERLAY_NOT_LOCAL, f"`{shown(path)} is in Git LFS`")
        overlay.files[path] = content

    tasks = [asyncio.create_task(one(path)) for path in wanted]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    if sum(map(len, overlay.files.values())) > MOST_BYTES:
        raise Refused(Reason.OVERLAY_TOO_BIG)


def _referred(overlay: Overlay, path: str, entries: Mapping[str, Entry]) -> list[str]:
    """What a kustomization refers to and what is there; the rest becomes the overlay's problems, or is refused."""
    content = overlay.files[path]
    if len(content) > LONGEST_KUSTOMIZATION:
        raise Refused(Reason.OVERLAY_TOO_BIG, f"`{shown(path)}`")
    found: list[str] = []
    try:
        document = yaml_lines.parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        overlay.problems.append(Problem(text="the file is not UTF-8", file=path, line=1))
        return found
    except NotYaml as error:
        overlay.problems.append(Problem(text=error.reason, file=path, line=error.line))
        return found
    for one in references(document):
        target = _resolved(one, posixpath.dirname(path), entries) if isinstance(one, Reference) else one
        if isinstance(target, str):
            found.append(target)
        elif target.refused:
            raise Refused(Reason.OVERLAY_NOT_LOCAL, f"`{shown(f'{path}:{target.line} {target.text}')}`")
        else:
            overlay.problems.append(Problem(text=target.text, file=path, line=target.line))
    return found


def _resolved(one: Reference, below: str, entries: Mapping[str, Entry]) -> str | Objection:
    """The path in the repository, or why there is none."""

    def objection(text: str, *, refused: bool = False) -> Objection:
        return Objection(line=one.line, text=f"{one.text} {text}", refused=refused)

    path = posixpath.normpath(posixpath.join(below, one.text))
    if path == ".." or path.startswith(("../", "/")):
        return objection("lies outside the repository")
    path = "" if path == "." else path
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        part = entries.get("/".join(parts[:depth]))
        if part is not None and part.mode in (LINK, SUBMODULE):
            return objection("leads through a link or a submodule", refused=True)
    entry = entries.get(path)
    if entry is None:
        # Where there is nothing, kustomize would take `host.example/name` for a repository to be cloned.
        if "//" in one.text or re.match(r"[\w-]+(\.[\w-]+)+/", one.text):
            return objection("is not in this repository", refused=True)
        return objection("does not exist")
    if entry.mode == DIRECTORY:
        if not one.directory:
            return objection("is a directory, and a file is needed")
        return path if _kustomization(path, entries) else objection("has no kustomization.yaml, or several")
    if not one.file:
        return objection("is a file, and a directory is needed")
    if below and not path.startswith(f"{below}/"):
        return objection("is not below this kustomization, so kustomize does not read it")
    return path


def _kustomization(directory: str, entries: Mapping[str, Entry]) -> str | None:
    """The path of a directory's kustomization, if there is exactly one."""
    paths = [posixpath.normpath(posixpath.join(directory, name)) for name in NAMES]
    found = [path for path in paths if path in entries and entries[path].mode not in (DIRECTORY, LINK, SUBMODULE)]
    return found[0] if len(found) == 1 else None


def shown(text: str) -> str:
    """Foreign text in a refusal: of it only what cannot format a message is shown."""
    return " ".join(_UNUSUAL.sub(" ", text).split())[:_SHOWN]
