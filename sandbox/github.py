"""The GitHub REST API, as far as PyGithub and the bot ask it.

It answers from the world's repository and its workflow runs. Every address for programs in an answer is on this
server, because PyGithub follows them and insists on that. Tokens are `token` and those of the App's installation.

    async with Github(world) as github:      github.url, github.token, github.app_id, github.private_key, github.faults
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import jwt
from aiohttp import web

from sandbox import github_answers as answers
from sandbox import github_writes, oidc, serving
from sandbox.faults import GithubFaults
from sandbox.git import Commit, UnknownRevision, digest
from sandbox.github_pulls import Pulls
from sandbox.github_runs import Runs
from sandbox.github_shapes import Pull, Shapes
from sandbox.manifests import Json
from sandbox.timeline import rfc3339
from sandbox.world import World

LIMIT = 5000
FILES_LIMIT = 300
FAULTS = {
    401: "Bad credentials",
    500: "Server Error",
    502: "Server Error",
    503: "Service unavailable",
}
HOOKS = ["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20", "2a0a:a440::/29"]


class Github(serving.Server):
    """The API. `token` is a personal one; `installation_id` and `private_key` are the App's. `brought` says which pull
    request brought a commit."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.faults = GithubFaults()
        self._writes = github_writes.Writes(world, self.faults, lambda: self.shapes)
        self.pulls = Pulls(world, self.faults, lambda: self.shapes, self._writes)
        self.brought: dict[str, Pull] = {}
        self.token = "ghp_sandbox0000000000000000000000000000"
        self.app_id = 424242
        self.installation_id = 77
        self.private_key = oidc.pem(oidc.private_key("app"))
        self._tokens = {self.token}
        self._used = 0
        self._runs = Runs(world, faults=self.faults, shapes=lambda: self.shapes)

    @property
    def shapes(self) -> Shapes:
        """What things look like seen through this server's address."""
        return Shapes(self.world.topology, api=self.url)

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """What the bot asks of GitHub."""
        repository = "/repos/{owner}/{repo}"
        return [
            web.get("/rate_limit", self._rate_limit),
            web.get("/meta", self._meta),
            web.get("/user", self._user),
            web.get("/app/installations/{id}", self._installation),
            web.post("/app/installations/{id}/access_tokens", self._installation_token),
            web.get(repository, self._repository),
            web.get(f"{repository}/commits", self._commits),
            web.get(f"{repository}/commits/{{sha:[0-9a-f]+}}/pulls", self._pulls),
            web.get(f"{repository}/commits/{{ref:.+}}", self._commit),
            web.get(f"{repository}/compare/{{base:.+}}...{{head:.+}}", self._compare),
            web.get(f"{repository}/git/ref/{{ref:heads/.+}}", self._ref),
            web.get(f"{repository}/branches/{{branch:.+}}", self._branch),
            web.get(f"{repository}/contents/{{path:.*}}", self._contents),
            *self._runs.routes(repository),
            *self._writes.routes(repository),
            web.get(f"{repository}/pulls/{{number:\\d+}}", self._pull),
            *self.pulls.routes(repository),
        ]

    async def intercept(self, request: web.Request) -> web.StreamResponse | None:
        """What holds for every request: the faults, who asks, which repository, and the rate limit in the headers."""
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)
        self._used += 1
        response = self._faulty() or self._unauthenticated(request)
        if response is None and request.match_info.http_exception:
            response = answers.problem(404, "Not Found")
        asked = request.match_info
        if response is None and "repo" in asked and f"{asked['owner']}/{asked['repo']}" != self.shapes.full_name:
            response = answers.problem(404, "Not Found")
        if response is None:
            try:
                read = request.method == "GET" or request.path.startswith("/app/")
                response = await asked.handler(request) if read else await github_writes.carry_out(request, self.faults)
            except UnknownRevision:
                response = answers.problem(404, "Not Found")
        remaining = 0 if response.status == 403 and self.faults.status == 403 else max(LIMIT - self._used, 1)
        response.headers["X-RateLimit-Limit"] = str(LIMIT)
        response.headers["X-RateLimit-Remaining"] = str(remaining)
        response.headers["X-RateLimit-Used"] = str(LIMIT - remaining)
        response.headers["X-RateLimit-Reset"] = str(self._reset())
        response.headers["X-RateLimit-Resource"] = "core"
        response.headers["X-GitHub-Request-Id"] = f"SBOX:{self._used:06d}"
        return response

    def _reset(self) -> int:
        return int((self.world.timeline.clock() + timedelta(minutes=30)).timestamp())

    def _faulty(self) -> web.StreamResponse | None:
        faults = self.faults
        if faults.failures:
            faults.failures -= 1
            return answers.problem(502, FAULTS[502])
        if faults.secondary_limit is not None:
            return answers.problem(403, github_writes.SECONDARY, headers={"Retry-After": str(faults.secondary_limit)})
        if faults.status == 403:
            return answers.problem(403, f"API rate limit exceeded for installation ID {self.installation_id}.")
        return answers.problem(faults.status, FAULTS[faults.status]) if faults.status else None

    def _unauthenticated(self, request: web.Request) -> web.StreamResponse | None:
        token = serving.bearer(request)
        if request.path.startswith("/app/"):
            try:
                jwt.decode(
                    token or "",
                    oidc.private_key("app").public_key(),
                    algorithms=["RS256"],
                    issuer=str(self.app_id),
                    options={"require": ["iat", "exp", "iss"]},
                )
            except jwt.PyJWTError:
                return answers.problem(401, "A JSON web token could not be decoded")
            return None
        if token is None and request.path in ("/meta", "/rate_limit"):
            return None
        if token is None:
            return (
                answers.problem(404, "Not Found")
                if "repo" in request.match_info
                else answers.problem(401, "Requires authentication")
            )
        return None if token in self._tokens else answers.problem(401, "Bad credentials")

    async def _rate_limit(self, request: web.Request) -> web.Response:
        remaining = max(LIMIT - self._used, 1)
        core = {"limit": LIMIT, "used": LIMIT - remaining, "remaining": remaining, "reset": self._reset()}
        return web.json_response({"resources": {"core": core, "search": core, "graphql": core}, "rate": core})

    def replace_token(self, token: str) -> None:
        """From now on this is the token, and the one before is no longer good."""
        self._tokens -= {self.token}
        self._tokens.add(token)
        self.token = token

    async def _meta(self, request: web.Request) -> web.Response:
        return web.json_response({"verifiable_password_authentication": False, "hooks": HOOKS})

    async def _user(self, request: web.Request) -> web.Response:
        if serving.bearer(request) != self.token:
            return answers.problem(403, "Resource not accessible by integration")
        return web.json_response(self.shapes.user("tiketi-ops"))

    async def _installation_token(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != str(self.installation_id):
            return answers.problem(404, "Not Found")
        token = f"ghs_{digest(f'installation {len(self._tokens)}')[:36]}"
        self._tokens.add(token)
        body = {
            "token": token,
            "expires_at": rfc3339(self.world.timeline.clock() + timedelta(hours=1)),
            "permissions": self._permissions(),
            "repository_selection": "selected",
        }
        return web.json_response(body, status=201)

    async def _installation(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != str(self.installation_id):
            return answers.problem(404, "Not Found")
        body = {"id": self.installation_id, "app_id": self.app_id, "permissions": self._permissions()}
        return web.json_response(body)

    def _permissions(self) -> Json:
        actions = "read" if "actions" in self.faults.forbidden else "write"
        contents, pulls = ("read" if right in self.faults.forbidden else "write" for right in ("contents", "pulls"))
        return {"actions": actions, "contents": contents, "metadata": "read", "pull_requests": pulls}

    async def _repository(self, request: web.Request) -> web.Response:
        """A person's rights come with it, whatever those of the token are."""
        pushes = "push" not in self.faults.forbidden
        permissions = {"admin": False, "maintain": False, "push": pushes, "triage": pushes, "pull": True}
        scopes = self.faults.scopes
        headers = {} if scopes is None else {"X-OAuth-Scopes": scopes}
        return web.json_response(self.shapes.repository() | {"permissions": permissions}, headers=headers)

    async def _commits(self, request: web.Request) -> web.Response:
        path = request.query.get("path", "")
        found = [
            commit
            for commit in self.world.git.history(request.query.get("sha") or self.shapes.default_branch)
            if not path or any(changed == path or changed.startswith(f"{path}/") for changed in commit.changed)
        ]
        return answers.page(request, found, self._listed_commit)

    async def _commit(self, request: web.Request) -> web.Response:
        try:
            commit = self.world.git.find(request.match_info["ref"])
        except UnknownRevision as error:
            return answers.problem(422, f"No commit found for SHA: {error}")
        return web.json_response(self.shapes.commit(commit))

    async def _compare(self, request: web.Request) -> web.Response:
        base, head = request.match_info["base"], request.match_info["head"]
        found, shapes = self.world.git.compare(base, head), self.shapes
        size, start = answers.paging(request, default=250)
        changed = [*found.changed.items()][:FILES_LIMIT]
        return web.json_response(
            {
                "url": f"{shapes.url}/compare/{base}...{head}",
                "html_url": f"{shapes.html_url}/compare/{base}...{head}",
                "base_commit": self._listed_commit(found.base),
                "merge_base_commit": self._listed_commit(found.merge_base),
                "status": found.status,
                "ahead_by": found.ahead_by,
                "behind_by": found.behind_by,
                "total_commits": found.ahead_by,
                "commits": [self._listed_commit(commit) for commit in found.commits[start : start + size]],
                "files": [] if start else [shapes.file(found.head, path, status) for path, status in changed],
            }
        )

    async def _pulls(self, request: web.Request) -> web.Response:
        if "pulls" in self.faults.forbidden:
            return answers.problem(403, answers.FORBIDDEN)
        found = self.brought.get(self.world.git.find(request.match_info["sha"]).sha)
        return answers.page(request, [found] if found else [], self.shapes.pull)

    async def _pull(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        found = next((pull for pull in self.brought.values() if pull.number == number), None)
        return web.json_response(self.shapes.single_pull(found)) if found else self.pulls.answer(number)

    async def _ref(self, request: web.Request) -> web.Response:
        return web.json_response(self._writes.ref(request.match_info["ref"].removeprefix("heads/")))

    async def _branch(self, request: web.Request) -> web.Response:
        name = request.match_info["branch"]
        try:
            commit = self.world.git.head(name)
        except UnknownRevision:
            return answers.problem(404, "Branch not found")
        return web.json_response({"name": name, "commit": self.shapes.commit(commit), "protected": True})

    async def _contents(self, request: web.Request) -> web.Response:
        path = request.match_info["path"].strip("/")
        ref = request.query.get("ref", self.shapes.default_branch)
        try:
            commit = self.world.git.find(ref)
        except UnknownRevision:
            return answers.problem(404, f"No commit found for the ref {ref}")
        found, texts = dict(self.world.git.trees.walk(commit.tree_sha)), commit.tree
        if path in texts:
            return web.json_response(self.shapes.content(path, ref, found[path].sha, texts[path], whole=True))
        if path and path not in found:
            return answers.problem(404, "Not Found")
        inside = [name for name in sorted(found) if name.rpartition("/")[0] == path]
        return web.json_response([self.shapes.content(name, ref, found[name].sha, texts.get(name)) for name in inside])

    def _listed_commit(self, commit: Commit) -> Json:
        document = self.shapes.commit(commit)
        del document["stats"], document["files"]
        return document
