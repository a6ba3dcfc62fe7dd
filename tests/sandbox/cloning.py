"""Somebody with a clone of the world's repository, and what the real Git says of it."""

from pathlib import Path

from sandbox.git import Commit
from sandbox.world import World
from tests.docs.scripts import git

OVERLAY = "k8s/overlays/prod/kustomization.yaml"


def push(clone: Path, *, branch: str = "main", message: str = "theirs") -> str:
    """Commit one more line of the overlay on the newest commit, and push it; returns the revision."""
    git("fetch", "--quiet", directory=clone)
    git("checkout", "--quiet", "--detach", f"origin/{branch}", directory=clone)
    (clone / OVERLAY).write_text(f"{(clone / OVERLAY).read_text()}# {message}\n")
    git("commit", "--quiet", "--all", "--message", message, directory=clone)
    git("push", "--quiet", "origin", f"HEAD:{branch}", directory=clone)
    return git("rev-parse", "HEAD", directory=clone).strip()


def log(world: World, *words: str) -> list[str]:
    """What `git log` has of a branch."""
    return git("log", "--format=%s", *words, directory=world.git.directory).splitlines()


def checked(world: World) -> str:
    """What `git fsck` has to say, of dangling objects too."""
    return git("fsck", "--strict", "--full", directory=world.git.directory)


def write(world: World, files: dict[str, str | None], *, branch: str = "main") -> Commit:
    """A commit without the real Git."""
    return world.git.commit(branch, files, message="x", login="minji", at=world.timeline.after())
