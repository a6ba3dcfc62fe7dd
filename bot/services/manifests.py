"""A chosen tag on its way into Git: what it would change, and the commit that asks for it, made once.

Git keeps the truth: the tag is written into the environment's overlay first, and deployed like everything else then.
People consent before anything is written, to the very difference that Argo CD will find afterwards: it is read with the
tag in its place. So nobody commits what nobody may deploy, and what is synced is what was shown. Commits are reverted
only where that brings the tag back and nothing else, so the same holds for them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import structlog

from bot.adapters import github_comparisons, github_files, github_pulls, github_reverts, kustomization
from bot.adapters.github import GitHub
from bot.adapters.github_errors import GithubError
from bot.adapters.github_pulls import Pull
from bot.adapters.registry import Registry
from bot.domain import commits, images
from bot.domain.catalog import Catalog, Environment
from bot.domain.commits import Signature
from bot.domain.comparisons import Comparison, Side
from bot.domain.contents import Content, ImageChange
from bot.domain.images import Image
from bot.domain.operations import Between, Operation, Way
from bot.domain.reasons import Reason, Refused
from bot.domain.tags import StoredImage, reference

COMMITS = 5

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a commit is: `revision` is its id on the environment's branch, None while its pull request is open."""

    pull: Pull | None
    revision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """What writing a tag needs."""

    catalog: Catalog
    github: GitHub
    registry: Registry

    def image(self, operation: Operation) -> Image | None:
        """The image that Git shall ask for; None for an operation without a chosen tag."""
        if operation.tag is None or operation.service is None:
            return None
        return Image(repository=self.catalog.image_of(operation.service), tag=operation.tag)

    async def require(self, operation: Operation, image: Image, *, environment: Environment) -> None:
        """Refuse an image that Git asks for already, an overlay in which the tag cannot be changed, and commits that
        cannot be reverted to it. Raises the errors of the adapters."""
        await self.require_change(image, environment=environment)
        if operation.rollback is not None and operation.way is Way.REVERT:
            await self.require_revert(image, environment=environment, reverts=operation.rollback.reverts)

    async def require_change(self, image: Image, *, environment: Environment) -> None:
        """Refuse an image that Git asks for already, and an overlay in which the tag cannot be changed."""
        file = await github_files.read_file(self.github, path=environment.kustomization, ref=environment.branch)
        text = kustomization.text_of(file.content)
        if asking(text, image=image) == text:
            raise Refused(Reason.TAG_ASKED_FOR)

    async def require_revert(self, image: Image, *, environment: Environment, reverts: Sequence[str]) -> None:
        """Refuse commits that cannot be reverted, or not without changing more than this image's tag."""
        if environment.pull_requests:
            raise Refused(Reason.REVERT_BY_PULL_REQUEST)
        found = await github_reverts.preview(self.github, branch=environment.branch, revisions=reverts)
        for path, (before, after) in found.items():
            _require_only(path, before, after, image=image, environment=environment)

    async def pinned(self, content: Content) -> Content:
        """The content with the digest that the registry has behind each new image at this moment.

        One question for each service, as many at once as the adapter lets through. Refuses an image that the registry
        does not have, and one of another repository, about which it says nothing. Raises a RegistryError.
        """
        found = await asyncio.gather(*map(self._stored, content.images))
        pinned = []
        for change, stored in zip(content.images, found, strict=True):
            if change.new is not None and stored is None:
                raise Refused(Reason.TAG_UNKNOWN, f"({change.service})" if len(found) > 1 else "")
            pinned.append(replace(change, digest=stored.digest, index=stored.index) if stored else change)
        return replace(content, images=tuple(pinned))

    async def _stored(self, change: ImageChange) -> StoredImage | None:
        """What the registry has of a new image, or None when there is none."""
        image = change.new
        if image is None:
            return None
        if image.repository != self.catalog.image_of(change.service):
            raise Refused(Reason.TAG_UNKNOWN, f"({change.service}: it is another repository, {image.repository})")
        return await self.registry.resolve(self.catalog.services[change.service].image, reference(image))

    async def between(self, change: ImageChange) -> Between | None:
        """The commits between what the service runs and the commit of its new image; None when GitHub does not tell."""
        short = images.short_revision(change.new.tag) if change.new else None
        if short is None:
            return None
        try:
            head = (await self.github.commit(short)).revision
        except GithubError as error:
            log.info("manifests.no_comparison", service=change.service, answer=error.log)
            return None
        found = await self.compare(change, head=head) if head.startswith(short) else None
        return shown(found) if found else None

    async def compare(self, change: ImageChange, *, head: str) -> Comparison | None:
        """What lies between the commit of the old image and `head`, the full revision of that of the new one.

        None when GitHub does not tell, and when there is no old image or its tag names no commit.
        """
        base = images.short_revision(change.old.tag) if change.old else None
        if base is None:
            return None
        paths = self.catalog.sources_of(change.service)
        try:
            return await github_comparisons.between(self.github, base=base, head=head, paths=paths)
        except GithubError as error:
            log.info("manifests.no_comparison", service=change.service, answer=error.log)
            return None

    async def find(self, operation: Operation, *, environment: Environment) -> Progress | None:
        """How far the commit of an operation is: after a crash too, because GitHub is asked. Raises GithubError."""
        if environment.pull_requests:
            pull = await github_pulls.find_pull(self.github, operation=operation.id)
            return Progress(pull=pull, revision=pull.revision) if pull else None
        written = await github_files.find_written(
            self.github, path=environment.kustomization, branch=environment.branch, operation=operation.id
        )
        return Progress(pull=None, revision=written.revision) if written else None

    async def write(self, operation: Operation, *, environment: Environment, approved_by: Sequence[str]) -> Progress:
        """Commit the tag, revert to it, or open the pull request for it, unless that was done before.

        Refuses an overlay that cannot be changed, and where somebody else wrote the tag meanwhile. Raises GithubError.
        """
        image = self.image(operation)
        if image is None or image.tag is None or operation.requested_by is None:
            raise Refused(Reason.CONTENT_CHANGED)
        signature = Signature(
            operation=operation.id,
            requested_by=operation.requested_name,
            requester_id=operation.requested_by,
            approved_by=tuple(approved_by),
            reason=operation.rollback.why if operation.rollback else "",
            emergency=operation.rollback is not None and operation.rollback.emergency,
        )
        if operation.rollback is not None and operation.way is Way.REVERT:
            reverts = operation.rollback.reverts
            return await self._revert(image, environment=environment, reverts=reverts, signature=signature)
        write = commits.deploying if operation.rollback is None else commits.rolling_back
        message = write(service=operation.subject, tag=image.tag, environment=environment.name, signature=signature)
        change = partial(asking, image=image)
        path, branch = environment.kustomization, environment.branch
        if environment.pull_requests:
            pull = await github_pulls.open_pull(
                self.github, path=path, base=branch, change=change, message=message, operation=operation.id
            )
            if pull is not None:
                return Progress(pull=pull, revision=pull.revision)
            raise Refused(Reason.TAG_ASKED_FOR)
        written = await github_files.change_file(
            self.github, path=path, branch=branch, change=change, message=message, operation=operation.id
        )
        if not written.changed:
            raise Refused(Reason.TAG_ASKED_FOR)
        return Progress(pull=None, revision=written.revision)

    async def _revert(
        self, image: Image, *, environment: Environment, reverts: Sequence[str], signature: Signature
    ) -> Progress:
        check = partial(_require_only, image=image, environment=environment)
        made = await github_reverts.revert(
            self.github, branch=environment.branch, revisions=reverts, signature=signature, check=check
        )
        return Progress(pull=None, revision=made[-1].revision)


def asking(text: str, *, image: Image) -> str:
    """The kustomization as it asks for this image. Refuses one in which the tag cannot be changed."""
    return kustomization.with_tag(
        text, image=kustomization.name_of(text, repository=image.repository), tag=image.tag or ""
    )


def asked_for(text: str, *, repository: str) -> str:
    """The tag of the repository's image that the kustomization asks for. Refuses as `asking` does."""
    return kustomization.tag_of(text, image=kustomization.name_of(text, repository=repository))


def shown(found: Comparison) -> Between:
    """A comparison as people see it before they decide; but what is decided about is the content."""
    return Between(
        base=found.base,
        head=found.head,
        gained=found.gained.total,
        lost=found.lost.total,
        lines=_lines(found.gained),
        lost_lines=_lines(found.lost),
    )


def _lines(side: Side) -> tuple[str, ...]:
    """The newest commits of one side in a line each, those of the service itself before those of others."""
    shown = sorted(side.commits, key=lambda one: one.touches is False)[:COMMITS]
    return tuple(f"{one.subject} by {one.author}" if one.author else one.subject for one in shown)


def _require_only(path: str, before: str, after: str, *, image: Image, environment: Environment) -> None:
    """Refuse a change of a file that is any other than this image's tag in the overlay."""
    if path != environment.kustomization or after != asking(before, image=image):
        raise Refused(Reason.REVERT_WIDER)
