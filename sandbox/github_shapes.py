"""Users, commits, pull requests and files as GitHub writes them, for the API's answers and for webhook bodies alike.

Addresses for programs begin with `api`, which in the answers of a server must be that server; those for people are on
github.com in both, so that one commit has one link wherever the bot read of it.
"""

import base64
from dataclasses import dataclass

from bot.topology import Topology
from sandbox import beginning, git_objects
from sandbox.git import Commit, digest
from sandbox.manifests import Json
from sandbox.timeline import rfc3339

WEB = "https://github.com"
API = "https://api.github.com"
REPOSITORY_ID = 700_000_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request that was merged, by `merger`, or by somebody whose account is gone."""

    number: int
    title: str
    login: str
    merger: str | None = None


class Shapes:
    """The shapes for one repository, seen through one address of the API."""

    def __init__(self, topology: Topology, *, api: str = API) -> None:
        self.api = api
        self.full_name = topology.repository
        self.owner, _, self.name = topology.repository.partition("/")
        self.repository_id = int(topology.repository_id or REPOSITORY_ID)
        self.default_branch = beginning.branches(topology)[0]
        self.url = f"{api}/repos/{self.full_name}"
        self.html_url = f"{WEB}/{self.full_name}"

    def user(self, login: str, *, kind: str = "") -> Json:
        """A person, a bot or the organization."""
        number = user_id(login)
        url = f"{self.api}/users/{login}"
        return {
            "login": login,
            "id": number,
            "node_id": f"U_{number}",
            "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{WEB}/{login}",
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events{{/privacy}}",
            "type": kind or ("Bot" if login.endswith("[bot]") else "User"),
            "site_admin": False,
        }

    def repository(self) -> Json:
        """The repository."""
        return {
            "id": self.repository_id,
            "node_id": f"R_{self.repository_id}",
            "name": self.name,
            "full_name": self.full_name,
            "private": True,
            "owner": self.user(self.owner, kind="Organization"),
            "html_url": self.html_url,
            "description": None,
            "fork": False,
            "url": self.url,
            "commits_url": f"{self.url}/commits{{/sha}}",
            "compare_url": f"{self.url}/compare/{{base}}...{{head}}",
            "contents_url": f"{self.url}/contents/{{+path}}",
            "default_branch": self.default_branch,
            "archived": False,
            "disabled": False,
            "visibility": "private",
        }

    def commit(self, commit: Commit) -> Json:
        """A commit as …/commits/{ref} answers it."""
        url = f"{self.url}/commits/{commit.sha}"
        files = [self.file(commit, path, status) for path, status in commit.changed.items()]
        author = self.user(commit.login) if commit.login else None  # GitHub knows no user of that address
        return {
            "sha": commit.sha,
            "node_id": f"C_{commit.sha}",
            "url": url,
            "html_url": f"{self.html_url}/commit/{commit.sha}",
            "comments_url": f"{url}/comments",
            "commit": self.git_commit(commit),
            "author": author,
            "committer": author,
            "parents": [
                {"sha": sha, "url": f"{self.url}/commits/{sha}", "html_url": f"{self.html_url}/commit/{sha}"}
                for sha in commit.parents
            ],
            "stats": {"total": 2 * len(files), "additions": len(files), "deletions": len(files)},
            "files": files,
        }

    def git_commit(self, commit: Commit) -> Json:
        """The part of a commit that Git itself knows."""
        person = {"name": commit.name, "email": commit.email, "date": rfc3339(commit.at)}
        return {
            "author": person,
            "committer": person,
            "message": commit.message,
            "tree": {"sha": commit.tree_sha, "url": f"{self.url}/git/trees/{commit.tree_sha}"},
            "url": f"{self.url}/git/commits/{commit.sha}",
            "comment_count": 0,
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
        }

    def pushed_commit(self, commit: Commit) -> Json:
        """A commit as a push webhook carries it."""
        user = {"username": commit.login} if commit.login else {}
        person = {"name": commit.name, "email": commit.email, **user}
        paths: dict[str, list[str]] = {"added": [], "removed": [], "modified": []}
        for path, status in commit.changed.items():
            paths[status].append(path)
        return {
            "id": commit.sha,
            "tree_id": commit.tree_sha,
            "distinct": True,
            "message": commit.message,
            "timestamp": rfc3339(commit.at),
            "url": f"{self.html_url}/commit/{commit.sha}",
            "author": person,
            "committer": person,
            **paths,
        }

    def pull(self, pull: Pull) -> Json:
        """A pull request as the list of those of a commit has it."""
        return {
            "number": pull.number,
            "title": pull.title,
            "state": "closed",
            "user": self.user(pull.login),
            "url": f"{self.url}/pulls/{pull.number}",
            "html_url": f"{self.html_url}/pull/{pull.number}",
            "merged_at": "2026-01-05T14:30:22Z",
        }

    def single_pull(self, pull: Pull) -> Json:
        """A pull request by itself, which alone says who merged it."""
        merger = self.user(pull.merger) if pull.merger else None
        return {**self.pull(pull), "merged": True, "merged_by": merger}

    def file(self, commit: Commit, path: str, status: str) -> Json:
        """A file that a commit, or a comparison ending in it, changed."""
        return {
            "sha": git_objects.blob(commit.tree.get(path, "")),
            "filename": path,
            "status": status,
            "additions": 1,
            "deletions": 1,
            "changes": 2,
            "blob_url": f"{self.html_url}/blob/{commit.sha}/{path}",
            "raw_url": f"{self.html_url}/raw/{commit.sha}/{path}",
            "contents_url": f"{self.url}/contents/{path}?ref={commit.sha}",
        }

    def content(self, path: str, ref: str, sha: str, text: str | None, *, whole: bool = False) -> Json:
        """An entry of …/contents; without a text it is a directory, and only a `whole` one carries its text."""
        kind = "dir" if text is None else "file"
        url = f"{self.url}/contents/{path}?ref={ref}"
        git_url = f"{self.url}/git/{'trees' if text is None else 'blobs'}/{sha}"
        html_url = f"{self.html_url}/blob/{ref}/{path}"
        content = git_objects.content(text or "")
        return {
            "type": kind,
            "name": path.rpartition("/")[2],
            "path": path,
            "sha": sha,
            "size": len(content),
            "url": url,
            "git_url": git_url,
            "html_url": html_url,
            "download_url": None,
            "_links": {"self": url, "git": git_url, "html": html_url},
            **({"encoding": "base64", "content": base64.encodebytes(content).decode()} if whole else {}),
        }


def user_id(login: str) -> int:
    """The number of a user: the same for the same login."""
    return int(digest(login)[:7], 16)
