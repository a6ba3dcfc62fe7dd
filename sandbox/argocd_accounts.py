"""Tokens of Argo CD project roles, and what each may do.

A token looks like the JWT it is outside, because the server tells a token that is none from one it does not know.
"""

import base64
import fnmatch
import json
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.git import digest

ISSUED_AT = "2026-08-01T09:00:00Z"


class NotAuthenticated(Exception):
    """No token, or one that is not valid; the text is Argo CD's."""


class Denied(Exception):
    """The account may not do it; the text is Argo CD's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A role of the project; each grant is resource, action and a pattern of `project/application`."""

    subject: str
    grants: tuple[tuple[str, str, str], ...]

    def may(self, action: str, subject: str, *, resource: str = "applications") -> bool:
        """Whether a grant covers the action on `project/application`."""
        return any(
            (resource, action) == (granted, allowed) and fnmatch.fnmatchcase(subject, pattern)
            for granted, allowed, pattern in self.grants
        )

    def require(self, action: str, subject: str) -> None:
        """Raise Denied, with the text that names the account, unless a grant covers the action on an Application."""
        if not self.may(action, subject):
            raise Denied(f"permission denied: applications, {action}, {subject}, sub: {self.subject}, iat: {ISSUED_AT}")


class Accounts:
    """Every token that was issued and not revoked."""

    def __init__(self, *, project: str) -> None:
        self._project = project
        self._accounts: dict[str, Account] = {}

    def issue(self, role: str, *, actions: Sequence[str], applications: str = "*") -> str:
        """A token of a role that may do these actions on Applications of that pattern, and read their logs."""
        subject = f"proj:{self._project}:{role}"
        pattern = f"{self._project}/{applications}"
        grants = [("applications", action, pattern) for action in actions]
        token = _jwt(
            {"iss": "argocd", "sub": subject, "iat": 1_785_574_800, "jti": digest(f"{role} {len(self._accounts)}")}
        )
        self._accounts[token] = Account(subject=subject, grants=(*grants, ("logs", "get", pattern)))
        return token

    def revoke(self, token: str) -> None:
        """Forget the token, as happens when something rewrites the AppProject."""
        self._accounts.pop(token, None)

    def find(self, token: str | None) -> Account:
        """Whose token it is; raises NotAuthenticated."""
        if token is None or token.count(".") != 2:
            raise NotAuthenticated("no session information")
        if token not in self._accounts:
            raise NotAuthenticated(
                f"invalid session: JWT token for role 'chatops' issued at '{ISSUED_AT}' does not exist in project "
                f"'{self._project}'"
            )
        return self._accounts[token]


def _jwt(claims: dict[str, object]) -> str:
    parts = (json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps(claims), digest(json.dumps(claims)))
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
