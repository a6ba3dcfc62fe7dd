"""A change by pull request: a branch of its own, one commit, and GitHub merges it when its rules are content.

Everything is found again by the name of the branch, `chatops/<operation>`, so asking twice, or again after a crash,
opens nothing twice. Squash is asked for with the commit's own message: the trailers reach the base branch whatever the
repository's settings say, and the commit there can be reverted as one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError, Limited
from bot.adapters.github_files import change_file, read_file
from bot.adapters.github_requests import Rejected, Unanswered, mutate, read, write
from bot.adapters.github_writes import UNPROCESSABLE, Raced, revision_in, settle, tip_of
from bot.adapters.kustomization import text_of
from bot.domain import commits
from bot.domain.reasons import Reason

_EXISTS = "already exists"
_CLEAN = "clean status"


class PullState(StrEnum):
    """How far a pull request is."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """A pull request. `revision` is the commit on the base branch, once it is merged; `head` the tip of its own branch.

    `unmerged` is why GitHub will not merge an open one by itself, or None: AUTO_MERGE_UNAVAILABLE.
    """

    number: int
    url: str
    state: PullState
    head: str
    node_id: str
    auto_merge: bool = False
    revision: str | None = None
    unmerged: Reason | None = None


def branch_of(operation: str) -> str:
    """The branch on which an operation's change stands."""
    return f"chatops/{commits.require_operation(operation)}"


async def open_pull(
    github: GitHub, *, path: str, base: str, change: Callable[[str], str], message: str, operation: str, body: str = ""
) -> Pull | None:
    """The operation's pull request, opened if there is none yet, and set to merge by itself if GitHub lets it.

    `change` and `message` are as in `change_file`; the title is the message's first line. One that was merged or closed
    meanwhile is returned as it is. None when the base already is as wanted. Raises as `change_file` does, and
    GithubError (BRANCH_TAKEN) when the branch has commits that are not this operation's.
    """
    branch = branch_of(operation)
    found = await find_pull(github, operation=operation)
    if found is None:
        file = text_of((await read_file(github, path=path, ref=base)).content)
        if change(file) == file:
            return None
        await _begin(github, branch=branch, base=base, operation=operation)
        written = await change_file(
            github, path=path, branch=branch, change=change, message=message, operation=operation
        )
        if not written.changed:
            return None
        title = commits.subject_of(message)
        wanted = {"title": title, "head": branch, "base": base, "body": body}
        found = await _open(github, wanted, branch=branch, operation=operation)
    if found.state is not PullState.OPEN or found.auto_merge:
        return found
    return await _let_merge(github, found, message=message)


async def find_pull(github: GitHub, *, operation: str) -> Pull | None:
    """The newest pull request of the operation's branch, whatever its state. Raises GithubError or Limited."""
    owner, branch = github.repository.partition("/")[0], branch_of(operation)
    listed = await read(github, "pulls", "/pulls", head=f"{owner}:{branch}", state="all", per_page=1)
    if not isinstance(listed, list):
        raise GithubError(f"not a list of pull requests: {listed!r}")
    # A filter that GitHub does not understand it leaves out.
    own = [item for item in listed if (item.get("head") or {}).get("ref") == branch]
    return _pull(own[0]) if own else None


async def read_pull(github: GitHub, number: int) -> Pull:
    """The pull request as it is now. Raises GithubError or Limited."""
    return _pull(await read(github, "pull", f"/pulls/{number}"))


async def close_pull(github: GitHub, *, operation: str, why: str) -> Pull | None:
    """The operation's pull request after it was closed unless it was merged or closed before; None if there is none.

    `why` is added to its text. A closed one is not merged by itself any more. Raises GithubError (BRANCH_TAKEN when
    somebody else's commits are in it: then it is left open), Limited, and Unanswered when nobody knows whether it is
    closed; whoever asks again looks first.
    """
    found = await find_pull(github, operation=operation)
    if found is None or found.state is not PullState.OPEN:
        return found
    path = f"/pulls/{found.number}"
    answer = await read(github, "pull", path)
    now = _pull(answer)
    base = answer["base"].get("ref") if isinstance(answer.get("base"), dict) else None
    if not isinstance(base, str):
        raise GithubError(f"not a pull request: {answer!r}")
    if now.state is not PullState.OPEN:
        return now
    await _refuse_strangers(github, branch=branch_of(operation), base=base, operation=operation)
    text = f"{answer.get('body') or ''}\n\n{why}".strip()
    closed = await write(github, "close_pull", "PATCH", path, {"state": "closed", "body": text})
    try:
        return _pull(closed)
    except GithubError as error:
        raise Unanswered(error.log) from error


async def disable_auto_merge(github: GitHub, pull: Pull) -> Pull:
    """The pull request after GitHub was told not to merge it by itself; as it is now where GitHub did not say yes.

    Raises GithubError or Limited.
    """
    values = {"pullRequestId": pull.node_id}
    try:
        await mutate(github, "auto_merge", mutation="disablePullRequestAutoMerge", values=values)
    except (Rejected, Unanswered):  # it was merged meanwhile, perhaps, or somebody else was faster
        return await read_pull(github, pull.number)
    return replace(pull, auto_merge=False)


async def _begin(github: GitHub, *, branch: str, base: str, operation: str) -> None:
    """Have the branch, begun at the tip of the base, or begun earlier and not used by anybody else."""
    tip = await tip_of(github, base)

    async def look() -> bool | None:
        try:
            await tip_of(github, branch)
        except GithubError as error:
            if error.reason is Reason.BRANCH_MISSING:
                return None
            raise
        await _refuse_strangers(github, branch=branch, base=base, operation=operation)
        return True

    async def begin() -> bool:
        try:
            answer = await write(
                github, "begin_branch", "POST", "/git/refs", {"ref": f"refs/heads/{branch}", "sha": tip}
            )
        except Rejected as error:
            if error.status == UNPROCESSABLE and _EXISTS in error.message:
                raise Raced(error.log) from error  # by an earlier self, perhaps: look again
            raise
        if not isinstance(answer, dict) or "object" not in answer:
            raise Unanswered(f"not a branch: {answer!r}")
        return True

    await settle(github, branch, look=look, write=begin)


async def _refuse_strangers(github: GitHub, *, branch: str, base: str, operation: str) -> None:
    compared = await read(github, "compare", f"/compare/{quote(base)}...{quote(branch)}", per_page=100)
    listed = compared.get("commits") if isinstance(compared, dict) else None
    if not isinstance(listed, list):
        raise GithubError(f"not a comparison: {compared!r}")
    for item in listed:
        if not commits.carries(str((item.get("commit") or {}).get("message")), operation=operation):
            raise GithubError(f"{branch} has {revision_in(item)}", reason=Reason.BRANCH_TAKEN)


async def _open(github: GitHub, wanted: dict[str, Any], *, branch: str, operation: str) -> Pull:
    async def look() -> Pull | None:
        return await find_pull(github, operation=operation)

    async def attempt() -> Pull:
        try:
            answer = await write(github, "open_pull", "POST", "/pulls", wanted)
        except Rejected as error:
            if error.status == UNPROCESSABLE and _EXISTS in error.message:
                raise Raced(error.log) from error
            raise
        try:
            return _pull(answer)
        except GithubError as error:
            raise Unanswered(error.log) from error

    return await settle(github, branch, look=look, write=attempt)


async def _let_merge(github: GitHub, pull: Pull, *, message: str) -> Pull:
    """Set it to merge by itself, or merge it if nothing is waited for: GitHub then refuses to set it."""
    headline, _, rest = message.partition("\n")
    values = {"pullRequestId": pull.node_id, "mergeMethod": "SQUASH"}
    values |= {"commitHeadline": f"{headline} (#{pull.number})", "commitBody": rest.strip()}
    values["expectedHeadOid"] = pull.head
    try:
        await mutate(github, "auto_merge", mutation="enablePullRequestAutoMerge", values=values)
    except Rejected as error:
        if _CLEAN in error.message:
            return await _merge(github, pull, title=values["commitHeadline"], body=values["commitBody"])
        return replace(pull, unmerged=Reason.AUTO_MERGE_UNAVAILABLE)
    except Unanswered:
        return await _looked_at(github, pull)
    return replace(pull, auto_merge=True)


async def _merge(github: GitHub, pull: Pull, *, title: str, body: str) -> Pull:
    wanted = {"commit_title": title, "commit_message": body, "sha": pull.head, "merge_method": "squash"}
    try:
        await write(github, "merge_pull", "PUT", f"/pulls/{pull.number}/merge", wanted)
    except Limited:
        raise
    except GithubError:  # refused, or nobody knows: how it is now says both
        return await _looked_at(github, pull)
    return await read_pull(github, pull.number)


async def _looked_at(github: GitHub, pull: Pull) -> Pull:
    now = await read_pull(github, pull.number)
    left = now.state is PullState.OPEN and not now.auto_merge
    return replace(now, unmerged=Reason.AUTO_MERGE_UNAVAILABLE) if left else now


def _pull(answer: Any) -> Pull:
    number = _number(answer)
    merged = bool(answer.get("merged_at"))
    state = PullState.MERGED if merged else PullState.OPEN if answer.get("state") == "open" else PullState.CLOSED
    return Pull(
        number=number,
        url=str(answer.get("html_url") or ""),
        state=state,
        head=revision_in(answer.get("head")),
        node_id=str(answer.get("node_id") or ""),
        auto_merge=bool(answer.get("auto_merge")),
        # Of one that is not merged, this is the commit with which GitHub tries whether it could be.
        revision=revision_in(answer, key="merge_commit_sha") if merged else None,
    )


def _number(answer: Any) -> int:
    number = answer.get("number") if isinstance(answer, dict) else None
    if not isinstance(number, int):
        raise GithubError(f"not a pull request: {answer!r}")
    return number
