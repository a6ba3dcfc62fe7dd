"""The three ways back to an earlier image of a service, and why one is not there.

    tag      the earlier tag is written into Git: the smallest step, and the default
    revert   the commits that took the tag away are reverted: Git says that it was taken back
    history  Argo CD goes back to an entry of its history, with all services, and Git does not know

Only looked at here; what is chosen is looked at again before anything is done.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.adapters import github_files, kustomization
from bot.adapters.argocd import ArgoCD
from bot.adapters.github_errors import GithubError
from bot.domain.catalog import Environment
from bot.domain.events import ApplicationObserved, SyncStatus
from bot.domain.images import Image
from bot.domain.inspections import HistoryEntry
from bot.domain.operations import Way
from bot.domain.reasons import Reason, Refused
from bot.domain.rollbacks import Offer
from bot.services.inspections import asked
from bot.services.manifests import Manifests, asked_for

DEEP = 30
"""How many commits of the overlay are looked through for the one that asked for the tag."""
AT_ONCE = 3
"""Of the four threads for GitHub."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What looking needs."""

    manifests: Manifests
    argocd: ArgoCD
    environment: Environment
    service: str

    async def offers(self, tag: str, *, seen: ApplicationObserved) -> tuple[Offer, ...]:
        """Every way to this tag, the smallest step first. A way that is not there says why; nothing is raised."""
        image = Image(repository=self.manifests.catalog.image_of(self.service), tag=tag)
        hindered = await self._hindered(image, seen=seen)
        if hindered is not None:
            return tuple(Offer(way=way, refused=hindered) for way in Way)
        ways: dict[Way, Callable[[], Awaitable[Offer]]] = {
            Way.TAG: lambda: self._tag(image, seen=seen),
            Way.REVERT: lambda: self._revert(image),
            Way.HISTORY: lambda: self._history(image, seen=seen),
        }
        return tuple(await asyncio.gather(*(_offer(way, look) for way, look in ways.items())))

    async def _hindered(self, image: Image, *, seen: ApplicationObserved) -> Refused | None:
        """What is in the way of everything: asked before anybody is, since consent would come to nothing."""
        if seen.sync is SyncStatus.UNKNOWN:
            return Refused(Reason.COMPARISON_FAILED)
        if self.environment.automated or self._runs(image, seen=seen):
            return None  # A commit is all it takes, and no window forbids that.
        try:
            can = await asked(self.argocd.can_sync(self.environment.application), what="rollback windows")
        except Refused as refused:
            return refused
        return None if can else Refused(Reason.WINDOW_CLOSED)

    async def _tag(self, image: Image, *, seen: ApplicationObserved) -> Offer:
        try:
            await self.manifests.require_change(image, environment=self.environment)
        except Refused as refused:
            if refused.reason is not Reason.TAG_ASKED_FOR or self.environment.automated or self._runs(image, seen=seen):
                raise
            return Offer(way=Way.TAG, asked=True)
        return Offer(way=Way.TAG)

    def _runs(self, image: Image, *, seen: ApplicationObserved) -> bool:
        workload = seen.workload(self.service)
        return workload is not None and workload.live is not None and workload.live.tag == image.tag

    async def _revert(self, image: Image) -> Offer:
        reverts = await self._changes(image)
        await self.manifests.require_revert(image, environment=self.environment, reverts=reverts)
        return Offer(way=Way.REVERT, reverts=reverts)

    async def _changes(self, image: Image) -> tuple[str, ...]:
        """The commits that took the tag in Git from this one to the present one, the newest first."""
        place = self.environment
        listed = await github_files.revisions(
            self.manifests.github, path=place.kustomization, branch=place.branch, limit=DEEP
        )
        changes: list[str] = []
        newer: tuple[str, str | None] | None = None
        for start in range(0, len(listed), AT_ONCE):
            batch = listed[start : start + AT_ONCE]
            for revision, tag in zip(batch, await asyncio.gather(*map(self._tag_at, batch)), strict=True):
                if newer is not None and newer[1] != tag:
                    changes.append(newer[0])
                if tag == image.tag and not changes:
                    raise Refused(Reason.TAG_ASKED_FOR)
                if tag == image.tag:
                    return tuple(changes)
                newer = (revision, tag)
        raise Refused(Reason.CANNOT_REVERT, f"None of the last {DEEP} commits of the overlay asks for it.")

    async def _tag_at(self, revision: str) -> str | None:
        """The tag that Git asked for at a commit."""
        return asked_for(await self._overlay(revision), repository=self.manifests.catalog.image_of(self.service))

    async def _overlay(self, revision: str) -> str:
        file = await github_files.read_file(self.manifests.github, path=self.environment.kustomization, ref=revision)
        return kustomization.text_of(file.content)

    async def _history(self, image: Image, *, seen: ApplicationObserved) -> Offer:
        if self.environment.automated:
            raise Refused(Reason.HISTORY_AUTOMATED)
        for entry in await self.argocd.history(self.environment.application):
            text = await self._overlay_of(entry)
            if text is not None and asked_for(text, repository=image.repository) == image.tag:
                return Offer(way=Way.HISTORY, entry=entry, moves=self._moves(text, seen=seen))
        raise Refused(Reason.HISTORY_GONE, "It remembers the last full syncs only, and no sync of a single service.")

    async def _overlay_of(self, entry: HistoryEntry) -> str | None:
        try:
            return await self._overlay(entry.revision)
        except GithubError as error:
            if error.reason in (Reason.FILE_MISSING, Reason.BRANCH_MISSING):
                return None  # Its commit is gone, or is from before the overlay was.
            raise

    def _moves(self, text: str, *, seen: ApplicationObserved) -> tuple[str, ...]:
        """The other services that run another tag than this overlay asks for."""
        catalog = self.manifests.catalog
        running = {work.service: work.live.tag for work in seen.workloads if work.live and work.service != self.service}
        return tuple(
            service
            for service, tag in running.items()
            if _tag_in(text, repository=catalog.image_of(service)) not in (None, tag)
        )


async def _offer(way: Way, look: Callable[[], Awaitable[Offer]]) -> Offer:
    try:
        return await asked(look(), what=f"rollback by {way}")
    except Refused as refused:
        return Offer(way=way, refused=refused)


def _tag_in(text: str, *, repository: str) -> str | None:
    """The tag that the overlay asks for, or None where it leaves that to its base."""
    try:
        return asked_for(text, repository=repository)
    except Refused:
        return None
