"""Every answer that is no success has a word of its own."""

import pytest
from aiohttp import web

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import (
    ArgocdError,
    Automated,
    Deleting,
    DeploymentMissing,
    Forbidden,
    HistoryGone,
    InProgress,
    Missing,
    NothingRunning,
    OrderUncertain,
    ProjectUnknown,
    RefreshTimedOut,
    Rejected,
    RevisionUnknown,
    TokenRejected,
    TookTooLong,
    Unreachable,
    WindowClosed,
    error_of,
)
from bot.domain.reasons import Reason
from tests.adapters.conftest import PROD, Scripted


def body(message: str, code: int) -> str:
    return f'{{"error":"{message}","code":{code},"message":"{message}"}}'


ANSWERS = [
    (400, body("another operation is already in progress", 9), InProgress, Reason.OPERATION_IN_PROGRESS),
    (400, body("Cannot sync to 5f0c: auto-sync currently set to develop", 9), Automated, Reason.AUTOMATED),
    (400, body("rollback cannot be initiated when auto-sync is enabled", 9), Automated, Reason.AUTOMATED),
    (400, body("application is deleting", 9), Deleting, Reason.APPLICATION_DELETING),
    (400, body("error resolving repo revision: rpc error", 9), RevisionUnknown, Reason.REVISION_UNKNOWN),
    (400, body("sync with replace was disabled on the API Server level", 9), Rejected, Reason.ARGOCD_REFUSED),
    (400, body("application argocd/x does not have deployment with id 99", 3), HistoryGone, Reason.HISTORY_GONE),
    (
        400,
        body("Unable to terminate operation. No operation is in progress", 3),
        NothingRunning,
        Reason.NOTHING_RUNNING,
    ),
    (
        400,
        body("Deployment apps x not found as part of application y", 3),
        DeploymentMissing,
        Reason.DEPLOYMENT_MISSING,
    ),
    (
        400,
        body("app is not allowed in project x, or the project does not exist", 3),
        ProjectUnknown,
        Reason.PROJECT_UNKNOWN,
    ),
    (401, body("invalid session: token has invalid claims: token is expired", 16), TokenRejected, Reason.ARGOCD_TOKEN),
    (
        401,
        body("invalid session: JWT token for role 'bot' issued at 'x' does not exist in project 'tiketi'", 16),
        TokenRejected,
        Reason.ARGOCD_TOKEN,
    ),
    (409, body("already exists", 6), Rejected, Reason.ARGOCD_REFUSED),
    (500, body("panic", 13), Unreachable, Reason.ARGOCD_UNREACHABLE),
    (504, body("deadline exceeded", 4), TookTooLong, Reason.ARGOCD_UNREACHABLE),
    (400, body("json: cannot unmarshal string", 3), Rejected, Reason.ARGOCD_REFUSED),
    (400, "<html>400 Bad Request</html>", Rejected, Reason.ARGOCD_REFUSED),
    (401, body("no session information", 16), TokenRejected, Reason.ARGOCD_TOKEN),
    (401, "", TokenRejected, Reason.ARGOCD_TOKEN),
    (403, body("cannot sync: blocked by sync window", 7), WindowClosed, Reason.WINDOW_CLOSED),
    (403, body("cannot sync: invalid sync window: x", 7), WindowClosed, Reason.WINDOW_CLOSED),
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
]


@pytest.mark.parametrize(("status", "text", "kind", "reason"), ANSWERS)
async def test_a_read_says_what_the_answer_means(
    argocd: ArgoCD, server: Scripted, status: int, text: str, kind: type[ArgocdError], reason: Reason
) -> None:
    server.answers = [web.Response(status=status, text=text) for _ in range(3)]
    with pytest.raises(ArgocdError) as caught:
        await argocd.windows(PROD)
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert text[:20] in caught.value.log


@pytest.mark.parametrize(("status", "text", "kind", "reason"), ANSWERS)
async def test_an_order_without_a_clear_no_is_uncertain(
    argocd: ArgoCD, server: Scripted, status: int, text: str, kind: type[ArgocdError], reason: Reason
) -> None:
    server.answers, server.method = [web.Response(status=status, text=text)], "DELETE"
    with pytest.raises(ArgocdError) as caught:
        await argocd.terminate(PROD)
    nobody_knows = status >= 500 or status == 408
    wanted = (OrderUncertain, Reason.OUTCOME_UNKNOWN) if nobody_knows else (kind, reason)
    assert (type(caught.value), caught.value.reason) == wanted
    assert [request.method for request in server.requests] == ["DELETE"]


@pytest.mark.parametrize(("status", "text", "kind", "reason"), ANSWERS)
def test_every_error_has_a_word(status: int, text: str, kind: type[ArgocdError], reason: Reason) -> None:
    error = error_of(status, text)
    assert (type(error), error.reason, error.log) == (kind, reason, f"{status}: {text}")


def test_the_log_is_cut() -> None:
    assert len(error_of(500, "x" * 10_000).log) == 500
