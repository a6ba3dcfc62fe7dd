"""What lies between two commits, as GitHub tells it, with a bounded number of questions.

GitHub lists the commits of a comparison oldest first in pages, and all files that differ beside the first page, at most
300 of them. So a long comparison takes the first page, and the last one or two for its newest commits. A comparison
tells only what the head has; what it lacks is the same question the other way round.

Which commits change a path is one more question: its history. Without merges, which Git leaves out of such a history.
Who wrote each commit is in its answer; who merged it is not.

The pull request of a commit stands in its message when GitHub merged it: `Subject (#12)` of a squash, `Merge pull
request #12` of a merge. That costs nothing and is right but for people who write `(#12)` for an issue. Only rebased and
plainly pushed commits name none, and for the first ten of those GitHub is asked, which needs a right of its own (Pull
requests: Read-only); without it the answer says what it is.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from github import Github

from bot.adapters.fields import Json, entries, section
from bot.adapters.github import SUBJECT_LENGTH, GitHub
from bot.adapters.github_authors import people_of
from bot.adapters.github_errors import GithubError
from bot.adapters.github_writes import commits_on, revision_in
from bot.domain.comparisons import Commit, Comparison, Pull, Side

PAGE = 100
FILES_LIMIT = 300
LOOKED_UP = 10
_STATUSES = frozenset({"ahead", "behind", "diverged", "identical"})
_SQUASHED = re.compile(r"(?P<title>.*\S)\s+\(#(?P<number>\d{1,9})\)")
_MERGED = re.compile(r"Merge pull request #(?P<number>\d{1,9}) from .*")


async def compare(github: GitHub, *, base: str, head: str, paths: Sequence[str]) -> Comparison:
    """What lies between, with the pull requests of commits that name none. Raises what `between` raises."""
    found = await between(github, base=base, head=head, paths=paths)
    pulls, named_only = await _pulls(github, [*found.gained.commits, *found.lost.commits])
    gained, lost = (
        replace(side, commits=tuple(replace(one, pull=one.pull or pulls.get(one.revision)) for one in side.commits))
        for side in (found.gained, found.lost)
    )
    return replace(found, gained=gained, lost=lost, named_only=named_only)


async def between(github: GitHub, *, base: str, head: str, paths: Sequence[str]) -> Comparison:
    """Going from one revision, of which the beginning is enough, to another full one; commits are marked that change
    one of the paths. No pull request is looked up.

    Raises NotFound when GitHub finds nothing in common, GithubError when it does not answer, or takes the beginning of
    a revision for a branch of that name.
    """
    first = await _page(github, base=base, head=head, number=1)
    if first.get("status") not in _STATUSES:
        raise GithubError(f"compare says {first.get('status')!r}")
    full = revision_in(first.get("base_commit"))
    if not full.startswith(base):
        raise GithubError(f"{base} is a branch of that name")
    gained = await _side(github, first, base=full, head=head, paths=paths)
    lost = Side()
    if _count(first, "behind_by"):
        back = await _page(github, base=head, head=full, number=1)
        lost = await _side(github, back, base=head, head=full, paths=paths)
    named_only = any(one.pull is None for side in (gained, lost) for one in side.commits)
    return Comparison(base=full, head=head, gained=gained, lost=lost, named_only=named_only)


async def _page(github: GitHub, *, base: str, head: str, number: int) -> Json:
    found = await github.ask(
        "compare",
        _getting(f"/repos/{github.repository}/compare/{base}...{head}", page=number, per_page=PAGE),
    )
    if not isinstance(found, dict):
        raise GithubError(f"not a comparison: {found!r}")
    return found


async def _side(github: GitHub, first: Json, *, base: str, head: str, paths: Sequence[str]) -> Side:
    """The newest commits of a comparison, at least `PAGE` of them when there are as many."""
    total = _count(first, "total_commits")
    if not total:
        return Side()
    last = -(-total // PAGE)
    oldest_first = entries(first, "commits") if last <= 2 else []
    for number in range(max(2, last - 1), last + 1):
        oldest_first += entries(await _page(github, base=base, head=head, number=number), "commits")
    files = entries(first, "files")
    touching = await _touching(github, head=head, paths=paths)
    return Side(
        total=total,
        commits=tuple(_commit(data, touching=touching) for data in reversed(oldest_first[-PAGE:])),
        files=sum(_within(str(one.get("filename") or ""), paths) for one in files),
        files_cut=len(files) >= FILES_LIMIT,
    )


async def _touching(github: GitHub, *, head: str, paths: Sequence[str]) -> frozenset[str] | None:
    """The newest commits of the head that change one of the paths; None when GitHub does not tell."""
    try:
        asked = (commits_on(github, branch=head, path=path, limit=PAGE) for path in paths)
        return frozenset(revision_in(one) for listed in await asyncio.gather(*asked) for one in listed)
    except GithubError:
        return None


def _within(name: str, paths: Sequence[str]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in paths)


async def _pulls(github: GitHub, commits: list[Commit]) -> tuple[dict[str, Pull], bool]:
    """The pull requests of commits that name none, by revision, and whether some were not asked about."""
    unnamed = sorted((one for one in commits if one.pull is None), key=lambda one: one.touches is not True)
    asked = [one.revision for one in unnamed[:LOOKED_UP]]
    answers = await asyncio.gather(*(_pull(github, revision) for revision in asked), return_exceptions=True)
    found: dict[str, Pull] = {}
    named_only = len(unnamed) > len(asked)
    for revision, answer in zip(asked, answers, strict=True):
        match answer:
            case Pull():
                found[revision] = answer
            case GithubError():
                named_only = True
            case BaseException():
                raise answer
    return found, named_only


async def _pull(github: GitHub, revision: str) -> Pull | None:
    """The pull request of a commit; of several the one that was merged."""
    found = await github.ask("pulls", _getting(f"/repos/{github.repository}/commits/{revision}/pulls", per_page=10))
    known = [one for one in found if isinstance(one, dict) and isinstance(one.get("number"), int)]
    best = min(known, key=lambda one: not one.get("merged_at"), default=None)
    if best is None:
        return None
    author = str(section(best, "user").get("login") or "")
    return Pull(number=best["number"], title=str(best.get("title") or "")[:SUBJECT_LENGTH], author=author)


def _getting(address: str, **parameters: str | int) -> Callable[[Github], Any]:
    """A question for what is at this address."""
    return lambda client: client.requester.requestJsonAndCheck("GET", address, parameters=parameters)[1]


def _commit(data: Json, *, touching: frozenset[str] | None) -> Commit:
    """A commit in GitHub's answer, where `author` is null for an unknown e-mail address."""
    detail, revision = section(data, "commit"), revision_in(data)
    lines = [line.strip() for line in str(detail.get("message") or "").splitlines() if line.strip()]
    login, name = section(data, "author").get("login"), section(detail, "author").get("name")
    author = str(login or name or "")
    subject, pull = _named(lines, author=author)
    return Commit(
        revision=revision,
        subject=subject[:SUBJECT_LENGTH],
        author=author,
        url=str(data.get("html_url") or ""),
        pull=pull,
        touches=None if touching is None else revision in touching,
        people=people_of(data),
    )


def _named(lines: list[str], *, author: str) -> tuple[str, Pull | None]:
    """The subject of a message and the pull request it names. Who merged a branch need not have written it."""
    subject = lines[0] if lines else ""
    if squashed := _SQUASHED.fullmatch(subject):
        title = squashed["title"]
        return title, Pull(number=int(squashed["number"]), title=title[:SUBJECT_LENGTH], author=author)
    if merged := _MERGED.fullmatch(subject):
        title = lines[1] if len(lines) > 1 else ""
        return subject, Pull(number=int(merged["number"]), title=title[:SUBJECT_LENGTH])
    return subject, None


def _count(data: Json, name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) else 0
