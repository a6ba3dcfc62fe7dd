"""Who stands behind a commit: who wrote those that come with it, who merged their pull requests, who wrote a file.

Only the answer about a single pull request says who merged it, so there is one more question for each, and no more than
three of them: a commit that came by way of more has its mergers among those.
"""

from dataclasses import dataclass
from typing import Any

from bot.adapters.fields import section
from bot.adapters.github import GitHub, GithubError
from bot.adapters.github_requests import read
from bot.adapters.github_writes import commits_on, revision_in

PULLS = 3
LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """A commit that touched a file, and the lower-case logins of its author and committer, as far as GitHub knows."""

    revision: str
    logins: frozenset[str]


async def mergers(github: GitHub, revision: str) -> frozenset[str]:
    """The lower-case logins of those who merged the pull requests of a commit; empty when there was none.

    Raises GithubError or Limited, also when GitHub does not say who merged one.
    """
    found = await read(github, "pulls", f"/commits/{revision}/pulls", per_page=10)
    if not isinstance(found, list):
        raise GithubError(f"not a list of pull requests: {found!r}")
    merged = [one for one in found if isinstance(one, dict) and one.get("merged_at")]
    merged.sort(key=lambda one: one.get("merge_commit_sha") != revision)  # the one that made this commit first
    return frozenset([await _merger(github, one.get("number")) for one in merged[:PULLS]])


async def brought(github: GitHub, *, base: str, head: str, directory: str) -> tuple[list[Touched], bool]:
    """The commits that `head` has and `base` lacks and that changed the directory, the newest first.

    Beside them whether their authors may be more people: because `head` has more than `LISTED` commits, or because
    GitHub knows no account for the e-mail address of one. Raises GithubError or Limited, also when GitHub does not know
    one of the two or finds nothing in common.
    """
    found = await read(github, "compare", f"/compare/{base}...{head}", per_page=LISTED)
    listed, total = (found.get("commits"), found.get("total_commits")) if isinstance(found, dict) else (None, None)
    if not isinstance(listed, list) or not isinstance(total, int):
        raise GithubError(f"not a comparison: {found!r}")
    if not revision_in(found.get("base_commit")).startswith(base):
        raise GithubError(f"{base} is a branch of that name")
    inside = {revision_in(item) for item in await commits_on(github, branch=head, path=directory, limit=LISTED)}
    items = [item for item in reversed(listed) if revision_in(item) in inside]
    unknown = not all(section(item, "author").get("login") for item in items)
    return [Touched(revision=revision_in(item), logins=_people(item)) for item in items], total > len(listed) or unknown


async def touched(github: GitHub, *, path: str, revision: str, limit: int) -> list[Touched]:
    """The commits up to a revision that touched a file or directory, the newest first; `limit` is 100 at most.

    Raises GithubError or Limited.
    """
    listed = await commits_on(github, branch=revision, path=path, limit=limit)
    return [Touched(revision=revision_in(item), logins=_people(item)) for item in listed]


async def _merger(github: GitHub, number: Any) -> str:
    answer = await read(github, "pull", f"/pulls/{number}")
    login = section(answer, "merged_by").get("login") if isinstance(answer, dict) else None
    if not login:
        raise GithubError(f"does not say who merged #{number}")
    return str(login).lower()


def _people(item: Any) -> frozenset[str]:
    logins = [section(item, name).get("login") for name in ("author", "committer")]
    return frozenset(str(login).lower() for login in logins if login)
