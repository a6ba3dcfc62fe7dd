"""How anything is written to a branch on GitHub: by one writer, at most three times, and never twice.

    look for the effect -> it is there: done
                        -> it is not: read, decide, write -> done
                                                          -> somebody was faster, or no answer: from the beginning

Every commit of the bot carries the id of its operation, so the effect can be looked for by anybody at any time, after
a lost answer as well as after a crash. Reading and deciding belong to the write: what was decided on an older state of
the branch is never sent again. A write that arrives late finds the branch moved, and GitHub refuses it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_requests import Rejected, Unanswered, read
from bot.domain import commits, images
from bot.domain.reasons import Reason

TRIES = 3
LOOKED_AT = 100
"""Among how many of the newest commits an operation's is looked for."""

NOT_FOUND = 404
CONFLICT = 409
UNPROCESSABLE = 422
_Effect = TypeVar("_Effect")


class Failed(GithubError):
    """A try came to nothing, certainly, and may be begun anew."""

    default = Reason.GITHUB_UNREACHABLE


class Raced(Failed):
    """Somebody else wrote to the branch at the same time; nothing of ours was written."""

    default = Reason.BRANCH_BUSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A commit that is on the branch. `changed` is False when the branch had the wanted content without it."""

    revision: str
    changed: bool
    url: str = ""


async def settle(
    github: GitHub,
    branch: str,
    *,
    look: Callable[[], Awaitable[_Effect | None]],
    write: Callable[[], Awaitable[_Effect]],
) -> _Effect:
    """The effect: what `look` finds, else what `write` makes, which may raise Failed or Unanswered to be called again.

    Raises what they raise. Once a write got no answer, every failure to find its effect is Unanswered.
    """
    failed: GithubError | None = None
    async with github.writing(branch):
        for attempt in range(TRIES + 1):
            try:
                found = await look()
                if found is not None:
                    return found
                if attempt == TRIES:
                    break
                return await write()
            except Failed as error:
                failed = failed if isinstance(failed, Unanswered) else error
            except Unanswered as error:
                failed = error
            except GithubError as error:
                if isinstance(failed, Unanswered):
                    raise Unanswered(f"{failed.log}; then {error.log}") from error
                raise
            await github.pause(attempt)
    raise failed or Raced()


async def commits_of(github: GitHub, *, branch: str, operation: str, path: str = "") -> tuple[list[Written], str]:
    """The operation's commits on the branch, newest first, and the newest revision of all.

    Of those that touched `path` if there is one. Raises GithubError: BRANCH_MISSING, GITHUB_UNREACHABLE, ...
    """
    commits.require_operation(operation)
    listed = await commits_on(github, branch=branch, path=path, limit=LOOKED_AT)
    own = [
        Written(revision=revision_in(item), changed=True, url=str(item.get("html_url") or ""))
        for item in listed
        if commits.carries(str((item.get("commit") or {}).get("message")), operation=operation)
    ]
    return own, revision_in(listed[0]) if listed else ""


async def commits_on(github: GitHub, *, branch: str, path: str, limit: int) -> list[Any]:
    """GitHub's list of the newest commits of the branch, of those that touched `path` if there is one.

    Raises GithubError: BRANCH_MISSING, GITHUB_UNREACHABLE, ...
    """
    query: dict[str, str | int] = {"sha": branch, "per_page": limit}
    if path:
        query["path"] = path
    try:
        listed = await read(github, "commits", "/commits", **query)
    except Rejected as error:
        if error.status == NOT_FOUND:
            raise GithubError(error.log, reason=Reason.BRANCH_MISSING) from error
        raise
    if not isinstance(listed, list):
        raise GithubError(f"not a list of commits: {listed!r}")
    return listed


async def tip_of(github: GitHub, branch: str) -> str:
    """The revision of the branch's newest commit. Raises GithubError (BRANCH_MISSING, GITHUB_UNREACHABLE, ...)."""
    try:
        found = await read(github, "ref", f"/git/ref/heads/{quote(branch)}")
    except Rejected as error:
        if error.status == NOT_FOUND:
            raise GithubError(error.log, reason=Reason.BRANCH_MISSING) from error
        raise
    return revision_in(found.get("object") if isinstance(found, dict) else None)


def revision_in(answer: Any, *, key: str = "sha") -> str:
    """The revision in an answer. Raises GithubError for what is not an answer of GitHub's."""
    found = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(found, str) or not images.is_revision(found):
        raise GithubError(f"not an answer with a revision: {answer!r}")
    return found
