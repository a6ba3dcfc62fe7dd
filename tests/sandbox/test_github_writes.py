"""What GitHub's stand-in lets programs write, driven by PyGithub; its objects are those of the real Git."""

import base64
from typing import Any

import httpx
import pytest
from github import GithubException
from github.Repository import Repository

from sandbox import git_objects
from sandbox import github as stand_in
from sandbox.github_writes import RULES
from sandbox.pushes import Pushes
from sandbox.senders import Senders
from sandbox.world import World
from tests.sandbox.receiver import Receiver
from tests.sandbox.test_github import ask

OVERLAY = "k8s/overlays/prod/kustomization.yaml"


def put(text: str, **more: Any) -> dict[str, Any]:
    return {"message": "x", "content": base64.b64encode(text.encode()).decode(), "branch": "main"} | more


def said(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


async def test_pygithub_updates_a_file(server: stand_in.Github, world: World) -> None:
    before = world.git.head("main")

    def question(repository: Repository) -> Any:
        file = repository.get_contents(OVERLAY, ref="main")
        assert not isinstance(file, list)
        return repository.update_file(OVERLAY, "x", file.decoded_content + b"# x\n", file.sha, branch="main")

    answer = await ask(question, server)
    head = world.git.head("main")
    assert answer["commit"].sha == head.sha
    assert (head.parents, head.login, head.tree[OVERLAY]) == (
        (before.sha,),
        "tiketi-chatops[bot]",
        before.tree[OVERLAY] + "# x\n",
    )
    assert answer["content"].sha == git_objects.blob(head.tree[OVERLAY])


async def test_a_file_is_guarded_by_its_blob(hub: httpx.AsyncClient, world: World) -> None:
    sha = git_objects.blob(world.git.head("main").tree[OVERLAY])
    answers = [
        await hub.put(f"contents/{OVERLAY}", json=body)
        for body in (put("a"), put("a", sha="0" * 40), put("a", sha=sha, branch="mian"), put("a", sha=sha, content="!"))
    ]
    assert list(map(said, answers)) == [
        (422, 'Invalid request.\n\n"sha" wasn\'t supplied.'),
        (409, f"{OVERLAY} does not match {'0' * 40}"),
        (404, "Branch mian not found"),
        (422, "content is not valid Base64"),
    ]
    assert (await hub.put("contents/new.yaml", json=put("a", sha=sha))).status_code == 201
    assert (await hub.put(f"contents/{OVERLAY}", json=put("a", sha=sha))).status_code == 200
    assert world.git.head("main").changed == {OVERLAY: "modified"}


async def test_branches_begin_and_move_forward_only(hub: httpx.AsyncClient, world: World) -> None:
    old, base = world.git.head("main").parents[0], world.git.branches["main"]
    begun = await hub.post("git/refs", json={"ref": "refs/heads/a/b", "sha": base})
    assert (begun.status_code, begun.json()["object"]["sha"]) == (201, base)
    for request, answer in (
        (hub.post("git/refs", json={"ref": "refs/heads/a/b", "sha": base}), "Reference already exists"),
        (hub.post("git/refs", json={"ref": "refs/heads/c", "sha": "0" * 40}), "Object does not exist"),
        (hub.patch("git/refs/heads/a/b", json={"sha": old, "force": False}), "Update is not a fast forward"),
        (hub.patch("git/refs/heads/a/b", json={"sha": "0" * 40}), "Object does not exist"),
        (hub.patch("git/refs/heads/nope", json={"sha": base}), "Reference does not exist"),
    ):
        assert said(await request) == (422, answer)
    new = world.commit_source("backend", branch="main", login="minji", subject="x").sha
    assert (await hub.patch("git/refs/heads/a/b", json={"sha": new})).status_code == 200
    assert (await hub.patch("git/refs/heads/a/b", json={"sha": old, "force": True})).status_code == 200
    assert (await hub.get("git/ref/heads/a/b")).json()["object"]["sha"] == old


async def test_a_commit_from_objects(server: stand_in.Github, hub: httpx.AsyncClient, world: World) -> None:
    head = world.git.head("main")
    listed = (await hub.get(f"git/trees/{head.tree_sha}", params={"recursive": 1})).json()
    assert {item["path"]: item["sha"] for item in listed["tree"] if item["type"] == "blob"} == {
        path: git_objects.blob(text) for path, text in head.tree.items()
    }
    top = (await hub.get("git/trees/main")).json()
    assert [(item["path"], item["type"]) for item in top["tree"]][:2] == [("backend", "tree"), ("k8s", "tree")]
    gone = "backend/src/server.js"
    entries: list[dict[str, Any]] = [
        {"path": OVERLAY, "mode": "100644", "type": "blob", "sha": git_objects.blob(head.tree[gone])},
        {"path": gone, "mode": "100644", "type": "blob", "sha": None},
        {"path": "new", "mode": "100644", "type": "blob", "content": "new"},
    ]
    tree = (await hub.post("git/trees", json={"base_tree": head.tree_sha, "tree": entries})).json()["sha"]
    body = {"message": "x", "tree": tree, "parents": [head.sha]}
    made = (await hub.post("git/commits", json=body)).json()
    assert (made["tree"]["sha"], [parent["sha"] for parent in made["parents"]]) == (tree, [head.sha])
    assert world.git.branches["main"] == head.sha
    commit = world.git.commits[made["sha"]]
    assert commit.changed == {OVERLAY: "modified", gone: "removed", "new": "added"}
    read = await ask(lambda repository: repository.get_git_commit(commit.sha).tree.sha, server)
    assert read == tree
    wrong = [
        (await hub.post("git/trees", json={"base_tree": "0" * 40, "tree": []})),
        (await hub.post("git/trees", json={"tree": [{**entries[0], "sha": "0" * 40}]})),
        (await hub.post("git/commits", json=body | {"tree": "0" * 40})),
        (await hub.post("git/commits", json=body | {"parents": ["0" * 40]})),
    ]
    assert [answer.status_code for answer in wrong] == [422] * 4
    assert (await hub.get(f"git/commits/{'0' * 40}")).status_code == 404


async def test_pull_requests(server: stand_in.Github, hub: httpx.AsyncClient, world: World) -> None:
    world.git.branches["topic"] = world.git.branches["main"]

    def create(repository: Repository) -> int:
        return repository.create_pull(base="main", head="topic", title="x", body="y").number

    with pytest.raises(GithubException, match="No commits between main and topic"):
        await ask(create, server)
    world.commit_source("backend", branch="topic", login="minji", subject="fix: x")
    world.commit_source("stats-service", branch="main", login="sora", subject="fix: y")
    number = await ask(create, server)
    with pytest.raises(GithubException, match="A pull request already exists for ORGANIZATION:topic"):
        await ask(create, server)
    for wrong in ({"base": "nope", "head": "topic"}, {"base": "main", "head": "nope"}):
        assert (await hub.post("pulls", json=wrong | {"title": "x"})).status_code == 422

    def state(repository: Repository) -> Any:
        pull = repository.get_pull(number)
        return pull.state, pull.merged, pull.head.ref, [item.number for item in repository.get_pulls(head="a:b")]

    assert await ask(state, server) == ("open", False, "topic", [])
    await ask(lambda repository: repository.get_pull(number).enable_automerge("SQUASH"), server)
    server.faults.auto_merge_allowed = False
    with pytest.raises(GithubException, match="Auto merge is not allowed"):
        await ask(lambda repository: repository.get_pull(number).enable_automerge(), server)
    assert said(await hub.put(f"pulls/{number}/merge", json={})) == (405, "Pull Request is not mergeable")
    merged = server.pulls.merge(number)
    head = world.git.head("main")
    assert (head.sha, head.changed, len(head.parents)) == (merged, {"backend/src/server.js": "modified"}, 1)
    assert (await ask(state, server))[:2] == ("closed", True)
    assert (await hub.get("pulls/9")).status_code == (await hub.put("pulls/9/merge", json={})).status_code == 404


async def test_its_faults(server: stand_in.Github, hub: httpx.AsyncClient, world: World) -> None:
    faults = server.faults
    new = put("a")
    faults.writes_lost = 1
    assert (await hub.put("contents/a", json=new)).status_code == 502
    assert "a" not in world.git.head("main").tree
    faults.writes_busy = 1
    assert said(await hub.put("contents/a", json=new))[1].startswith("is at ")
    faults.writes_unanswered = 1
    assert (await hub.put("contents/a", json=new)).status_code == 502
    assert "a" in world.git.head("main").tree
    faults.writes_cut = 1
    with pytest.raises(httpx.RemoteProtocolError):
        await hub.put("contents/b", json=new)
    assert "b" in world.git.head("main").tree
    faults.meanwhile.append(lambda: world.commit_source("backend", branch="main", login="minji", subject="first"))
    await hub.put("contents/c", json=new)
    assert world.git.commits[world.git.head("main").parents[0]].message == "first"
    faults.protected["main"] = RULES
    assert said(await hub.put("contents/d", json=new)) == RULES
    assert (await hub.patch("git/refs/heads/main", json={"sha": world.git.branches["main"]})).status_code == 409
    faults.writes_limited = 60
    answer = await hub.put("contents/d", json=new)
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "60")
    assert (await hub.get("contents/a")).status_code == 200
    faults.writes_limited, faults.forbidden = None, frozenset({"contents"})
    assert said(await hub.put("contents/d", json=new)) == (403, "Resource not accessible by integration")


async def test_argocd_notices_and_the_bot_is_told(running: World, receiver: Receiver, senders: Senders) -> None:
    old = running.overlay("staging").tags["backend"]
    tag = "bbbbbbb-20260822-120000"
    running.push_image("backend", "staging", revision="b" * 40, tag=tag)
    path = f"{running.topology.environments['staging'].overlay}/kustomization.yaml"
    async with stand_in.Github(running) as server, Pushes(running, senders) as pushes:

        def question(repository: Repository) -> str:
            file = repository.get_contents(path, ref="develop")
            assert not isinstance(file, list)
            lines = file.decoded_content.decode().split("\n")
            at = lines.index("- name: backend") + 2
            lines[at] = lines[at].replace(old, tag)
            done = repository.update_file(path, "x", "\n".join(lines), file.sha, branch="develop")
            return str(done["commit"].sha)

        before = running.git.branches["develop"]
        sha = await ask(question, server)
        await running.until(lambda: running.deployment("staging", "backend").image.endswith(f":{tag}"))
        await pushes.sent()
        running.move("topic", sha, before=None)
        await pushes.sent()
    bodies = receiver.received("POST", "/github")
    assert [(body["ref"], body["before"], body["after"]) for body in bodies] == [
        ("refs/heads/develop", before, sha),
        ("refs/heads/topic", "0" * 40, sha),
    ]
    assert bodies[0]["commits"][0]["modified"] == [path]


async def test_no_other_mutation(server: stand_in.Github) -> None:
    async with httpx.AsyncClient(base_url=server.url, headers={"Authorization": f"token {server.token}"}) as api:
        asked = {"query": "mutation { x }", "variables": {"input": {}}}
        assert "errors" in (await api.post("/graphql", json=asked)).json()
        asked = {"query": "enablePullRequestAutoMerge", "variables": {"input": {"pullRequestId": "PR_9"}}}
        assert (await api.post("/graphql", json=asked)).json()["errors"][0]["type"] == "NOT_FOUND"
