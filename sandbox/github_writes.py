"""What GitHub's API lets a program write: a file, a branch, and the objects of Git one by one.

server.faults.writes_unanswered = 1       the next write is carried out, and its answer is lost
server.faults.meanwhile.append(...)       what somebody else does before the next write is carried out
"""

import base64
import binascii
from collections.abc import Callable, Iterable

from aiohttp import web

from sandbox import git_objects, serving
from sandbox import github_answers as answers
from sandbox.faults import GithubFaults
from sandbox.git import Commit, UnknownRevision
from sandbox.github_shapes import Shapes
from sandbox.manifests import Json
from sandbox.world import World

APP = "tiketi-chatops[bot]"
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to "
    "GitHub Support for help, please include the request ID."
)
RULES = (409, "Repository rule violations found\n\nChanges must be made through a pull request.\n\n")
"""How a repository's rules protect a branch; a protected branch of the older kind says it otherwise."""
CHECKS = (409, "Could not update file: 4 of 4 required status checks are expected.")
CLASSIC = (403, "Protected branch update failed for refs/heads/main.")
OBJECTS = ("/git/trees", "/git/commits", "/git/blobs")


async def carry_out(request: web.Request, faults: GithubFaults) -> web.StreamResponse:
    """Let a write through to its handler, or have it meet its fate."""
    if faults.writes_limited is not None:
        return answers.problem(403, SECONDARY, headers={"Retry-After": str(faults.writes_limited)})
    if "contents" in faults.forbidden:
        return answers.problem(403, "Resource not accessible by integration")
    if request.path.endswith(OBJECTS):
        return await request.match_info.handler(request)
    if faults.meanwhile:
        faults.meanwhile.pop(0)()
    if faults.writes_lost:
        faults.writes_lost -= 1
        return answers.problem(502, "Server Error")
    if faults.writes_busy:
        faults.writes_busy -= 1
        return answers.problem(409, f"is at {'a' * 40} but expected {'b' * 40}")
    answer = await request.match_info.handler(request)
    if faults.writes_unanswered:
        faults.writes_unanswered -= 1
        return answers.problem(502, "Server Error")
    if faults.writes_cut:
        faults.writes_cut -= 1
        return serving.cut(request)
    return answer


class Writes:
    """The handlers; `shapes` gives what things look like through the server's address."""

    def __init__(self, world: World, faults: GithubFaults, shapes: Callable[[], Shapes]) -> None:
        self._world = world
        self._git = world.git
        self._faults = faults
        self._shapes = shapes

    def routes(self, repository: str) -> Iterable[web.AbstractRouteDef]:
        """What can be written, and the objects to be read."""
        return [
            web.put(f"{repository}/contents/{{path:.+}}", self._put),
            web.post(f"{repository}/git/refs", self._begin),
            web.patch(f"{repository}/git/refs/{{ref:heads/.+}}", self._move),
            web.get(f"{repository}/git/commits/{{sha}}", self._commit),
            web.get(f"{repository}/git/trees/{{sha}}", self._tree),
            web.get(f"{repository}/git/blobs/{{sha}}", self._blob),
            web.post(f"{repository}/git/blobs", self._make_blob),
            web.post(f"{repository}/git/commits", self._make_commit),
            web.post(f"{repository}/git/trees", self._make_tree),
        ]

    def protection(self, branch: str) -> web.Response | None:
        """How GitHub refuses a direct commit to the branch, if it does."""
        if branch not in self._faults.protected:
            return None
        status, message = self._faults.protected[branch]
        return answers.problem(status, message)

    async def _put(self, request: web.Request) -> web.Response:
        body, path = await request.json(), request.match_info["path"]
        branch = body.get("branch", self._shapes().default_branch)
        if branch not in self._git.branches:
            return answers.problem(404, f"Branch {branch} not found")
        if (refusal := self.protection(branch)) is not None:
            return refusal
        try:
            content = base64.b64decode(body["content"], validate=True)
        except (binascii.Error, KeyError):
            return answers.problem(422, "content is not valid Base64")
        before = self._git.head(branch)
        there, sha = before.tree.get(path), body.get("sha")
        if there is not None and sha is None:
            return answers.problem(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        if there is not None and sha != git_objects.blob(there):
            return answers.problem(409, f"{path} does not match {sha}")
        text = git_objects.text(content)
        commit = self.create({**before.tree, path: text}, parents=(before.sha,), message=body["message"])
        self._world.move(branch, commit.sha)
        shapes = self._shapes()
        answer = {
            "content": shapes.content(path, branch, text),
            "commit": {"sha": commit.sha, "html_url": f"{shapes.html_url}/commit/{commit.sha}"}
            | shapes.git_commit(commit),
        }
        return web.json_response(answer, status=200 if there is not None else 201)

    def create(self, tree: dict[str, str], *, parents: tuple[str, ...], message: str) -> Commit:
        """A commit of the bot."""
        at = self._world.timeline.after()
        return self._git.create(tree, parents=parents, message=message, login=APP, at=at)

    async def _begin(self, request: web.Request) -> web.Response:
        body = await request.json()
        branch = body["ref"].removeprefix("refs/heads/")
        if branch in self._git.branches:
            return answers.problem(422, "Reference already exists")
        if body["sha"] not in self._git.commits:
            return answers.problem(422, "Object does not exist")
        self._world.move(branch, body["sha"])
        return web.json_response(self.ref(branch), status=201)

    async def _move(self, request: web.Request) -> web.Response:
        body, branch = await request.json(), request.match_info["ref"].removeprefix("heads/")
        if branch not in self._git.branches:
            return answers.problem(422, "Reference does not exist")
        if body["sha"] not in self._git.commits:
            return answers.problem(422, "Object does not exist")
        if (refusal := self.protection(branch)) is not None:
            return refusal
        if not body.get("force") and not self._git.is_ancestor(self._git.branches[branch], of=body["sha"]):
            return answers.problem(422, "Update is not a fast forward")
        self._world.move(branch, body["sha"])
        return web.json_response(self.ref(branch))

    def ref(self, branch: str) -> Json:
        """A branch as git/ref answers it."""
        sha, url = self._git.head(branch).sha, f"{self._shapes().url}/git"
        target = {"sha": sha, "type": "commit", "url": f"{url}/commits/{sha}"}
        where = f"heads/{branch}"
        return {
            "ref": f"refs/{where}",
            "node_id": f"REF_{where}",
            "url": f"{url}/refs/{where}",
            "object": target,
        }

    async def _commit(self, request: web.Request) -> web.Response:
        sha = request.match_info["sha"]
        if sha not in self._git.commits:
            raise UnknownRevision(sha)
        return web.json_response(self._object(self._git.commits[sha]))

    def _object(self, commit: Commit) -> Json:
        shapes = self._shapes()
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha}",
            "html_url": f"{shapes.html_url}/commit/{commit.sha}",
            "parents": [{"sha": sha, "url": f"{shapes.url}/git/commits/{sha}"} for sha in commit.parents],
        } | shapes.git_commit(commit)

    async def _tree(self, request: web.Request) -> web.Response:
        name = request.match_info["sha"]
        sha = name if name in self._git.trees else self._git.find(name).tree_sha
        listing = self._listing(sha, recursive="recursive" in request.query)
        return web.json_response(listing | {"sha": name})  # GitHub calls the tree by the name it was asked for

    def _listing(self, sha: str, *, recursive: bool) -> Json:
        files = self._git.trees[sha]
        found: list[Json] = [
            {
                "path": path,
                "mode": "100644",
                "type": "blob",
                "sha": git_objects.blob(text),
                "size": len(git_objects.content(text)),
            }
            for path, text in files.items()
        ]
        directories: list[Json] = [
            {"path": path, "mode": "040000", "type": "tree", "sha": git_objects.name("tree", body)}
            for path, body in git_objects.trees(files).items()
            if path
        ]
        entries = sorted(found + directories, key=lambda entry: entry["path"])
        shown = [entry for entry in entries if recursive or "/" not in entry["path"]]
        url, truncated = f"{self._shapes().url}/git/trees/{sha}", self._faults.trees_truncated
        return {"sha": sha, "url": url, "tree": shown[:1] if truncated else shown, "truncated": truncated}

    async def _blob(self, request: web.Request) -> web.Response:
        sha = request.match_info["sha"]
        if sha not in self._git.blobs:
            raise UnknownRevision(sha)
        content = git_objects.content(self._git.blobs[sha])
        answer = {"sha": sha, "node_id": f"B_{sha}", "size": len(content), "url": self._blob_url(sha)}
        encoded = base64.encodebytes(content).decode()
        return web.json_response(answer | {"content": encoded, "encoding": "base64"})

    async def _make_blob(self, request: web.Request) -> web.Response:
        body = await request.json()
        try:
            plain = body.get("encoding", "utf-8") == "utf-8"
            content = body["content"].encode() if plain else base64.b64decode(body["content"], validate=True)
        except (binascii.Error, KeyError):
            return answers.problem(422, "content is not valid Base64")
        text = git_objects.text(content)
        sha = git_objects.blob(text)
        self._git.blobs[sha] = text
        return web.json_response({"sha": sha, "url": self._blob_url(sha)}, status=201)

    def _blob_url(self, sha: str) -> str:
        return f"{self._shapes().url}/git/blobs/{sha}"

    async def _make_tree(self, request: web.Request) -> web.Response:
        body = await request.json()
        base = body.get("base_tree")
        if base is not None and base not in self._git.trees:
            return answers.problem(422, "base_tree is not a valid tree oid")
        files = dict(self._git.trees[base]) if base else {}
        for entry in body["tree"]:
            if "content" in entry:
                files[entry["path"]] = entry["content"]
            elif entry["sha"] is None:
                files.pop(entry["path"], None)
            elif entry["sha"] in self._git.blobs:
                files[entry["path"]] = self._git.blobs[entry["sha"]]
            else:
                return answers.problem(422, f"tree.sha {entry['sha']} is not a valid blob")
        return web.json_response(self._listing(self._git.keep(files), recursive=False), status=201)

    async def _make_commit(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["tree"] not in self._git.trees:
            return answers.problem(422, "Tree SHA does not exist")
        if any(parent not in self._git.commits for parent in body["parents"]):
            return answers.problem(422, "Parent SHA does not exist or is not a commit object")
        tree = dict(self._git.trees[body["tree"]])
        commit = self.create(tree, parents=tuple(body["parents"]), message=body["message"])
        return web.json_response(self._object(commit), status=201)
