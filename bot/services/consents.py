"""Looking again before acting: is what would happen now exactly what people consented to?

Used before a tag is committed and before a sync is ordered, with the same questions both times.
"""

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_values import ApplicationRead
from bot.domain.approvals import Vote
from bot.domain.catalog import Environment
from bot.domain.contents import Content
from bot.domain.operations import Operation
from bot.domain.reasons import Reason, Refused
from bot.services import contents, histories, obstacles
from bot.services.manifests import Manifests
from bot.services.steps import Steps
from bot.storage import approvals as approval_rows
from bot.storage.engine import Database


async def look(
    operation: Operation, *, environment: Environment, argocd: ArgoCD, manifests: Manifests
) -> ApplicationRead:
    """The Application now: against the newest commit, the one that a person chose, or a tag not written yet."""
    chosen = operation.content.revision if operation.content and operation.revision else None
    image = manifests.image(operation) if operation.written is None else None
    return await argocd.read(environment.application, refresh="normal", revision=chosen, image=image)


async def require_as_approved(
    operation: Operation,
    content: Content,
    *,
    read: ApplicationRead,
    environment: Environment,
    argocd: ArgoCD,
    manifests: Manifests,
    steps: Steps,
) -> None:
    """Return if ordering the content now does exactly what people consented to, and nothing is in the way; else refuse.

    That is asked of the newest commit, and of the one that was written for the tag: it is what will be synced, and
    whoever may push can have put more into it, or made one that passes for it, and have taken that back since. The
    registry is asked again too: a tag may have been pushed once more, and consent is to the image that was behind it.
    STOPPED is no end: `Steps.guarded` has the operation wait where it is.
    """
    await histories.require(operation, read=read, argocd=argocd, application=environment.application)
    if (read.uid, read.source_digest) != (content.uid, content.source_digest):
        raise Refused(Reason.APPLICATION_CHANGED)
    image = content.image_of(operation.service) if operation.by_commit else None
    reads = [read]
    if operation.written is not None:
        reads.append(await argocd.read(environment.application, revision=operation.written))
    found = [contents.of(one, service=operation.scope, automated=environment.automated, image=image) for one in reads]
    now = await manifests.pinned(found[0])
    if not content.same_effect(now) or not found[0].same_effect(found[-1]):
        raise Refused(Reason.CONTENT_CHANGED, _behind_tags(content, now))
    if not await argocd.can_sync(environment.application):
        raise Refused(Reason.WINDOW_CLOSED)
    if not await manifests.github.contains(environment.branch, content.revision):
        raise Refused(Reason.NOT_ON_BRANCH)
    async with steps.database.reading() as connection:
        await obstacles.require_still_clear(connection, operation, now=steps.clock())


def _behind_tags(content: Content, now: Content) -> str:
    """Which services' tags mean another image than was shown, in words; '' when that is not what has changed."""
    shown = {change.service: change for change in content.images}
    moved = [
        change.service
        for change in now.images
        if (before := shown.get(change.service)) and before.new == change.new and before.digest != change.digest
    ]
    return f"The image behind the tag of {', '.join(moved)} is not the one that was shown." if moved else ""


def is_taken(read: ApplicationRead) -> bool:
    """Whether an operation holds the Application's only slot."""
    return read.pending or (read.operation is not None and not read.operation.phase.ended)


async def votes(database: Database, operation: Operation) -> tuple[Vote, ...]:
    """Who consented."""
    async with database.reading() as connection:
        found = await approval_rows.of_operation(connection, operation.id)
    return found[0].votes if found else ()
