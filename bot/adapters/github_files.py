"""Files on GitHub: read exactly, and changed by one commit that says which operation made it.

The write names the blob that was read, so GitHub itself refuses it when the file has changed meanwhile. No author is
given: only then does GitHub sign the commits of an App.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_objects import blob_name
from bot.adapters.github_requests import Rejected, Unanswered, read, write
from bot.adapters.github_writes import CONFLICT, NOT_FOUND, Raced, Written, commits_of, commits_on, revision_in, settle
from bot.adapters.kustomization import text_of
from bot.domain import commits
from bot.domain.reasons import Reason

_NO_REF = "No commit found for the ref"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file as it is at a branch or revision: the name of its blob and its exact bytes."""

    path: str
    blob: str
    content: bytes


async def read_file(github: GitHub, *, path: str, ref: str) -> File:
    """The file. Raises GithubError: FILE_MISSING, BRANCH_MISSING, GITHUB_FORBIDDEN, GITHUB_UNREACHABLE, ...

    GitHub gives no more than a megabyte this way; of anything longer, and of a link or a directory, there is no file.
    """
    try:
        found = await read(github, "contents", f"/contents/{quote(path)}", ref=ref)
    except Rejected as error:
        if error.status == NOT_FOUND:
            reason = Reason.BRANCH_MISSING if error.message.startswith(_NO_REF) else Reason.FILE_MISSING
            raise GithubError(error.log, reason=reason) from error
        raise
    if not isinstance(found, dict) or found.get("type") != "file" or found.get("encoding") != "base64":
        raise GithubError(f"{path} is not a file of up to a megabyte", reason=Reason.FILE_MISSING)
    try:
        content = base64.b64decode(str(found["content"]))
    except (binascii.Error, KeyError) as error:
        raise GithubError(f"not a file: {error!r}") from error
    if blob_name(content) != found.get("sha"):
        raise GithubError("the content is not that of its blob")
    return File(path=path, blob=str(found["sha"]), content=content)


async def revisions(github: GitHub, *, path: str, branch: str, limit: int) -> list[str]:
    """The newest commits of the branch that touched the file, the newest first; `limit` is 100 at most.

    Raises GithubError (BRANCH_MISSING, GITHUB_UNREACHABLE, ...) or Limited.
    """
    listed = await commits_on(github, branch=branch, path=path, limit=limit)
    return [revision_in(item) for item in listed]


async def change_file(
    github: GitHub, *, path: str, branch: str, change: Callable[[str], str], message: str, operation: str
) -> Written:
    """Put the file, as `change` makes it of its present text, on the branch by one commit; once for an operation.

    `change` is pure, may be called three times, and may raise Refused, which ends it. A file that is not UTF-8 is
    Refused (MANIFEST_UNREADABLE). `changed` is False when the file already is as wanted; the revision is then the
    newest that touched it. Raises GithubError with the reason: BRANCH_PROTECTED, BRANCH_MISSING, FILE_MISSING,
    BRANCH_BUSY after three lost races, GITHUB_FORBIDDEN, GITHUB_REFUSED, GITHUB_UNREACHABLE; Limited; Unanswered
    (COMMIT_UNKNOWN), after which only `find_written` can say what became of it.
    """
    if not commits.carries(message, operation=operation):
        raise ValueError("the message does not say which operation makes the commit")

    async def look() -> Written | None:
        return await find_written(github, path=path, branch=branch, operation=operation)

    async def attempt() -> Written:
        file = await read_file(github, path=path, ref=branch)
        text = text_of(file.content)
        wanted = change(text)
        if wanted == text:
            own, newest = await commits_of(github, branch=branch, operation=operation, path=path)
            return own[0] if own else Written(revision=newest, changed=False)
        return await _put(github, file, branch=branch, content=wanted.encode(), message=message)

    return await settle(github, branch, look=look, write=attempt)


async def find_written(github: GitHub, *, path: str, branch: str, operation: str) -> Written | None:
    """The operation's commit among the 100 newest of the branch that touched the file; None if it is not there.

    Raises GithubError (BRANCH_MISSING, GITHUB_UNREACHABLE, ...) or Limited.
    """
    own, _ = await commits_of(github, branch=branch, operation=operation, path=path)
    return own[0] if own else None


async def _put(github: GitHub, file: File, *, branch: str, content: bytes, message: str) -> Written:
    body = {
        "message": message,
        "content": base64.b64encode(content).decode(),
        "sha": file.blob,
        "branch": branch,
    }
    try:
        answer = await write(github, "write_file", "PUT", f"/contents/{quote(file.path)}", body)
    except Rejected as error:
        if error.reason is Reason.BRANCH_PROTECTED:
            raise
        if error.status == CONFLICT:
            raise Raced(error.log) from error
        if error.status == NOT_FOUND and error.message.startswith("Branch "):
            raise GithubError(error.log, reason=Reason.BRANCH_MISSING) from error
        raise
    return _written(answer)


def _written(answer: Any) -> Written:
    commit: Any = answer.get("commit") if isinstance(answer, dict) else None
    try:
        return Written(revision=revision_in(commit), changed=True, url=str(commit.get("html_url") or ""))
    except GithubError as error:
        raise Unanswered(error.log) from error
