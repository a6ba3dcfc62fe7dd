"""Argo CD over its REST API: read an Application consistently, ask for a sync once.

Reading is a sandwich. The diff is the cached result of the last comparison and does not say which revision it belongs
to, so the Application is read before and after it, and the three count as one read only if both looks show the same
comparison.

Syncing is the one call that changes the world. It is sent once, pinned to a full revision and with retries off, so that
Argo CD cannot move on to a newer commit by itself. When its answer is lost nobody knows whether it was accepted:
`SyncUncertain` tells the caller to look for the request id in the Application instead of sending again.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, Literal
from urllib.parse import quote

from bot.adapters import argocd_values
from bot.adapters.argocd_errors import (
    ArgocdError,
    Automated,
    Deleting,
    Forbidden,
    InProgress,
    Missing,
    RefreshTimedOut,
    Rejected,
    SyncUncertain,
    TokenRejected,
    TookTooLong,
    Unreachable,
    Unsettled,
    WindowClosed,
)
from bot.adapters.argocd_http import Json, Transport
from bot.adapters.argocd_resources import ManagedResource
from bot.adapters.argocd_values import REQUEST_ID, ApplicationRead
from bot.adapters.calls import Observe, unobserved
from bot.domain import images
from bot.domain.operations import Resource

__all__ = [
    "ApplicationRead",
    "ArgoCD",
    "ArgocdError",
    "Automated",
    "Deleting",
    "Forbidden",
    "InProgress",
    "ManagedResource",
    "Missing",
    "RefreshTimedOut",
    "Rejected",
    "SyncUncertain",
    "TokenRejected",
    "TookTooLong",
    "Unreachable",
    "Unsettled",
    "WindowClosed",
]

_ROUNDS = 4


class ArgoCD:
    """One project of one Argo CD. `token` is asked before each request, so that it can be rotated while the bot runs.

    `timeout` bounds each request in seconds; a read is tried three times while Argo CD is unreachable. Every method
    raises an ArgocdError when it cannot do what it says.
    """

    def __init__(
        self,
        *,
        url: str,
        token: Callable[[], str],
        project: str,
        services: Collection[str],
        timeout: float = 10,
        observe: Observe = unobserved,
    ) -> None:
        self._project = project
        self._services = tuple(services)
        self._http = Transport(url=url, token=token, timeout=timeout, observe=observe)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def read(
        self, application: str, *, refresh: Literal["normal", "hard"] | None = None, refresh_timeout: float = 20
    ) -> ApplicationRead:
        """One consistent read of the Application and its diff.

        `refresh` has Argo CD compare with the branch first, and waits for that at most `refresh_timeout` seconds;
        `hard` drops its manifest cache as well. Raises RefreshTimedOut when that was not enough (the refresh goes on
        by itself), and Unsettled when the Application was compared anew during each of four looks.
        """
        if refresh:
            before = await self._refresh(application, kind=refresh, timeout=refresh_timeout)
        else:
            before = await self._get(application)
        seen = argocd_values.comparison(before)
        for _ in range(_ROUNDS):
            diff = await self._get(application, "managed-resources")
            after = await self._get(application)
            current = argocd_values.comparison(after)
            if current == seen:
                return self._parse(after, diff.get("items"))
            seen = current
        raise Unsettled(f"{application} was compared anew {_ROUNDS} times while it was read")

    async def can_sync(self, application: str) -> bool:
        """Whether the project's sync windows let a person sync now. An answer that does not say so means no."""
        windows = await self._get(application, "syncwindows")
        return windows.get("canSync") is True

    async def sync(
        self,
        application: str,
        *,
        revision: str,
        resources: tuple[Resource, ...],
        request_id: str,
        approved_by: tuple[str, ...],
        requested_by: str,
    ) -> None:
        """Ask for a sync of exactly these objects to exactly this commit; returning means accepted, nothing more.

        `revision` is a full commit id: Argo CD resolves anything else by itself, when it pleases. An empty selection
        would sync everything and is refused with ValueError, like a short revision. Without an answer that settles it
        raises SyncUncertain; every other error means that nothing was started.
        """
        if not images.is_revision(revision):
            raise ValueError(f"not a full commit id: {revision!r}")
        if not resources:
            raise ValueError("an empty selection would sync everything")
        infos = {REQUEST_ID: request_id, "chatops.requested-by": requested_by}
        if approved_by:
            infos["chatops.approved-by"] = ",".join(approved_by)
        # No syncOptions: they would replace the Application's own. A retry limit of zero, because a retry of Argo CD's
        # may forget the revision and take the branch's newest commit.
        body: Json = {
            "project": self._project,
            "revision": revision,
            "prune": False,
            "dryRun": False,
            "strategy": {"hook": {"force": False}},
            "resources": [
                {"group": entry.group, "kind": entry.kind, "name": entry.name, "namespace": entry.namespace}
                for entry in resources
            ],
            "retryStrategy": {"limit": 0},
            "infos": [{"name": name, "value": value} for name, value in infos.items()],
        }
        await self._http.post(_path(application, "sync"), call="sync", body=body)

    async def check(self, applications: Iterable[str]) -> list[tuple[str, bool, str]]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        try:
            version = await self._http.get("version", call="version")
            user = await self._http.get("v1/session/userinfo", call="userinfo")
        except ArgocdError as error:
            return [("Argo CD", False, _complaint(error))]
        name = f"{version.get('Version') or 'unknown version'}, as {user.get('username') or 'nobody'}"
        if user.get("loggedIn") is not True:
            return [("Argo CD", False, f"{name}: the token in CHATOPS_ARGOCD_TOKEN is not accepted")]
        return [("Argo CD", True, name), *[await self._check(application) for application in applications]]

    async def _check(self, application: str) -> tuple[str, bool, str]:
        title, policy = f"Application {application}", f"{self._project}/{application}"
        try:
            found = await self._get(application)
            right = await self._http.get(f"v1/account/can-i/applications/sync/{quote(policy)}", call="can-i")
        except ArgocdError as error:
            return title, False, _complaint(error)
        if argocd_values.is_automated(found):
            return title, True, "readable; Argo CD syncs it by itself"
        if right.get("value") != "yes":
            return title, False, f"readable, but the role lacks: applications, sync, {policy}, allow"
        return title, True, "readable, and may be synced"

    async def _get(self, application: str, part: str = "") -> Json:
        """The Application, or a part of it. Naming the project lets the answer tell missing from forbidden."""
        query = {"project": self._project}
        return await self._http.get(_path(application, part), call=part or "application", query=query)

    async def _refresh(self, application: str, *, kind: str, timeout: float) -> Json:
        """The Application after a refresh: the server answers when the controller is done, with no time-out of its own.

        Not tried again: what has been asked for goes on, and asking again would only start over.
        """
        query = {"project": self._project, "refresh": kind}
        try:
            return await self._http.get_once(_path(application), call="refresh", query=query, timeout=timeout)
        except TookTooLong as error:
            raise RefreshTimedOut(error.log) from error

    def _parse(self, application: Json, items: Any) -> ApplicationRead:
        """The value of a read; `items` is null when the Application manages nothing."""
        try:
            return argocd_values.application_read(application, items=items, services=self._services)
        except (ValueError, TypeError, RecursionError) as error:
            raise Unreachable(f"the Application could not be understood: {error!r}") from error


def _path(application: str, part: str = "") -> str:
    return "/".join(filter(None, ("v1/applications", quote(application, safe=""), part)))


_COMPLAINTS: dict[type[ArgocdError], str] = {
    TokenRejected: "does not accept the token in CHATOPS_ARGOCD_TOKEN",
    Forbidden: "the role lacks: applications, get",
    Missing: "does not exist in this project",
}


def _complaint(error: ArgocdError) -> str:
    return f"{_COMPLAINTS.get(type(error), 'does not answer; see CHATOPS_ARGOCD_URL')} ({error.log})"
