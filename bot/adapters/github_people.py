"""Who stands behind a commit: who merged its pull requests, and who wrote a file.

Only the answer about a single pull request says who merged it, so there is one more question for each, and no more than
three of them: a commit that came by way of more has its mergers among those.
"""

from typing import Any

from bot.adapters.fields import section
from bot.adapters.github import Commit, GitHub, commit_in
from bot.adapters.github_errors import GithubError
from bot.adapters.github_requests import read
from bot.adapters.github_writes import commits_on
from bot.domain.people import People

PULLS = 3


async def mergers(github: GitHub, revision: str) -> People:
    """Those who merged the pull requests of a commit; nobody when there was none.

    Raises GithubError or Limited.
    """
    found = await read(github, "pulls", f"/commits/{revision}/pulls", per_page=10)
    if not isinstance(found, list):
        raise GithubError(f"not a list of pull requests: {found!r}")
    merged = [one for one in found if isinstance(one, dict) and one.get("merged_at")]
    merged.sort(key=lambda one: one.get("merge_commit_sha") != revision)  # the one that made this commit first
    people = People()
    for one in merged[:PULLS]:
        people |= await _merger(github, one.get("number"))
    return people


async def touched(github: GitHub, *, path: str, revision: str, limit: int) -> list[Commit]:
    """The commits up to a revision that touched a file or directory, the newest first; `limit` is 100 at most.

    Raises GithubError or Limited.
    """
    return [commit_in(item) for item in await commits_on(github, branch=revision, path=path, limit=limit)]


async def _merger(github: GitHub, number: Any) -> People:
    """Who merged it; somebody whose account is gone has no login any more."""
    answer = await read(github, "pull", f"/pulls/{number}")
    if not isinstance(answer, dict):
        raise GithubError(f"not a pull request: {answer!r}")
    login = section(answer, "merged_by").get("login")
    return People(logins=frozenset({str(login).lower()})) if login else People(others=True)
