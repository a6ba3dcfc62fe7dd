"""How GitHub says no, before anybody looks at what was asked.

A limit is the same answer to every question: whoever has used it up is refused everywhere until it ends, and GitHub
shuts out who goes on asking. So its end is read here, and `GitHub.ask` keeps to it.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
"""

from time import time

from github import GithubException

from bot.adapters.calls import CallFailed
from bot.domain.reasons import Reason

LIMITED = frozenset({403, 429})
LONGEST_WAIT = 3600
DEFAULT_WAIT = 60


class GithubError(CallFailed):
    """GitHub did not answer the question."""

    default = Reason.GITHUB_UNREACHABLE


class NotFound(GithubError):
    """There is no such thing on GitHub, or the bot may not see it: GitHub answers the same to both."""


class Limited(GithubError):
    """GitHub has had too many requests and did nothing: ask again after so many seconds, and not before."""

    default = Reason.GITHUB_LIMITED

    def __init__(self, log: str, *, retry_after: int) -> None:
        super().__init__(log)
        self.retry_after = retry_after


def message_of(error: GithubException) -> str:
    """What GitHub says, with the words of each of its errors."""
    answer = error.data if isinstance(error.data, dict) else {}
    message = str(answer.get("message") or error.message or "")
    errors = answer.get("errors")
    for more in errors if isinstance(errors, list) else ():  # each a text, or an object that has one
        message = f"{message} {more.get('message', more) if isinstance(more, dict) else more}"
    return message


def limit_in(error: GithubException) -> Limited | None:
    """The limit that an answer speaks of; None for any other answer."""
    message, headers = message_of(error), error.headers or {}
    limited = "rate limit" in message.lower() or headers.get("retry-after") is not None
    if error.status in LIMITED and limited:
        return Limited(f"{error.status} {message}", retry_after=_wait(headers))
    return None


def _wait(headers: dict[str, str]) -> int:
    """The seconds of Retry-After, or until a used-up limit begins anew; at most an hour, a minute if unsaid."""
    after, reset = str(headers.get("retry-after", "")), str(headers.get("x-ratelimit-reset", ""))
    if after.isdecimal():
        return min(int(after), LONGEST_WAIT)
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return max(1, min(int(reset) - int(time()), LONGEST_WAIT))
    return DEFAULT_WAIT
