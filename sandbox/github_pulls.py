"""Pull requests as GitHub keeps them, with auto-merge; a person merges or closes one by calling the methods.

server.pulls.merge(1)           somebody approved it, or the checks have passed: squashed onto its base
server.pulls.close(1)
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web

from sandbox import github_answers as answers
from sandbox.faults import GithubFaults
from sandbox.git import Git
from sandbox.git_disk import Moved
from sandbox.git_merging import Conflict, merge_trees
from sandbox.github_shapes import Shapes
from sandbox.github_writes import APP, Writes
from sandbox.manifests import Json
from sandbox.timeline import rfc3339
from sandbox.world import World


@dataclass(slots=True, kw_only=True)
class Pull:
    """One pull request; `headline` and `body_text` are those of the commit that auto-merge will make."""

    number: int
    head: str
    base: str
    title: str
    body: str
    created_at: datetime
    state: str = "open"
    merged_at: datetime | None = None
    merge_commit: str | None = None
    auto_merge: Json | None = None
    tip: str = ""


class Pulls:
    """The pull requests of the repository by number."""

    def __init__(self, world: World, faults: GithubFaults, shapes: Callable[[], Shapes], writes: Writes) -> None:
        self.all: dict[int, Pull] = {}
        self._world = world
        self._git: Git = world.git
        self._faults = faults
        self._shapes = shapes
        self._writes = writes

    def routes(self, repository: str) -> Iterable[web.AbstractRouteDef]:
        """What can be asked and done."""
        return [
            web.get(f"{repository}/pulls", self._list),
            web.post(f"{repository}/pulls", self._open),
            web.patch(f"{repository}/pulls/{{number:\\d+}}", self._edit),
            web.put(f"{repository}/pulls/{{number:\\d+}}/merge", self._merge),
            web.post("/graphql", self._graphql),
        ]

    def merge(self, number: int, *, title: str = "", message: str = "") -> str:
        """Squash it onto its base, with the message of auto-merge if that is set; returns the new commit.

        Raises Conflict, and Moved if somebody pushes at that moment.
        """
        pull = self.all[number]
        tip = self._git.head(pull.base)
        compared = self._git.compare(pull.base, pull.head)
        tree = merge_trees(self._git, base=compared.merge_base, ours=tip, theirs=compared.head)
        wanted = pull.auto_merge or {}
        headline = title or wanted.get("commit_title") or f"{pull.title} (#{number})"
        body = message or wanted.get("commit_message") or ""
        commit = self._writes.create(tree, parents=(tip.sha,), message=f"{headline}\n\n{body}".strip())
        self._world.move(pull.base, commit.sha, before=tip.sha)
        pull.tip = compared.head.sha
        pull.state, pull.merged_at, pull.merge_commit = "closed", self._world.timeline.after(), commit.sha
        return commit.sha

    def close(self, number: int) -> None:
        """Close it without merging."""
        pull = self.all[number]
        pull.state, pull.tip, pull.auto_merge = "closed", self._git.head(pull.head).sha, None

    async def _list(self, request: web.Request) -> web.Response:
        query, owner = request.query, self._shapes().owner
        state = query.get("state", "open")
        found = [
            pull
            for pull in reversed(self.all.values())
            if state in ("all", pull.state)
            and query.get("head", f"{owner}:{pull.head}") == f"{owner}:{pull.head}"
            and query.get("base", pull.base) == pull.base
        ]
        return answers.page(request, found, self._shape)

    async def _open(self, request: web.Request) -> web.Response:
        body = await request.json()
        head, base = body["head"].rpartition(":")[2], body["base"]
        if base not in self._git.branches:
            return _invalid({"resource": "PullRequest", "field": "base", "code": "invalid"})
        if head not in self._git.branches:
            return _invalid({"resource": "PullRequest", "field": "head", "code": "invalid"})
        if any(pull.state == "open" and (pull.head, pull.base) == (head, base) for pull in self.all.values()):
            return _custom(f"A pull request already exists for {self._shapes().owner}:{head}.")
        if not self._git.compare(base, head).ahead_by:
            return _custom(f"No commits between {base} and {head}")
        pull = Pull(
            number=len(self.all) + 1,
            head=head,
            base=base,
            title=body["title"],
            body=body.get("body") or "",
            created_at=self._world.timeline.after(),
        )
        self.all[pull.number] = pull
        return web.json_response(self._shape(pull), status=201)

    def answer(self, number: int) -> web.Response:
        """One of them by its number."""
        pull = self.all.get(number)
        return answers.problem(404, "Not Found") if pull is None else web.json_response(self._shape(pull))

    async def _edit(self, request: web.Request) -> web.Response:
        body, number = await request.json(), int(request.match_info["number"])
        if number in self.all:
            pull = self.all[number]
            pull.body = body.get("body", pull.body)
            if body.get("state") == "closed" and pull.state == "open":
                self.close(number)
        return self.answer(number)

    async def _merge(self, request: web.Request) -> web.Response:
        body, pull = await request.json(), self.all.get(int(request.match_info["number"]))
        if pull is None:
            return answers.problem(404, "Not Found")
        if pull.state != "open" or not self._faults.nothing_awaited:
            return answers.problem(405, "Pull Request is not mergeable")
        if body.get("sha", "") not in ("", self._git.head(pull.head).sha):
            return answers.problem(409, "Head branch was modified. Review and try the merge again.")
        try:
            sha = self.merge(pull.number, title=body.get("commit_title", ""), message=body.get("commit_message", ""))
        except Conflict:
            return answers.problem(405, "Pull Request is not mergeable")
        except Moved:
            return answers.problem(409, "Base branch was modified. Review and try the merge again.")
        return web.json_response({"sha": sha, "merged": True, "message": "Pull Request successfully merged"})

    async def _graphql(self, request: web.Request) -> web.Response:
        body = await request.json()
        wanted = body["variables"]["input"]
        known = ("enablePullRequestAutoMerge", "disablePullRequestAutoMerge")
        name = next((name for name in known if name in body["query"]), None)
        if name is None:
            return web.json_response({"errors": [{"message": "The sandbox knows no other mutation."}]})
        pull = next((pull for pull in self.all.values() if f"PR_{pull.number}" == wanted["pullRequestId"]), None)
        error = {"type": "UNPROCESSABLE", "path": [name]}
        if pull is None:
            message = f"Could not resolve to a node with the global id of '{wanted['pullRequestId']}'."
            error |= {"type": "NOT_FOUND", "message": message}
        elif name == "disablePullRequestAutoMerge":
            if pull.state == "open" and pull.auto_merge is not None:
                pull.auto_merge = None
                return web.json_response({"data": {name: {"pullRequest": {"id": f"PR_{pull.number}"}}}})
            error |= {"message": "Can't disable auto-merge for this pull request."}
        elif wanted.get("expectedHeadOid") not in (None, self._git.head(pull.head).sha):
            error |= {"message": "Head branch was modified. Review and try the merge again."}
        elif not self._faults.auto_merge_allowed:
            error |= {"message": "Pull request Auto merge is not allowed for this repository"}
        elif self._faults.nothing_awaited:
            error |= {"message": "Pull request Pull request is in clean status"}
        else:
            pull.auto_merge = {
                "enabled_by": self._shapes().user(APP),
                "merge_method": wanted["mergeMethod"].lower(),
                "commit_title": wanted.get("commitHeadline"),
                "commit_message": wanted.get("commitBody"),
            }
            return web.json_response({"data": {name: {"pullRequest": {"id": f"PR_{pull.number}"}}}})
        return web.json_response({"data": {name: None}, "errors": [error]})

    def _shape(self, pull: Pull) -> Json:
        shapes = self._shapes()
        url = f"{shapes.url}/pulls/{pull.number}"
        tip = pull.tip or self._git.head(pull.head).sha
        return {
            "id": 900_000 + pull.number,
            "node_id": f"PR_{pull.number}",
            "number": pull.number,
            "url": url,
            "html_url": f"{shapes.html_url}/pull/{pull.number}",
            "state": pull.state,
            "title": pull.title,
            "body": pull.body,
            "user": shapes.user(APP),
            "created_at": rfc3339(pull.created_at),
            "merged_at": rfc3339(pull.merged_at) if pull.merged_at else None,
            # Of an open one GitHub names the commit with which it tries whether merging would work.
            "merge_commit_sha": pull.merge_commit or "d" * 40,
            "merged": pull.merge_commit is not None,
            "draft": False,
            "auto_merge": pull.auto_merge,
            "head": {"ref": pull.head, "sha": tip, "label": f"{shapes.owner}:{pull.head}"},
            "base": {"ref": pull.base, "sha": self._git.head(pull.base).sha, "label": f"{shapes.owner}:{pull.base}"},
        }


def _invalid(error: Json) -> web.Response:
    body: dict[str, Any] = {"message": "Validation Failed", "errors": [error], "documentation_url": answers.DOCS}
    return web.json_response(body | {"status": "422"}, status=422)


def _custom(message: str) -> web.Response:
    return _invalid({"resource": "PullRequest", "code": "custom", "message": message})
