"""What a merge makes of two changes, held against the real Git."""

import subprocess
from pathlib import Path

import pytest

from sandbox.git_merging import Conflict, merge_texts, merge_trees
from sandbox.world import World
from tests.docs.scripts import git
from tests.sandbox.cloning import write
from tests.sandbox.conftest import needs_git

MERGES = [
    ("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nD\n"),
    ("a\nb\nc\nd\n", "A\nb\nc\nd\n", "A\nb\nc\nd\n"),
    ("a\nb\nc\nd\n", "a\nB\nc\nd\n", "a\nb\nC\nd\n"),
    ("a\nb\nc\nd\n", "a\nb\nd\n", "a\nb\nc\nd\ne\n"),
    ("a\nb\nc\n", "a\nx\nb\nc\n", "a\ny\nb\nc\n"),
    ("a\nb\nc\n", "a\nb\nc", "0\na\nb\nc\n"),
    ("", "a\n", "a\n"),
    ("a\n", "", "b\n"),
]


@needs_git
@pytest.mark.parametrize(("base", "ours", "theirs"), MERGES)
def test_texts_are_merged_as_git_merges_them(base: str, ours: str, theirs: str, tmp_path: Path) -> None:
    for name, text in (("base", base), ("ours", ours), ("theirs", theirs)):
        (tmp_path / name).write_text(text)
    words = ["git", "merge-file", "-p", "ours", "base", "theirs"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert merge_texts(base, ours, theirs) == (None if done.returncode else done.stdout)


@needs_git
def test_trees_are_merged_as_git_merges_them(world: World) -> None:
    base = write(world, {"both": "1\n2\n3\n4\n5\n", "theirs": "x", "gone": "x", "same": "x", "mine": "x"})
    world.git.branches["topic"] = base.sha
    ours = write(world, {"both": "one\n2\n3\n4\n5\n", "mine": "y", "same": "y"})
    theirs = write(
        world, {"both": "1\n2\n3\n4\nfive\n", "theirs": "y", "gone": None, "new/a": "z", "same": "y"}, branch="topic"
    )
    merged = merge_trees(world.git, base=base, ours=ours, theirs=theirs)
    assert git("merge-tree", "--write-tree", ours.sha, theirs.sha, directory=world.git.directory).strip() == merged
    for files in ({"both": "2\n2\n3\n4\n5\n"}, {"both": None}, {"mine": "z"}):
        clash = write(world, dict(files), branch="topic")
        with pytest.raises(Conflict):
            merge_trees(world.git, base=base, ours=ours, theirs=clash)
        world.git.branches["topic"] = theirs.sha
