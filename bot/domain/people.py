"""Who stands behind something on GitHub: logins, and whether there is somebody whose login nobody can tell.

A commit has more people than its author: who committed it, and those of its `Co-authored-by:` lines. Of addresses only
GitHub's no-reply ones name an account; whose any other is, nobody can look up.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

_LOGIN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?:\[bot\])?"
_NAMED = re.compile(_LOGIN)
_NO_REPLY = re.compile(rf"(?:\d+\+)?(?P<login>{_LOGIN})@users\.noreply\.github\.com", re.IGNORECASE)
_CO_AUTHOR = re.compile(r"^[ \t]*co-authored-by:(?P<who>[^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_GITHUBS_OWN = "noreply@github.com"
"""Whom GitHub names as the committer of what was merged or edited on its pages."""
_NOBODY = frozenset({"web-flow", "copilot"})
"""Accounts of GitHub's own that are no people and are not called so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Lower-case logins, and whether there are or may be `others`, whose login nobody knows."""

    logins: frozenset[str] = frozenset()
    others: bool = False

    def __or__(self, more: "People") -> "People":
        return People(logins=self.logins | more.logins, others=self.others or more.others)


def is_person(login: str) -> bool:
    """Whether a lower-case login may be somebody's; Apps and GitHub's own accounts are nobody."""
    return not login.endswith("[bot]") and login not in _NOBODY


def unmapped(logins: Iterable[str], *, known: Iterable[str]) -> tuple[str, ...]:
    """Those of these lower-case logins that are people's and are not among the known ones, sorted."""
    return tuple(sorted(login for login in {*logins} - {*known} if is_person(login)))


def login_in(address: str) -> str | None:
    """The login in a no-reply address of GitHub's, as it is written there."""
    found = _NO_REPLY.fullmatch(address)
    return found["login"] if found else None


def named(words: Collection[str]) -> People:
    """Those whom a report calls by their login, or by a name where it knows none; '' is nobody."""
    logins = frozenset(word.lower() for word in words if _NAMED.fullmatch(word))
    return People(logins=logins, others=any(word and not _NAMED.fullmatch(word) for word in words))


def of_address(address: str) -> People:
    """Whose an e-mail address in a commit is, as far as that can be told."""
    if address.lower() == _GITHUBS_OWN:
        return People()
    login = login_in(address)
    return People(logins=frozenset({login.lower()})) if login else People(others=True)


def co_authors(message: str) -> People:
    """Those whom a commit's message names as co-authors, on any line: GitHub moves trailers when it squashes."""
    found = People()
    for line in _CO_AUTHOR.finditer(message):
        found |= of_address(line["who"].rpartition("<")[2].rpartition(">")[0].strip())
    return found
