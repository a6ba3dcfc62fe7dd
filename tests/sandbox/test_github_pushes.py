"""GitHub's API over a repository that the real `git` pushes to: its races, its faults, and what Git would not have."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox import git_disk
from sandbox import github as stand_in
from sandbox.git import Commit
from sandbox.github_writes import RULES
from sandbox.world import World
from tests.docs.scripts import git
from tests.sandbox.cloning import OVERLAY, checked, log, push, write
from tests.sandbox.conftest import needs_git

pytestmark = needs_git

ADVANCED = "Update is not a fast forward"


def body(text: str, **more: Any) -> dict[str, Any]:
    return {"message": "ours", "content": base64.b64encode(text.encode()).decode(), "branch": "main"} | more


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


async def test_the_api_has_it_at_once(hub: httpx.AsyncClient, world: World, clone: Path) -> None:
    before = world.git.branches["main"]
    sha = push(clone, message="feat: theirs")
    file = (await hub.get(f"contents/{OVERLAY}")).json()
    assert base64.b64decode(file["content"]).decode() == (clone / OVERLAY).read_text()
    assert file["sha"] == git("rev-parse", f"HEAD:{OVERLAY}", directory=clone).strip()
    listed = (await hub.get("contents/k8s/overlays")).json()
    assert {item["name"]: (item["type"], item["sha"]) for item in listed}["prod"] == (
        "dir",
        git("rev-parse", "HEAD:k8s/overlays/prod", directory=clone).strip(),
    )
    [newest, *_] = (await hub.get("commits", params={"path": OVERLAY})).json()
    person = {"name": "somebody", "email": "somebody@example.com"}
    assert (newest["sha"], newest["author"], newest["commit"]["message"]) == (sha, None, "feat: theirs")
    assert {name: newest["commit"]["author"][name] for name in person} == person
    compared = (await hub.get(f"compare/{before}...main")).json()
    assert (compared["status"], [item["sha"] for item in compared["commits"]]) == ("ahead", [sha])
    assert [item["filename"] for item in compared["files"]] == [OVERLAY]
    assert (await hub.get("git/ref/heads/main")).json()["object"]["sha"] == sha
    tree = (await hub.get(f"git/trees/{sha}", params={"recursive": 1})).json()["tree"]
    shown = [f"{item['mode']} {item['type']} {item['sha']}\t{item['path']}" for item in tree]
    assert shown == git("ls-tree", "-r", "-t", "HEAD", directory=clone).splitlines()


async def test_a_push_between_reading_and_writing_makes_the_write_stale(
    server: stand_in.Github, hub: httpx.AsyncClient, world: World, clone: Path
) -> None:
    blob = (await hub.get(f"contents/{OVERLAY}")).json()["sha"]
    server.faults.meanwhile.append(lambda: push(clone))
    stale = await hub.put(f"contents/{OVERLAY}", json=body("ours", sha=blob))
    assert said(stale) == (409, f"{OVERLAY} does not match {blob}")
    tip = world.git.branches["main"]
    made = (
        await hub.post("git/commits", json={"message": "x", "tree": world.git.head("main").tree_sha, "parents": [tip]})
    ).json()
    server.faults.meanwhile.append(lambda: push(clone))
    assert said(await hub.patch("git/refs/heads/main", json={"sha": made["sha"]})) == (422, ADVANCED)
    assert log(world, "-2", "main") == ["theirs", "theirs"]
    fresh = (await hub.get(f"contents/{OVERLAY}")).json()["sha"]
    assert (await hub.put(f"contents/{OVERLAY}", json=body("ours", sha=fresh))).status_code == 200
    assert git("show", f"main:{OVERLAY}", directory=world.git.directory) == "ours"
    assert log(world, "-3", "main") == ["ours", "theirs", "theirs"]


async def test_a_branch_that_somebody_holds_or_moves_takes_no_write(
    server: stand_in.Github, hub: httpx.AsyncClient, world: World, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_disk, "LOCK_TRIES", 2)
    tip, parent = world.git.branches["main"], world.git.head("main").parents[0]
    world.git.branches["topic"] = tip
    write(world, {"x": "topic"}, branch="topic")
    await hub.post("pulls", json={"base": "main", "head": "topic", "title": "topic"})
    server.faults.nothing_awaited = True
    lock = world.git.directory / "refs" / "heads" / "main.lock"
    lock.touch()
    assert said(await hub.put("contents/a", json=body("a"))) == (409, f"is at {tip} but expected {tip}")
    assert said(await hub.patch("git/refs/heads/main", json={"sha": parent, "force": True})) == (422, ADVANCED)
    modified = "Base branch was modified. Review and try the merge again."
    assert said(await hub.put("pulls/1/merge", json={})) == (409, modified)
    assert (server.pulls.all[1].state, server.pulls.all[1].merge_commit) == ("open", None)
    lock.rename(lock.with_name("new.lock"))
    begun = await hub.post("git/refs", json={"ref": "refs/heads/new", "sha": tip})
    assert said(begun) == (422, "Reference already exists")
    lock.with_name("new.lock").unlink()

    create, pushed = world.git.create, []

    def interrupted(*arguments: Any, **more: Any) -> Commit:
        pushed.append(push(clone))
        return create(*arguments, **more)

    monkeypatch.setattr(world.git, "create", interrupted)
    answer = await hub.put("contents/a", json=body("a"))
    assert said(answer) == (409, f"is at {pushed[0]} but expected {tip}")
    monkeypatch.undo()
    assert (await hub.put("contents/a", json=body("a"))).status_code == 201
    assert log(world, "-2", "main") == ["ours", "theirs"]
    assert checked(world).startswith("dangling commit ")


async def test_every_fault_over_the_repository(
    server: stand_in.Github, hub: httpx.AsyncClient, world: World, clone: Path
) -> None:
    faults, first = server.faults, log(world, "main")

    async def write(name: str) -> httpx.Response:
        return await hub.put(f"contents/{name}", json=body(name, message=name))

    faults.writes_lost = 1
    assert (await write("lost")).status_code == 502
    faults.writes_busy = 1
    assert (await write("busy")).status_code == 409
    faults.writes_limited = 60
    limited = await write("limited")
    assert (limited.status_code, limited.headers["Retry-After"]) == (403, "60")
    faults.writes_limited = None
    faults.protected["main"] = RULES
    assert said(await write("protected")) == RULES
    tip = {"sha": world.git.branches["develop"], "force": True}
    assert said(await hub.patch("git/refs/heads/main", json=tip)) == RULES
    faults.protected.clear()
    assert log(world, "main") == first
    faults.writes_unanswered = 1
    assert (await write("unanswered")).status_code == 502
    faults.writes_cut = 1
    with pytest.raises(httpx.RemoteProtocolError):
        await write("cut")
    faults.meanwhile.append(lambda: push(clone))
    assert (await write("after")).status_code == 201
    assert log(world, "main") == ["after", "theirs", "cut", "unanswered", *first]
    assert checked(world) == ""


async def test_names_and_paths_that_git_would_not_have(hub: httpx.AsyncClient, world: World) -> None:
    tip = world.git.head("main")
    for name in ("main/below", "a..b", "../../config", "x.lock"):
        refused = await hub.post("git/refs", json={"ref": f"refs/heads/{name}", "sha": tip.sha})
        assert said(refused) == (422, "Reference update failed")
    for path in (".git/config", "a/.GIT", "a/%2e%2e/b", "a//b"):
        refused = await hub.put(f"contents/{path}", json=body("x"))
        assert said(refused) == (422, "path contains a malformed path component")
    assert world.git.branches == {"develop": tip.sha, "main": tip.sha}
    entry = {"path": "../x", "mode": "100644", "type": "blob", "content": "x"}
    answer = await hub.post("git/trees", json={"base_tree": tip.tree_sha, "tree": [entry]})
    assert said(answer) == (422, "tree.path contains a malformed path component")
    script = {"path": "run.sh", "mode": "100755", "type": "blob", "content": "x"}
    made = (await hub.post("git/trees", json={"base_tree": tip.tree_sha, "tree": [script]})).json()
    assert {item["path"]: item["mode"] for item in made["tree"]}["run.sh"] == "100755"
    module = {"path": "vendor", "mode": "160000", "type": "commit", "sha": "c" * 40}
    folder = {"path": "copy", "mode": "040000", "type": "tree", "sha": made["sha"]}
    made = (await hub.post("git/trees", json={"tree": [module, folder]})).json()
    assert [(item["path"], item["type"], item["mode"]) for item in made["tree"]] == [
        ("copy", "tree", "040000"),
        ("vendor", "commit", "160000"),
    ]
    assert world.git.trees.texts(made["sha"])["copy/run.sh"] == "x"


async def test_a_pull_request_that_conflicts_is_not_merged(
    server: stand_in.Github, hub: httpx.AsyncClient, world: World, clone: Path
) -> None:
    server.faults.nothing_awaited = True
    for branch, line in (("one", "# one\n"), ("two", "# two\n"), ("far", "")):
        world.git.branches[branch] = world.git.branches["main"]
        text = world.git.head("main").tree[OVERLAY]
        write(world, {OVERLAY: text + line if line else f"# far\n{text}"}, branch=branch)
        await hub.post("pulls", json={"base": "main", "head": branch, "title": branch})
    assert (await hub.put("pulls/1/merge", json={})).status_code == 200
    assert said(await hub.put("pulls/2/merge", json={})) == (405, "Pull Request is not mergeable")
    assert (server.pulls.all[2].state, log(world, "-1", "main")) == ("open", ["one (#1)"])
    assert (await hub.put("pulls/3/merge", json={})).status_code == 200
    text = world.git.head("main").tree[OVERLAY]
    assert (text.startswith("# far\n"), text.endswith("# one\n")) == (True, True)
