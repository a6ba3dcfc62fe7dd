"""Every answer that is no success has a word of its own."""

import pytest

from bot.adapters.argocd import (
    ArgocdError,
    Automated,
    Deleting,
    Forbidden,
    InProgress,
    Missing,
    RefreshTimedOut,
    Rejected,
    TokenRejected,
    TookTooLong,
    Unreachable,
    WindowClosed,
)
from bot.adapters.argocd_errors import error_of
from bot.domain.reasons import Reason


def body(message: str, code: int) -> str:
    return f'{{"error":"{message}","code":{code},"message":"{message}"}}'


@pytest.mark.parametrize(
    ("status", "text", "kind", "reason"),
    [
        (400, body("another operation is already in progress", 9), InProgress, Reason.OPERATION_IN_PROGRESS),
        (400, body("Cannot sync to 5f0c: auto-sync currently set to develop", 9), Automated, Reason.AUTOMATED),
        (400, body("rollback cannot be initiated when auto-sync is enabled", 9), Automated, Reason.AUTOMATED),
        (400, body("application is deleting", 9), Deleting, Reason.APPLICATION_DELETING),
        (400, body("error resolving repo revision: rpc error", 9), Rejected, Reason.ARGOCD_REFUSED),
        (400, body("json: cannot unmarshal string", 3), Rejected, Reason.ARGOCD_REFUSED),
        (400, "<html>400 Bad Request</html>", Rejected, Reason.ARGOCD_REFUSED),
        (401, body("no session information", 16), TokenRejected, Reason.ARGOCD_TOKEN),
        (401, "", TokenRejected, Reason.ARGOCD_TOKEN),
        (403, body("cannot sync: blocked by sync window", 7), WindowClosed, Reason.WINDOW_CLOSED),
        (403, body("cannot sync: invalid sync window: x", 7), Forbidden, Reason.ARGOCD_FORBIDDEN),
        (403, body("permission denied", 7), Forbidden, Reason.ARGOCD_FORBIDDEN),
        (403, body("permission denied: applications, sync, a/b", 7), Forbidden, Reason.ARGOCD_FORBIDDEN),
        (404, body("applications.argoproj.io 'nope' not found", 5), Missing, Reason.APPLICATION_MISSING),
        (404, "Not Found\n", Unreachable, Reason.ARGOCD_UNREACHABLE),
        (408, body("context canceled", 1), TookTooLong, Reason.ARGOCD_UNREACHABLE),
        (409, body("conflict", 10), Rejected, Reason.ARGOCD_REFUSED),
        (415, "Invalid content type\n", Rejected, Reason.ARGOCD_REFUSED),
        (429, body("slow down", 8), Unreachable, Reason.ARGOCD_UNREACHABLE),
        (500, body("application refresh deadline exceeded", 2), RefreshTimedOut, Reason.REFRESH_TIMED_OUT),
        (500, body("cache: key is missing", 2), Unreachable, Reason.ARGOCD_UNREACHABLE),
        (501, body("not implemented", 12), Unreachable, Reason.ARGOCD_UNREACHABLE),
        (503, body("connection refused", 14), Unreachable, Reason.ARGOCD_UNREACHABLE),
        (504, "<html>504</html>", TookTooLong, Reason.ARGOCD_UNREACHABLE),
        (302, "", Unreachable, Reason.ARGOCD_UNREACHABLE),
    ],
)
def test_every_error_has_a_word(status: int, text: str, kind: type[ArgocdError], reason: Reason) -> None:
    error = error_of(status, text)
    assert (type(error), error.reason, error.log) == (kind, reason, f"{status}: {text}")


def test_the_log_is_cut() -> None:
    assert len(error_of(500, "x" * 10_000).log) == 500
