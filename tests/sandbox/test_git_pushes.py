"""The real `git` pushes, and everybody sees it at once: the world, Argo CD, the bot; nobody's work is lost."""

import re
from pathlib import Path
from typing import Any

import pytest

from sandbox.git import Commit
from sandbox.git_disk import Moved
from sandbox.pushes import Pushes
from sandbox.senders import Senders
from sandbox.world import World
from tests.docs.scripts import git
from tests.sandbox.cloning import OVERLAY, checked, push, write
from tests.sandbox.conftest import needs_git
from tests.sandbox.receiver import Receiver

pytestmark = needs_git

TAG = "bbbbbbb-20260822-120000"


def test_what_git_pushes_is_there_at_once(world: World, clone: Path) -> None:
    (clone / "backend" / "run.sh").write_text("#!/bin/sh\n")
    (clone / "backend" / "run.sh").chmod(0o755)
    (clone / "link").symlink_to("backend/run.sh")
    git("add", ".", directory=clone)
    git("commit", "--quiet", "--message", "feat: run\n\nThe whole of it.", directory=clone)
    git("push", "--quiet", "origin", "HEAD:main", "HEAD:refs/heads/topic/one", directory=clone)
    sha = git("rev-parse", "HEAD", directory=clone).strip()

    pushed = world.git.head("main")
    assert (pushed.sha, pushed.message, pushed.login, pushed.email) == (
        sha,
        "feat: run\n\nThe whole of it.",
        "",
        "somebody@example.com",
    )
    assert pushed.changed == {"backend/run.sh": "added", "link": "added"}
    assert (pushed.tree["backend/run.sh"], pushed.tree["link"]) == ("#!/bin/sh\n", "backend/run.sh")
    assert world.git.find(sha[:9]) is world.git.find("topic/one") is pushed
    assert list(world.git.branches) == ["develop", "main", "topic/one"]

    later = write(world, {"backend/run.sh": "#!/bin/bash\n"})  # what else stands there stays as it is
    assert [world.git.trees.files(later.tree_sha)[path].mode for path in ("backend/run.sh", "link")] == [
        "100755",
        "120000",
    ]
    git("push", "--quiet", "--force", "origin", "HEAD~1:main", ":topic/one", directory=clone)
    assert world.git.head("main").sha == pushed.parents[0]
    assert list(world.git.branches) == ["develop", "main"]
    assert checked(world) == f"dangling commit {later.sha}\n"


def test_a_push_of_very_many_objects_is_not_packed(world: World, clone: Path) -> None:
    for number in range(150):
        (clone / f"{number}.txt").write_text(str(number))
    git("add", ".", directory=clone)
    git("commit", "--quiet", "--message", "many", directory=clone)
    git("push", "--quiet", "origin", "HEAD:main", directory=clone)
    assert world.git.head("main").tree["149.txt"] == "149"
    assert not any(world.git.directory.rglob("*.pack"))


async def test_argocd_deploys_what_was_pushed(world: World, tmp_path: Path) -> None:
    old = world.overlay("staging").tags["backend"]
    world.push_image("backend", "staging", revision="b" * 40, tag=TAG)
    git("clone", "--quiet", "--branch", "develop", f"file://{world.git.directory}", ".", directory=tmp_path)
    file = tmp_path / world.topology.environments["staging"].overlay / "kustomization.yaml"
    file.write_text(re.sub(f"(name: backend\n.*\n.*){old}", rf"\g<1>{TAG}", file.read_text()))
    git("commit", "--quiet", "--all", "--message", "x", directory=tmp_path)
    git("push", "--quiet", directory=tmp_path)
    await world.settle()
    assert world.deployment("staging", "backend").image.endswith(f":{TAG}")


def test_who_is_second_commits_anew_on_what_the_first_pushed(
    world: World, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, left = world.git.create, 3

    def interrupted(*arguments: Any, **more: Any) -> Commit:
        nonlocal left
        if left:
            left -= 1
            push(clone)
        return create(*arguments, **more)

    monkeypatch.setattr(world.git, "create", interrupted)
    world.commit_tag("backend", "prod", tag=TAG)
    assert [commit.message for commit in world.git.history("main")][:5] == [
        f"chore(prod): backend {TAG}",
        *["theirs"] * 3,
        f"chore: all services {world.overlay('dev').tags['backend']}",
    ]
    assert world.overlay("prod").tags["backend"] == TAG

    monkeypatch.setattr("sandbox.git.TRIES", 2)
    left = 2
    with pytest.raises(Moved):
        world.commit_tag("backend", "prod", tag="ccccccc-20260822-120000")
    assert (left, world.overlay("prod").tags["backend"]) == (0, TAG)


def test_only_what_git_pushed_is_news(world: World, clone: Path) -> None:
    branches = world.git.branches
    assert branches.pushed() == {}
    before = branches["main"]
    latest = world.release("prod", "backend").manifest.sha
    branches["a/b"] = before
    del branches["a/b"]
    assert branches.pushed() == {}
    git("push", "--quiet", "origin", f"{before}:refs/heads/topic", f"+{before}:refs/heads/main", directory=clone)
    assert branches.pushed() == {"main": latest, "topic": None}
    assert branches.pushed() == {}


async def test_the_bot_is_told_of_a_push(running: World, receiver: Receiver, senders: Senders, tmp_path: Path) -> None:
    git("clone", "--quiet", f"file://{running.git.directory}", "clone", directory=tmp_path)
    before = running.git.branches["main"]
    async with Pushes(running, senders) as pushes:
        sha = push(tmp_path / "clone", message="feat: theirs")
        running.commit_source("backend", branch="develop", login="minji", subject="announced by the pipeline")
        await running.until(lambda: receiver.received("POST", "/github"))
        await pushes.sent()
    [told] = receiver.received("POST", "/github")
    assert (told["ref"], told["before"], told["after"]) == ("refs/heads/main", before, sha)
    [commit] = told["commits"]
    assert (commit["modified"], commit["author"]) == (
        [OVERLAY],
        {"name": "somebody", "email": "somebody@example.com"},
    )
    assert told["sender"]["login"] == "somebody"
