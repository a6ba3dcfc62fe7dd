"""What GitHub's API lets a program write: a file, a branch, and the objects of Git one by one.

server.faults.writes_unanswered = 1       the next write is carried out, and its answer is lost
server.faults.meanwhile.append(...)       what somebody else does before the next write is carried out
"""

import base64
import binascii
import inspect
from collections.abc import Callable, Iterable

from aiohttp import web

from sandbox import git_objects, serving
from sandbox import github_answers as answers
from sandbox.faults import GithubFaults
from sandbox.git import Commit
from sandbox.git_disk import Moved
from sandbox.git_objects import FILE, MODULE, TREE, Entry
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
TYPES = {TREE: "tree", MODULE: "commit"}
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
        done = faults.meanwhile.pop(0)()
        if inspect.isawaitable(done):
            await done
    if faults.writes_lost:
        faults.writes_lost -= 1
        return answers.problem(502, "Server Error")
    if faults.writes_busy:
        faults.writes_busy -= 1
        return answers.problem(409, f"is at {'a' * 40} but expected {'b' * 40}")
    answer = await request.match_info.handler(request)
    if answer.status >= web.HTTPBadRequest.status_code:
        return answer
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
        there, sha = self._git.trees.files(before.tree_sha).get(path), body.get("sha")
        if there is not None and sha is None:
            return answers.problem(422, 'Invalid request.\n\n"sha" wasn\'t supplied.')
        if there is not None and sha != there.sha:
            return answers.problem(409, f"{path} does not match {sha}")
        if _malformed(path):
            return answers.problem(422, "path contains a malformed path component")
        entry = Entry(there.mode if there else FILE, self._git.write_file(content))
        tree = self._git.trees.edit(before.tree_sha, {path: entry})
        commit = self.create(tree, parents=(before.sha,), message=body["message"])
        try:
            self._world.move(branch, commit.sha, before=before.sha)
        except Moved as error:
            return answers.problem(409, f"is at {error.there} but expected {error.expected}")
        shapes = self._shapes()
        answer = {
            "content": shapes.content(path, branch, entry.sha, git_objects.text(content)),
            "commit": {"sha": commit.sha, "html_url": f"{shapes.html_url}/commit/{commit.sha}"}
            | shapes.git_commit(commit),
        }
        return web.json_response(answer, status=200 if there is not None else 201)

    def create(self, tree: str, *, parents: tuple[str, ...], message: str) -> Commit:
        """A commit of the bot."""
        at = self._world.timeline.after()
        return self._git.create(tree, parents=parents, message=message, login=APP, at=at)

    async def _begin(self, request: web.Request) -> web.Response:
        body = await request.json()
        branch = body["ref"].removeprefix("refs/heads/")
        if branch in self._git.branches:
            return answers.problem(422, "Reference already exists")
        if not self._git.objects.has(body["sha"], "commit"):
            return answers.problem(422, "Object does not exist")
        try:
            self._world.move(branch, body["sha"], before=None)
        except Moved:
            return answers.problem(422, "Reference already exists")
        except ValueError:
            return answers.problem(422, "Reference update failed")
        return web.json_response(self.ref(branch), status=201)

    async def _move(self, request: web.Request) -> web.Response:
        body, branch = await request.json(), request.match_info["ref"].removeprefix("heads/")
        before = self._git.branches.get(branch)
        if before is None:
            return answers.problem(422, "Reference does not exist")
        if not self._git.objects.has(body["sha"], "commit"):
            return answers.problem(422, "Object does not exist")
        if (refusal := self.protection(branch)) is not None:
            return refusal
        try:
            if not body.get("force") and not self._git.is_ancestor(before, of=body["sha"]):
                raise Moved(branch, there=before, expected=body["sha"])
            self._world.move(branch, body["sha"], before=before)
        except Moved:
            return answers.problem(422, "Update is not a fast forward")
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
        return web.json_response(self._object(self._git.get(request.match_info["sha"])))

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
        sha = name if self._git.objects.has(name, "tree") else self._git.find(name).tree_sha
        listing = self._listing(sha, recursive="recursive" in request.query)
        return web.json_response(listing | {"sha": name})  # GitHub calls the tree by the name it was asked for

    def _listing(self, sha: str, *, recursive: bool) -> Json:
        trees = self._git.trees
        listed = trees.walk(sha) if recursive else trees.entries(sha).items()
        shown = [self._listed(path, entry) for path, entry in listed]
        url, truncated = f"{self._shapes().url}/git/trees/{sha}", self._faults.trees_truncated
        return {"sha": sha, "url": url, "tree": shown[:1] if truncated else shown, "truncated": truncated}

    def _listed(self, path: str, entry: Entry) -> Json:
        kind = TYPES.get(entry.mode, "blob")
        size = {"size": len(self._git.objects.read(entry.sha, kind))} if kind == "blob" else {}
        return {"path": path, "mode": entry.mode.zfill(6), "type": kind, "sha": entry.sha, **size}

    async def _blob(self, request: web.Request) -> web.Response:
        sha = request.match_info["sha"]
        if not self._git.objects.has(sha, "blob"):
            return answers.problem(404, "Not Found")
        content = self._git.objects.read(sha, "blob")
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
        sha = self._git.write_file(content)
        return web.json_response({"sha": sha, "url": self._blob_url(sha)}, status=201)

    def _blob_url(self, sha: str) -> str:
        return f"{self._shapes().url}/git/blobs/{sha}"

    async def _make_tree(self, request: web.Request) -> web.Response:
        body = await request.json()
        base, objects = body.get("base_tree"), self._git.objects
        if base is not None and not objects.has(base, "tree"):
            return answers.problem(422, "base_tree is not a valid tree oid")
        changes: dict[str, Entry | None] = {}
        for entry in body["tree"]:
            if _malformed(entry["path"]):
                return answers.problem(422, "tree.path contains a malformed path component")
            mode = entry["mode"].lstrip("0")
            kind = TYPES.get(mode, "blob")
            if "content" in entry:
                entry["sha"] = self._git.write_file(entry["content"].encode())
            elif entry["sha"] is not None and kind != "commit" and not objects.has(entry["sha"], kind):
                return answers.problem(422, f"tree.sha {entry['sha']} is not a valid {kind}")
            changes[entry["path"]] = Entry(mode, entry["sha"]) if entry["sha"] else None
        return web.json_response(self._listing(self._git.trees.edit(base, changes), recursive=False), status=201)

    async def _make_commit(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not self._git.objects.has(body["tree"], "tree"):
            return answers.problem(422, "Tree SHA does not exist")
        if not all(self._git.objects.has(parent, "commit") for parent in body["parents"]):
            return answers.problem(422, "Parent SHA does not exist or is not a commit object")
        commit = self.create(body["tree"], parents=tuple(body["parents"]), message=body["message"])
        return web.json_response(self._object(commit), status=201)


def _malformed(path: str) -> bool:
    """Whether Git would have no such path in a tree."""
    return any(part.lower() in ("", ".", "..", ".git") for part in path.split("/")) or "\0" in path
