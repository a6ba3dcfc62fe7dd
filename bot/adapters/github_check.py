"""What the bot's credentials may do on GitHub beyond seeing the repository, asked and not tried.

GitHub tells what an App was granted, and the scopes of a classic token. Of a fine-grained token it tells nothing until
the first write: `permissions` of the repository are those of the person whose token it is. They are worth a look all
the same, because what the person may not, no token of theirs may.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from github import Github

from bot.adapters.github import GitHub
from bot.adapters.github_errors import LIMITED, GithubError, Limited
from bot.adapters.github_requests import Rejected, read
from bot.adapters.github_writes import NOT_FOUND

_SCOPES = "x-oauth-scopes"
_WRITE = "write"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Right:
    """One permission: its name in GitHub's answers and on its pages, what shows that one may read, and the words."""

    key: str
    name: str
    path: str
    what: str
    read: str
    write: str
    writing: str

    @property
    def needed(self) -> str:
        return f"{self.name}: Read and write"


_CONTENTS = _Right(
    key="contents", name="Contents", path="/commits", what="files", read="read", write="written", writing="writing one"
)
_PULLS = _Right(
    key="pull_requests",
    name="Pull requests",
    path="/pulls",
    what="pull requests",
    read="read",
    write="opened",
    writing="opening one",
)
_ACTIONS = _Right(
    key="actions",
    name="Actions",
    path="/actions/runs",
    what="runs",
    read="looked at",
    write="run again",
    writing="running one again",
)


async def check(github: GitHub, *, pull_requests: bool) -> list[tuple[str, bool, str]]:
    """Whether files may be written, pull requests opened where `pull_requests` asks for it, and runs run again.

    Nothing is found when GitHub does not answer, or shows no repository: that has a finding of its own.
    """
    try:
        lacking = await _lacking(github)
        rights = (_CONTENTS, *([_PULLS] if pull_requests else []), _ACTIONS)
        return [await _finding(github, right, lacking) for right in rights]
    except GithubError:
        return []


async def _finding(github: GitHub, right: _Right, lacking: Mapping[str, str] | None) -> tuple[str, bool, str]:
    title = f"GitHub {right.name}"
    if not await _readable(github, right):
        return title, False, f"{right.what} cannot be read; needed is {right.needed}"
    if lacking is None:
        return title, True, f"{right.what} are readable; {right.writing} needs {right.needed}"
    if right.key in lacking:
        why = lacking[right.key] or f"needed is {right.needed}"
        return title, False, f"{right.what} cannot be {right.write}; {why}"
    return title, True, f"{right.what} may be {right.read} and {right.write}"


async def _readable(github: GitHub, right: _Right) -> bool:
    try:
        await read(github, f"may_read_{right.key}", right.path, per_page=1)
    except Limited:
        raise
    except Rejected as error:
        return error.status not in (*LIMITED, NOT_FOUND)
    return True


async def _lacking(github: GitHub) -> dict[str, str] | None:
    """What may not be written and, if it is not the permission itself, what is needed; None if nobody can know."""
    keys = [right.key for right in (_CONTENTS, _PULLS, _ACTIONS)]
    granted = await github.granted()
    if granted is not None:
        return {key: "" for key in keys if granted.get(key) != _WRITE}
    headers, found = await github.ask("repository", lambda client: _asked(client, github.repository))
    permissions = found.get("permissions")
    if not isinstance(permissions, dict) or permissions.get("push") is not True:
        return dict.fromkeys(keys, "whoever the token belongs to may not write to the repository")
    if _SCOPES not in headers:
        return None
    scopes = {scope.strip() for scope in str(headers[_SCOPES]).split(",")}
    enough = "repo" in scopes or ("public_repo" in scopes and found.get("private") is False)
    return {} if enough else dict.fromkeys(keys, "the token needs the scope repo")


def _asked(client: Github, repository: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    headers, found = client.requester.requestJsonAndCheck("GET", f"/repos/{repository}")
    if not isinstance(found, dict):
        raise GithubError(f"not a repository: {found!r}")
    return headers, found
