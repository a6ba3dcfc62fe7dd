"""Directories of a repository: their files by path, what differs between two, and how one becomes another."""

from collections.abc import Iterator, Mapping

from sandbox import git_objects
from sandbox.git_disk import Objects
from sandbox.git_objects import MODULE, TREE, Entry


class Trees:
    """The trees among the objects; what was worked out once is kept, as it never changes."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._entries: dict[str, Mapping[str, Entry]] = {}
        self._texts: dict[str, Mapping[str, str]] = {}

    def entries(self, tree: str) -> Mapping[str, Entry]:
        """What the directory itself holds, by name. Raises KeyError if there is no such tree."""
        if tree not in self._entries:
            self._entries[tree] = git_objects.entries(self._objects.read(tree, "tree"))
        return self._entries[tree]

    def walk(self, tree: str, *, below: str = "") -> Iterator[tuple[str, Entry]]:
        """Everything in it, directories too, each with its path, a directory before what it holds."""
        for name, entry in self.entries(tree).items():
            yield f"{below}{name}", entry
            if entry.mode == TREE:
                yield from self.walk(entry.sha, below=f"{below}{name}/")

    def files(self, tree: str) -> dict[str, Entry]:
        """Everything in it but directories, by path."""
        return {path: entry for path, entry in self.walk(tree) if entry.mode != TREE}

    def texts(self, tree: str) -> Mapping[str, str]:
        """The text of every file by path; to be read only."""
        if tree not in self._texts:
            self._texts[tree] = {
                path: git_objects.text(self._objects.read(entry.sha, "blob"))
                for path, entry in self.files(tree).items()
                if entry.mode != MODULE
            }
        return self._texts[tree]

    def edit(self, tree: str | None, changes: Mapping[str, Entry | None]) -> str:
        """The tree, by default an empty one, with these paths in it, or without those that have None; its name."""
        kept = dict(self.entries(tree)) if tree else {}
        below: dict[str, dict[str, Entry | None]] = {}
        for path, entry in changes.items():
            name, _, rest = path.partition("/")
            if rest:
                below.setdefault(name, {})[rest] = entry
            elif entry is None:
                kept.pop(name, None)
            else:
                kept[name] = entry
        for name, inner in below.items():
            there = kept.get(name)
            made = self.edit(there.sha if there and there.mode == TREE else None, inner)
            if self.entries(made):
                kept[name] = Entry(TREE, made)
            elif there and there.mode == TREE:
                del kept[name]  # Git knows no empty directory
        return self._objects.write("tree", git_objects.tree(kept))

    def changes(self, old: str | None, new: str) -> dict[str, str]:
        """Each path that differs, with `added`, `modified` or `removed`, in order."""
        before, after = self.files(old) if old else {}, self.files(new)
        found = {}
        for path in sorted(before.keys() | after.keys()):
            if path not in before:
                found[path] = "added"
            elif path not in after:
                found[path] = "removed"
            elif before[path] != after[path]:
                found[path] = "modified"
        return found
