"""A chosen tag on its way into Git: what it would change, and the commit that asks for it, made once.

Git keeps the truth: the tag is written into the environment's overlay first, and deployed like everything else then.
People consent before anything is written, to the very difference that Argo CD will find afterwards: it is read with the
tag in its place. So nobody commits what nobody may deploy, and what is synced is what was shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import structlog

from bot.adapters import github_comparisons, github_files, github_pulls, kustomization
from bot.adapters.github import Commit, GitHub, GithubError
from bot.adapters.github_pulls import Pull
from bot.adapters.registry import Registry
from bot.domain import commits, images
from bot.domain.catalog import Catalog, Environment
from bot.domain.commits import Signature
from bot.domain.images import Image
from bot.domain.operations import Between, Content, Operation
from bot.domain.reasons import Reason, Refused

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

    async def require(self, image: Image, *, service: str, environment: Environment) -> None:
        """Refuse an image that the registry does not have, one that Git asks for already, and an overlay in which
        the tag cannot be changed. Raises the errors of the adapters."""
        tag = image.tag or ""
        if not await self.registry.images(self.catalog.services[service].image, [tag]):
            raise Refused(Reason.TAG_UNKNOWN)
        file = await github_files.read_file(self.github, path=environment.kustomization, ref=environment.branch)
        text = kustomization.text_of(file.content)
        if _asking(text, image=image) == text:
            raise Refused(Reason.TAG_ASKED_FOR)

    async def between(self, content: Content, source: Commit, *, service: str) -> Between | None:
        """The commits between what the service runs and the commit of its new image; None when GitHub does not tell.

        People see them before they decide, so GitHub is asked; but what is decided about is the content.
        """
        old = next((change.old for change in content.images if change.service == service), None)
        short = images.short_revision(old.tag) if old else None
        if short is None:
            return None
        directory = self.catalog.services[service].directory
        try:
            base = await self.github.commit(short)
            found = await github_comparisons.compare(
                self.github, base=base.revision, head=source.revision, directory=directory
            )
        except GithubError as error:
            log.info("manifests.no_comparison", service=service, answer=error.log)
            return None
        shown = (found.gained.commits or found.lost.commits)[:COMMITS]
        return Between(
            base=found.base,
            head=found.head,
            gained=found.gained.total,
            lost=found.lost.total,
            lines=tuple(f"{one.subject} by {one.author}" if one.author else one.subject for one in shown),
        )

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
        """Commit the tag, or open the pull request for it, unless that was done before.

        Refuses an overlay that cannot be changed, and where somebody else wrote the tag meanwhile. Raises GithubError.
        """
        image = self.image(operation)
        if image is None or image.tag is None or operation.requested_by is None:
            raise Refused(Reason.CONTENT_CHANGED)
        change = partial(_asking, image=image)
        signature = Signature(
            operation=operation.id,
            requested_by=operation.requested_name,
            requester_id=operation.requested_by,
            approved_by=tuple(approved_by),
        )
        message = commits.deploying(
            service=operation.subject, tag=image.tag, environment=environment.name, signature=signature
        )
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


def _asking(text: str, *, image: Image) -> str:
    """The kustomization as it asks for this image."""
    return kustomization.with_tag(
        text, image=kustomization.name_of(text, repository=image.repository), tag=image.tag or ""
    )
