"""How Argo CD refuses: its gRPC codes, and the order in which a sync and a rollback are checked."""

import re

from sandbox.applications import Application
from sandbox.argocd_accounts import Account
from sandbox.git import Git, UnknownRevision
from sandbox.manifests import Json

UNKNOWN, INVALID, NOT_FOUND, DENIED, PRECONDITION, INTERNAL, UNAVAILABLE, UNAUTHENTICATED = 2, 3, 5, 7, 9, 13, 14, 16
FAULTS = {
    401: (UNAUTHENTICATED, "invalid session: token has invalid claims: token is expired"),
    403: (DENIED, "permission denied"),
    500: (UNKNOWN, "error getting cached app managed resources: cache: key is missing"),
    503: (UNAVAILABLE, 'connection error: desc = "transport: Error while dialing: connect: connection refused"'),
}


class Refused(Exception):
    """A request that ends with one of Argo CD's errors."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_sync(app: Application, account: Account, body: Json) -> None:
    """The refusals of a sync, in Argo CD's order."""
    if app.faults.window_closed:
        raise Refused(DENIED, "cannot sync: blocked by sync window")
    account.require("sync", f"{app.project}/{app.name}")
    real = not body.get("dryRun")
    if body.get("manifests") and app.automated and real:
        message = "cannot use local sync when Automatic Sync Policy is enabled unless for dry run"
        raise Refused(PRECONDITION, message)
    if app.deleted_at:
        raise Refused(PRECONDITION, "application is deleting")
    revision = body.get("revision")
    if revision and revision != app.branch and app.automated and real:
        raise Refused(PRECONDITION, f"Cannot sync to {revision}: auto-sync currently set to {app.branch}")


def check_rollback(app: Application, body: Json) -> Json:
    """The entry of history that a rollback asks for, or its refusals, in Argo CD's order; no window is looked at."""
    if "id" not in body:  # The message that the gateway hands on to the server cannot be written without it.
        raise Refused(INTERNAL, 'grpc: error while marshaling: proto: required field "id" not set')
    if app.deleted_at:
        raise Refused(PRECONDITION, "application is deleting")
    if app.automated:
        raise Refused(PRECONDITION, "rollback cannot be initiated when auto-sync is enabled")
    found = next((entry for entry in app.history if entry["id"] == body["id"]), None)
    if found is None:
        message = f"application argocd/{app.name} does not have deployment with id {body['id']}"
        raise Refused(INVALID, message)
    if not found.get("source"):
        message = "cannot rollback to revision deployed with Argo CD v0.11 or lower. sync to revision instead."
        raise Refused(PRECONDITION, message)
    return found


def resolve(git: Git, app: Application, body: Json) -> str:
    """The revision that a sync is to apply. Refuses a name that is neither a branch nor a tag."""
    revision = str(body.get("revision") or app.branch)
    if re.fullmatch(r"[0-9a-f]{7,40}", revision):
        return revision  # A revision in hexadecimal is not looked up, so it need not exist.
    try:
        return git.find(revision).sha
    except UnknownRevision as error:
        failure = f"rpc error: code = Unknown desc = unable to resolve '{revision}' to a commit SHA"
        raise Refused(PRECONDITION, f"error resolving repo revision: {failure}") from error
