"""The repository on disk is one of the real Git's: it may read it, write to it and find nothing wrong with it."""

import gc
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.topology import Topology
from sandbox import git_disk, git_objects
from sandbox.git import UnknownRevision
from sandbox.git_disk import Moved
from sandbox.world import World
from tests.docs.scripts import git
from tests.sandbox.cloning import checked, write
from tests.sandbox.conftest import NOON, needs_git


@needs_git
def test_git_reads_what_a_world_begins_with_and_what_comes(world: World) -> None:
    assert checked(world) == ""
    files: dict[str, str | None] = {"a.b": "1", "a/b/c": "2", "a-b/ä": "서울", "bytes": git_objects.text(b"\xff\x00")}
    at = world.timeline.after()
    made = world.git.commit("main", files, message="x\n\nüber", login="minji", at=at, name="김민지")
    main, develop = world.git.branches["main"], world.git.branches["develop"]
    world.commit_source("backend", branch="develop", login="sora", subject="feat: x")
    tree = world.git.head("main").tree_sha
    parents = (made.sha, world.git.branches["develop"])
    merge = world.git.create(tree, parents=parents, message="Merge", login="minji", at=world.timeline.after())
    world.git.branches["main"] = merge.sha

    def ask(*words: str) -> str:
        return git(*words, directory=world.git.directory).strip()

    assert checked(world) == ""
    assert ask("log", "--format=%an <%ae> %aI%n%B", "-1", made.sha).splitlines() == [
        f"김민지 <minji@users.noreply.github.com> {at:%Y-%m-%dT%H:%M:%S}+00:00",
        "x",
        "",
        "über",
    ]
    assert set(ask("log", "--format=%H", "main").split()) == {commit.sha for commit in world.git.history("main")}
    assert ask("cat-file", "blob", "main:a-b/ä") == "서울"
    assert ask("rev-parse", "HEAD", "HEAD^{tree}").split() == [merge.sha, tree]
    world.git.branches["main"] = main
    assert ask("merge-base", "main", "develop") == world.git.compare("main", "develop").merge_base.sha == develop
    assert ask("rev-list", "--count", "main..develop") == str(world.git.compare("main", "develop").ahead_by) == "1"


def test_a_branch_is_swapped_only_from_where_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    branches = world.git.branches
    one, two = world.git.head("main").parents[0], branches["main"]
    for old in (one, None):
        with pytest.raises(Moved) as caught:
            branches.swap("main", one, old=old)
        assert (caught.value.there, caught.value.expected) == (two, old)
    with pytest.raises(Moved, match="new is at None but expected"):
        branches.swap("new", one, old=two)
    branches.swap("new", one, old=None)
    branches.swap("main", one, old=two)
    assert (branches["new"], branches["main"]) == (one, one)

    monkeypatch.setattr(git_disk, "LOCK_TRIES", 3)
    lock = world.git.directory / "refs" / "heads" / "main.lock"
    lock.touch()  # as `git` does while it moves the branch
    with pytest.raises(Moved):
        branches.swap("main", two, old=one)
    with pytest.raises(Moved):
        branches["main"] = two
    with pytest.raises(Moved):
        del branches["main"]
    assert (branches["main"], "main.lock" in branches, list(branches)) == (one, False, ["develop", "main", "new"])
    lock.unlink()
    branches["main"] = two
    assert (branches["main"], lock.exists()) == (two, False)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "@",
        "a..b",
        "../../HEAD",
        "/a",
        "a/",
        "a//b",
        ".a",
        "a/.b",
        "a.lock",
        "a.lock/b",
        "a b",
        "a\0",
        "a~",
        "@{",
        "a.",
    ],
)
def test_what_is_no_name_of_a_branch(world: World, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a branch"):
        world.git.branches.swap(name, world.git.branches["main"], old=None)
    assert name not in world.git.branches
    with pytest.raises(UnknownRevision):
        world.git.find(name)


def test_branches_and_directories_of_one_name(world: World) -> None:
    branches, sha = world.git.branches, world.git.branches["main"]
    branches["a/b/c"] = sha
    for name in ("a", "a/b", "a/b/c/d"):
        with pytest.raises(ValueError, match=r"a branch is in the way of|branches are below"):
            branches[name] = sha
        assert name not in branches
    del branches["a/b/c"]
    branches["a"] = sha
    assert list(branches) == ["a", "develop", "main"]
    with pytest.raises(KeyError):
        del branches["a/b/c"]


def test_a_file_and_a_directory_of_one_name_give_way(world: World) -> None:
    write(world, {"x": "file", "y/z": "below"})
    made = write(world, {"x/below": "new", "y/z": None, "k8s/none/x": None})
    assert made.changed == {"x": "removed", "x/below": "added", "y/z": "removed"}
    assert not any(path == "y" for path, _ in world.git.trees.walk(made.tree_sha))


@pytest.mark.parametrize(
    "revision", ["f" * 40, "abcdef0", "0123456", "main~1", "mainmain", "HEAD\0", "a" * 41, ".." + "x" * 9]
)
def test_what_names_no_commit(world: World, revision: str) -> None:
    with pytest.raises(UnknownRevision):
        world.git.find(revision)
    head = world.git.head("main")
    with pytest.raises(UnknownRevision):
        world.git.get(head.tree_sha)
    with pytest.raises(UnknownRevision):
        world.git.find(head.tree_sha[:8])


def test_a_world_that_nobody_holds_leaves_nothing_behind(topology: Topology) -> None:
    world = World(topology, clock=lambda: NOON)
    directory = world.git.directory
    assert (directory / "HEAD").read_text() == "ref: refs/heads/main\n"
    del world
    gc.collect()
    assert not directory.exists()


def test_a_world_needs_no_git_and_goes_with_its_process() -> None:
    script = (
        "import pathlib, bot; from bot import topology; from sandbox.world import World, with_clusters\n"
        "world = World(with_clusters(topology.load(pathlib.Path(bot.__file__).parent / 'topology.default.yaml')))\n"
        "world.release('prod', 'backend'); print(world.git.directory, world.git.directory.is_dir())"
    )
    environment = {"PATH": "", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    directory, _, there = done.stdout.strip().rpartition(" ")
    assert (there, Path(directory).exists(), done.stderr) == ("True", False, "")


def test_without_much_memory_it_is_where_temporary_files_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_disk, "PLENTY", 10**30)
    assert git_disk.place() is None
    monkeypatch.setattr(git_disk, "PLENTY", 0)
    monkeypatch.setattr(git_disk, "MEMORY", "/nowhere")
    assert git_disk.place() is None


def test_a_commit_of_long_ago_and_far_away_is_read() -> None:
    body = (
        f"tree {'a' * 40}\nparent {'b' * 40}\nparent {'c' * 40}\n"
        "author A B <a@b> 1700000000 +0900\ncommitter C <> 1700000001 -0100\n"
        "gpgsig -----BEGIN\n author X <x@y> 1 +0000\n -----END\n\nx\n\n"
    )
    found = git_objects.read_commit(body.encode())
    assert (found.parents, found.name, found.email, found.message, found.login) == (
        ("b" * 40, "c" * 40),
        "A B",
        "a@b",
        "x",
        "",
    )
    assert found.at.timestamp() == 1_700_000_000
    assert found.at.utcoffset() == timedelta(0)
    bot = git_objects.read_commit(body.replace("a@b", "41898282+github-actions[bot]@users.noreply.github.com").encode())
    assert bot.login == "github-actions[bot]"
    with pytest.raises(ValueError, match="no author"):
        git_objects.read_commit(f"tree {'a' * 40}\nauthor nobody\n\nx".encode())
