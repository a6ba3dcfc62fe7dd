"""Requests to GitHub whose refusals matter: an answer with its status, a limit with its end, or no answer at all.

PyGithub's own calls are not used for writes: their answers are objects that ask again when they are looked at, one of
them goes to an address that GitHub does not have, and the words of a refusal are lost. A read may be repeated, and is,
below. A write is sent once: whoever sent it has to look whether it came about (see `github_writes`).
"""

import re
from typing import Any

from github import Github, GithubException

from bot.adapters.github import GitHub
from bot.adapters.github_errors import DEFAULT_WAIT, GithubError, Limited, limit_in, message_of
from bot.domain.reasons import Reason

_REFUSED = range(400, 500)
_HIDDEN = 404
"""What GitHub answers to a write where one may read and not write, as if nothing were there."""
_PROTECTED = re.compile(
    r"protected branch|through a pull request|through the merge queue|rule violation|required status check"
    r"|approving review|not authorized to push|verified signatures|must not contain merge commits",
    re.IGNORECASE,
)


class Rejected(GithubError):
    """GitHub answered and did not do it: `status` and `message` are its own."""

    default = Reason.GITHUB_REFUSED

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}", reason=_reason(status, message))
        self.status = status
        self.message = message


class Unanswered(GithubError):
    """A write was sent, and nobody knows whether it was carried out."""

    default = Reason.COMMIT_UNKNOWN


async def read(github: GitHub, call: str, path: str, /, **query: str | int) -> Any:
    """GET a path below the repository: its JSON. Raises Rejected, Limited or GithubError."""

    def question(client: Github) -> Any:
        try:
            return _request(client, "GET", f"/repos/{github.repository}{path}", parameters=query)
        except GithubException as error:
            raise _translated(error) from error

    return await github.ask(call, question)


async def write(github: GitHub, call: str, verb: str, path: str, body: dict[str, Any]) -> Any:
    """Send a body to a path below the repository, once: the answer's JSON. Raises Rejected, Limited or Unanswered."""
    return await _send(github, call, verb, f"/repos/{github.repository}{path}", body)


async def mutate(github: GitHub, call: str, *, mutation: str, values: dict[str, Any]) -> None:
    """Have GraphQL do something, once. Raises Rejected with the words of its error, Limited, Unanswered."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    query = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ clientMutationId }} }}"
    answer = await _send(github, call, "POST", None, {"query": query, "variables": {"input": values}})
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if errors:
        text = "; ".join(str(error.get("message")) for error in errors if isinstance(error, dict))
        if any(isinstance(error, dict) and error.get("type") == "RATE_LIMITED" for error in errors):
            raise Limited(text, retry_after=DEFAULT_WAIT)
        raise Rejected(422, text)
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
        raise Unanswered(f"not an answer of GraphQL: {answer!r}")


async def _send(github: GitHub, call: str, verb: str, path: str | None, body: dict[str, Any]) -> Any:
    def question(client: Github) -> Any:
        try:
            return _request(client, verb, path or client.requester.graphql_url, body=body)
        except GithubException as error:
            translated = _translated(error)
            if isinstance(translated, Rejected) and error.status == _HIDDEN:
                translated.reason = Reason.GITHUB_FORBIDDEN
            raise translated from error

    try:
        return await github.ask(call, question)
    except (Rejected, Limited, Unanswered):
        raise
    except GithubError as error:
        raise Unanswered(error.log) from error


def _request(client: Github, verb: str, url: str, **more: Any) -> Any:
    _, answer = client.requester.requestJsonAndCheck(
        verb, url, parameters=more.get("parameters"), input=more.get("body")
    )
    return answer


def _translated(error: GithubException) -> GithubError:
    message = message_of(error)
    if limit := limit_in(error):
        return limit
    if error.status not in _REFUSED:
        return GithubError(f"{error.status} {message}")
    return Rejected(error.status, message)


def _reason(status: int, message: str) -> Reason:
    if _PROTECTED.search(message):
        return Reason.BRANCH_PROTECTED
    return Reason.GITHUB_FORBIDDEN if status in (401, 403) else Reason.GITHUB_REFUSED
