"""How Argo CD says no, in the bot's words.

An error answer is `{"error", "code", "message"}` with a gRPC code, and the HTTP status alone decides little: 400 covers
everything from a typo to "another operation is already in progress", 403 is RBAC or a sync window, 404 with code 5 is a
missing Application and without a code a wrong base path. So status, code and text are read together, here and only
here. 401 is always the token and 403 never is.
"""

import json
from typing import Any

from bot.adapters.calls import CallFailed
from bot.domain.reasons import Reason


class ArgocdError(CallFailed):
    """Argo CD did not do what it was asked."""

    default = Reason.ARGOCD_REFUSED


class Unreachable(ArgocdError):
    """No answer from Argo CD's API: no connection, no time, a gateway's error page, or not Argo CD at all."""

    default = Reason.ARGOCD_UNREACHABLE


class TookTooLong(Unreachable):
    """The time was used up, on this side or at a gateway in front of Argo CD."""


class Unsettled(Unreachable):
    """The Application was compared anew between every two looks at it, so no consistent read could be had."""


class TokenRejected(ArgocdError):
    """The token is missing, malformed, expired or revoked."""

    default = Reason.ARGOCD_TOKEN


class Forbidden(ArgocdError):
    """The token is good, but its role may not do this."""

    default = Reason.ARGOCD_FORBIDDEN


class Missing(ArgocdError):
    """There is no such Application in the project."""

    default = Reason.APPLICATION_MISSING


class InProgress(ArgocdError):
    """Another operation holds the Application's only slot. A state, not something to try again at once."""

    default = Reason.OPERATION_IN_PROGRESS


class WindowClosed(ArgocdError):
    """A sync window forbids syncing by hand now."""

    default = Reason.WINDOW_CLOSED


class Automated(ArgocdError):
    """Argo CD syncs this Application by itself, so nobody may choose its revision."""

    default = Reason.AUTOMATED


class Deleting(ArgocdError):
    """The Application is on its way out."""

    default = Reason.APPLICATION_DELETING


class Rejected(ArgocdError):
    """Argo CD refused for a reason that has no word of its own here; the log has it."""


class RefreshTimedOut(ArgocdError):
    """The refresh was asked for and goes on, but did not end in the time given."""

    default = Reason.REFRESH_TIMED_OUT


class NothingRunning(ArgocdError):
    """There is no operation to stop, or its controller has not picked it up yet."""

    default = Reason.NOTHING_RUNNING


class NotCompared(ArgocdError):
    """Argo CD could not compare the Application with Git, so it knows of no differences either."""

    default = Reason.COMPARISON_FAILED


class RevisionUnknown(ArgocdError):
    """The commit does not exist where the Application reads its manifests."""

    default = Reason.REVISION_UNKNOWN


class ProjectUnknown(ArgocdError):
    """The AppProject does not exist, or does not allow the Application."""

    default = Reason.PROJECT_UNKNOWN


class DeploymentMissing(ArgocdError):
    """The Application has no such Deployment."""

    default = Reason.DEPLOYMENT_MISSING


class HistoryGone(ArgocdError):
    """Argo CD's history has no such entry (any more)."""

    default = Reason.HISTORY_GONE


class OrderUncertain(ArgocdError):
    """An order may or may not have been accepted. Look for its effect; never send it again blindly."""

    default = Reason.OUTCOME_UNKNOWN


_BY_TEXT: tuple[tuple[str, type[ArgocdError]], ...] = (
    ("another operation is already in progress", InProgress),
    ("application is deleting", Deleting),
    ("auto-sync currently set to", Automated),
    ("auto-sync is enabled", Automated),
    ("Automatic Sync Policy is enabled", Automated),
    ("blocked by sync window", WindowClosed),
    ("invalid sync window", WindowClosed),
    ("application refresh deadline exceeded", RefreshTimedOut),
    ("No operation is in progress", NothingRunning),
    ("error resolving repo revision", RevisionUnknown),
    ("or the project does not exist", ProjectUnknown),
    ("not found as part of application", DeploymentMissing),
    ("does not have deployment with id", HistoryGone),
)
_BY_STATUS: dict[int, type[ArgocdError]] = {
    401: TokenRejected,
    403: Forbidden,
    408: TookTooLong,
    429: Unreachable,
    504: TookTooLong,
}
_NOT_FOUND = 5


def error_of(status: int, text: str) -> ArgocdError:
    """The error that an answer with this status and body means; for any status but 2xx."""
    body = _body(text)
    message, code = str(body.get("message") or body.get("error") or ""), body.get("code")
    log = f"{status}: {text}"
    kind = next((kind for known, kind in _BY_TEXT if status in (400, 403, 500) and known in message), None)
    if kind is None and status == 404:
        kind = Missing if code == _NOT_FOUND else Unreachable
    if kind is None:
        kind = _BY_STATUS.get(status, Rejected if 400 <= status < 500 else Unreachable)
    return kind(log)


def _body(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
