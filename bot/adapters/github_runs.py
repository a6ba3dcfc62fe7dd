"""Workflow runs on GitHub: looking at one, and having it run again.

PyGithub's own `rerun_failed_jobs` says False to every error and forgets why, so the order goes through its requester,
once. What GitHub answers with 4xx is certain: nothing was done, and its words say why. After anything else nobody knows
whether the order arrived; the effect is a greater `run_attempt`, and whoever ordered looks for it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from github import Github, GithubException

from bot.adapters.fields import Json, moment
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.domain.reasons import Reason

_WORDS = {
    "already running": Reason.RUN_IN_PROGRESS,
    "created over": Reason.RERUN_LIMIT,
    "not accessible by": Reason.GITHUB_FORBIDDEN,
    "must have": Reason.GITHUB_FORBIDDEN,
    "rate limit": Reason.GITHUB_UNREACHABLE,
    "bad credentials": Reason.GITHUB_UNREACHABLE,
}
"""What is in GitHub's message, in lower case, and what it means; GitHub has no codes for these."""


class RunRefused(GithubError):
    """GitHub said no, for `reason`, and did nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A workflow run at its newest attempt; `conclusion` is GitHub's word, or None before its end."""

    run_id: int
    attempt: int
    completed: bool
    conclusion: str | None
    created_at: datetime | None
    url: str


async def look(github: GitHub, run_id: int) -> Run:
    """The run as it is now. Raises RunRefused when there is none or it may not be seen, GithubError without answer."""
    return await github.ask("run", lambda client: _run(_asked(client, "GET", _address(github, run_id))))


async def order(github: GitHub, run_id: int, *, everything: bool) -> None:
    """Have the failed jobs, or everything, run again.

    Raises RunRefused when GitHub did nothing. After any other GithubError the order may have arrived.
    """
    verb = "rerun" if everything else "rerun-failed-jobs"
    await github.ask("rerun", lambda client: _asked(client, "POST", f"{_address(github, run_id)}/{verb}"))


def _address(github: GitHub, run_id: int) -> str:
    return f"/repos/{github.repository}/actions/runs/{run_id}"


def _asked(client: Github, verb: str, path: str) -> Any:
    """The body of the answer."""
    try:
        _headers, body = client.requester.requestJsonAndCheck(verb, path)
    except GithubException as error:
        if 400 <= error.status < 500:
            raise RunRefused(str(error), reason=_reason(error)) from error
        raise
    return body


def _reason(error: GithubException) -> Reason:
    if error.status == 404:
        return Reason.RUN_GONE
    said = str(error.data.get("message") if isinstance(error.data, dict) else "").lower()
    return next((reason for words, reason in _WORDS.items() if words in said), Reason.GITHUB_REFUSED)


def _run(data: Json) -> Run:
    """The run in GitHub's answer; a proxy's page is no answer."""
    if not isinstance(data, dict) or not isinstance(data.get("id"), int) or not isinstance(data.get("status"), str):
        raise GithubError(f"not a run: {data!r}")
    conclusion = data.get("conclusion")
    return Run(
        run_id=data["id"],
        attempt=int(data.get("run_attempt") or 1),
        completed=data["status"] == "completed",
        conclusion=conclusion if isinstance(conclusion, str) else None,
        created_at=moment(data.get("created_at")),
        url=str(data.get("html_url") or ""),
    )
