"""Argo CD over its REST API: read an Application consistently, ask for a sync once.

Reading is a sandwich. The diff is the cached result of the last comparison and does not say which revision it belongs
to, so the Application is read before and after it, and the three count as one read only if both looks show the same
comparison.

Syncing is the one call that changes the world. It is sent once, pinned to a full revision and with retries off, so that
Argo CD cannot move on to a newer commit by itself. When its answer is lost nobody knows whether it was accepted:
`OrderUncertain` tells the caller to look for the request id in the Application instead of sending again.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import replace
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from bot.adapters import (
    argocd_check,
    argocd_diffs,
    argocd_inspections,
    argocd_values,
    argocd_watch,
    kubernetes_events,
)
from bot.adapters.argocd_errors import NotCompared, RefreshTimedOut, TookTooLong, Unreachable, Unsettled
from bot.adapters.argocd_http import Json, Transport
from bot.adapters.argocd_values import REQUEST_ID, ApplicationRead
from bot.adapters.argocd_watch import Seen
from bot.adapters.calls import Observe, unobserved
from bot.adapters.fields import entries, section
from bot.domain import images
from bot.domain.contents import Resource
from bot.domain.images import Image
from bot.domain.inspections import ClusterEvent, Diff, HistoryEntry, SyncWindows

_ROUNDS = 4
_SUBJECT = 200
_Value = TypeVar("_Value")


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
        self,
        application: str,
        *,
        refresh: Literal["normal", "hard"] | None = None,
        refresh_timeout: float = 20,
        revision: str | None = None,
        image: Image | None = None,
    ) -> ApplicationRead:
        """One consistent read of the Application and its diff.

        `refresh` has Argo CD compare with the branch first, and waits for that at most `refresh_timeout` seconds;
        `hard` drops its manifest cache as well. Raises RefreshTimedOut when that was not enough (the refresh goes on
        by itself), and Unsettled when the Application was compared anew during each of four looks.

        With a `revision`, a full commit id, the diff is that of a sync to this commit, whatever the branch says. With
        an `image` it is that of a sync once Git asks for this tag of it.
        """
        found, items = await self._look(application, refresh=refresh, refresh_timeout=refresh_timeout)
        if revision is not None:
            items = await self._pinned(found, items, application=application, revision=revision)
        if image is not None:
            items = self._parse(argocd_diffs.retagged, items or (), image=image)
        read = self._parse(argocd_values.application_read, found, items=items, services=self._services)
        return read if revision is None else replace(read, revision=revision)

    async def diff(self, application: str, *, revision: str | None = None) -> Diff:
        """What a sync to the newest commit, or to that `revision`, would change; as consistent as `read`.

        Raises NotCompared when Argo CD cannot render what Git asks for: it then has no differences to show either.
        """
        found, items = await self._look(application)
        if not argocd_values.is_compared(found):
            raise NotCompared(str(section(found, "status").get("conditions")))
        if revision is not None:
            items = await self._pinned(found, items, application=application, revision=revision)
        resources = self._parse(argocd_diffs.resource_diffs, items or (), services=self._services)
        return Diff(revision=revision or argocd_values.comparison(found)[1], resources=resources)

    async def can_sync(self, application: str) -> bool:
        """Whether the project's sync windows let a person sync now. An answer that does not say so means no."""
        return (await self.windows(application)).can_sync

    async def windows(self, application: str) -> SyncWindows:
        """The sync windows that concern the Application."""
        return argocd_inspections.windows(await self._get(application, "syncwindows"))

    async def events(self, application: str) -> tuple[ClusterEvent, ...]:
        """What Argo CD noticed about the Application itself, oldest first; Kubernetes forgets after an hour."""
        return kubernetes_events.values(entries(await self._get(application, "events"), "items"))

    async def history(self, application: str) -> tuple[HistoryEntry, ...]:
        """The full syncs that Argo CD remembers, the newest first."""
        return argocd_inspections.history(await self._get(application))

    async def subject(self, application: str, revision: str) -> str:
        """The first line of a commit's message."""
        answer = await self._get(application, f"revisions/{quote(revision, safe='')}/metadata")
        return str(answer.get("message") or "").partition("\n")[0][:_SUBJECT]

    async def fingerprints(self) -> dict[str, str]:
        """How every Application of the project looks, by name, in a few characters."""
        query = {"projects": self._project, "fields": argocd_watch.LIST_FIELDS}
        return argocd_watch.fingerprints(await self._http.get("v1/applications", call="list", query=query))

    async def watch(self) -> AsyncIterator[Seen]:
        """Every Application as it is, then the changes, until the stream ends. Raises an ArgocdError when it ends with
        an error."""
        query = {"projects": self._project, "fields": argocd_watch.STREAM_FIELDS}
        async with self._http.stream("v1/stream/applications", query=query) as chunks:
            async for frame in argocd_watch.frames(chunks):
                yield argocd_watch.seen(frame)

    async def sync(
        self,
        application: str,
        *,
        revision: str,
        resources: tuple[Resource, ...] | None,
        request_id: str,
        approved_by: tuple[str, ...],
        requested_by: str,
    ) -> None:
        """Ask for a sync of exactly these objects to exactly this commit; returning means accepted, nothing more.

        `revision` is a full commit id: Argo CD resolves anything else by itself, when it pleases. None for `resources`
        syncs everything, with hooks, and leaves an entry in Argo CD's history. An empty selection would do the same
        and is refused with ValueError, like a short revision. Without an answer that settles it
        raises OrderUncertain; every other error means that nothing was started.
        """
        if not images.is_revision(revision):
            raise ValueError(f"not a full commit id: {revision!r}")
        if resources is not None and not resources:
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
            "retryStrategy": {"limit": 0},
            "infos": [{"name": name, "value": value} for name, value in infos.items()],
        }
        if resources is not None:
            body["resources"] = [
                {"group": entry.group, "kind": entry.kind, "name": entry.name, "namespace": entry.namespace}
                for entry in resources
            ]
        await self._http.order("POST", _path(application, "sync"), call="sync", body=body)

    async def rollback(self, application: str, *, entry: int) -> None:
        """Ask for a sync of everything to an entry of the history; returning means accepted, nothing more.

        Argo CD skips hooks then, takes no id by which to know the operation again, and does not look at sync windows:
        outside of them the operation would wait in the Application's slot until one opens, so look at `can_sync` first.
        https://argo-cd.readthedocs.io/en/stable/user-guide/commands/argocd_app_rollback/
        Raises HistoryGone for an entry that Argo CD has forgotten, Automated, and OrderUncertain.
        """
        body: Json = {"id": entry, "prune": False, "dryRun": False, "project": self._project}
        await self._http.order("POST", _path(application, "rollback"), call="rollback", body=body)

    async def terminate(self, application: str) -> None:
        """Ask for the end of the operation that runs; returning means that Argo CD will stop it, not that it has.

        Raises NothingRunning when there is none, or none yet that the controller has picked up, and OrderUncertain.
        """
        path = _path(application, "operation")
        await self._http.order("DELETE", path, call="terminate", query={"project": self._project})

    async def restart(self, application: str, *, namespace: str, deployment: str) -> None:
        """Have a Deployment replace its pods; returning means that it was told to. Raises OrderUncertain.

        https://argo-cd.readthedocs.io/en/stable/operator-manual/resource_actions_builtin/, over the API since 3.1.
        """
        body: Json = {
            "project": self._project,
            "namespace": namespace,
            "resourceName": deployment,
            "version": "v1",
            "group": "apps",
            "kind": "Deployment",
            "action": "restart",
            "resourceActionParameters": [],
        }
        await self._http.order("POST", _path(application, "resource/actions/v2"), call="restart", body=body)

    async def check(self, applications: Iterable[str]) -> list[argocd_check.Finding]:
        """What a person setting this up wants to know: name, whether it is in order, and what is found or missing."""
        return await argocd_check.check(self._http, applications, project=self._project)

    async def _look(
        self, application: str, *, refresh: Literal["normal", "hard"] | None = None, refresh_timeout: float = 20
    ) -> tuple[Json, Any]:
        """The Application and the `items` of its diff, between two looks that show the same comparison."""
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
                return after, diff.get("items")
            seen = current
        raise Unsettled(f"{application} was compared anew {_ROUNDS} times while it was read")

    async def _pinned(self, found: Json, items: Any, *, application: str, revision: str) -> Any:
        """The items of the diff as if that commit were the newest."""
        query = {"project": self._project, "revision": revision}
        answer = await self._http.get(_path(application, "manifests"), call="manifests", query=query)
        namespace = str(found.get("spec", {}).get("destination", {}).get("namespace") or "")
        manifests = answer.get("manifests") or ()
        return self._parse(argocd_diffs.pinned, items or (), manifests=manifests, namespace=namespace)

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

    def _parse(self, parse: Callable[..., _Value], *parts: Any, **options: Any) -> _Value:
        """The value of an answer; one that is not what it should be counts as none."""
        try:
            return parse(*parts, **options)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise Unreachable(f"the Application could not be understood: {error!r}") from error


def _path(application: str, part: str = "") -> str:
    return "/".join(filter(None, ("v1/applications", quote(application, safe=""), part)))
