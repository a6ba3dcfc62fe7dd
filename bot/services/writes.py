"""The step of a deploy that puts a chosen tag into Git: one commit, or one pull request, and then the sync.

That GitHub is about to be told is written down first, in the transaction that looks what is in the way, so whoever
stops everything or locks hears of it or holds it. Where Argo CD syncs by itself, and where pods run already what is
written, the commit is the order, and the operation is followed from here on. Everywhere else it stays approved, now
with the revision that was written, and is dispatched like any other deploy.

A pull request merges by itself, so that is taken back while something is in its way.
"""

from dataclasses import replace
from datetime import timedelta

import structlog

from bot.adapters import github_pulls
from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError
from bot.adapters.github_pulls import Pull, PullState
from bot.domain.catalog import Environment
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import SENTENCES, Reason, Refused
from bot.services import consents, obstacles
from bot.services.manifests import Manifests, Progress
from bot.services.steps import Steps

MERGED_WITHIN = timedelta(days=1)
_MAY_MERGE = "GitHub may still merge its pull request."

log = structlog.get_logger(__name__)


async def write(
    operation: Operation,
    *,
    environment: Environment,
    argocd: ArgoCD,
    manifests: Manifests,
    steps: Steps,
    within: timedelta,
) -> None:
    """Have the tag in Git. `within` is how long a deploy may take from here where the commit is the order.

    What people consented to is looked at again right before, and not once it is committed: Argo CD may have begun.
    Refuses what `consents.require_as_approved` and `Manifests.write` refuse. Raises the errors of the adapters.
    """
    # Before the mark GitHub was told nothing: what passes for the operation's commit then is somebody else's.
    progress = await manifests.find(operation, environment=environment) if operation.under_way else None
    if progress is None or _shall_merge(operation, progress.pull):
        progress = await _commit(operation, environment=environment, argocd=argocd, manifests=manifests, steps=steps)
        if progress is None:
            return
    if progress.revision is None and progress.pull is not None:
        await _wait_for_merge(operation, progress.pull, manifests=manifests, steps=steps)
        return
    after = replace(operation, written=progress.revision, writing=False, reason=None, detail="", deadline=None)
    if not environment.automated and not operation.by_commit:
        # The next step has Argo CD look at the branch.
        await steps.save(after, expected=OperationState.APPROVED, done="written")
        return
    await steps.accepted(steps.marked(after, within=within), expected=OperationState.APPROVED)
    try:
        # Argo CD looks at the branch by itself within minutes, so a failure costs only time.
        await argocd.read(environment.application, refresh="normal")
    except ArgocdError as error:
        log.warning("write.not_refreshed", environment=environment.name, answer=error.log)


async def _commit(
    operation: Operation, *, environment: Environment, argocd: ArgoCD, manifests: Manifests, steps: Steps
) -> Progress | None:
    """Look again, mark, and tell GitHub. None when somebody else has moved the operation on."""
    if operation.content is None:
        raise Refused(Reason.CONTENT_CHANGED)
    read = await consents.look(operation, environment=environment, argocd=argocd, manifests=manifests)
    await consents.require_as_approved(
        operation,
        operation.content,
        read=read,
        environment=environment,
        argocd=argocd,
        manifests=manifests,
        steps=steps,
    )
    names = [vote.name for vote in await consents.votes(steps.database, operation)]
    marked = replace(operation, writing=True, reason=None, detail="")
    if not await steps.order(marked, expected=OperationState.APPROVED, done="writing"):
        return None
    return await manifests.write(operation, environment=environment, approved_by=names)


def _shall_merge(operation: Operation, pull: Pull | None) -> bool:
    """Whether an open pull request is to be told to merge by itself: it was not yet, or it was taken back by a stop."""
    begun = operation.writing or operation.reason is Reason.STOPPED
    return begun and pull is not None and pull.state is PullState.OPEN and not pull.auto_merge


async def _wait_for_merge(operation: Operation, pull: Pull, *, manifests: Manifests, steps: Steps) -> None:
    """A pull request is merged by GitHub or by people, and that may take its time."""
    if pull.state is PullState.CLOSED:
        raise Refused(Reason.PULL_REQUEST_CLOSED)
    known = replace(operation, writing=False, pull_request=pull.url)
    try:
        async with steps.database.reading() as connection:
            await obstacles.require_still_clear(connection, operation, now=steps.clock())
    except Refused as refusal:
        if pull.auto_merge:
            pull = await github_pulls.disable_auto_merge(manifests.github, pull)
        if refusal.reason is not Reason.STOPPED:
            raise
        await steps.hold(known, detail=f"{refusal.detail} {_MAY_MERGE}" if pull.auto_merge else refusal.detail)
        return
    waits = operation.reason is Reason.PULL_REQUEST_OPEN
    deadline = operation.deadline if waits and operation.deadline else steps.clock() + MERGED_WITHIN
    if steps.clock() >= deadline:
        raise Refused(Reason.PULL_REQUEST_LATE)
    hint = SENTENCES[pull.unmerged] if pull.unmerged else ""
    waiting = replace(known, deadline=deadline, reason=Reason.PULL_REQUEST_OPEN, detail=hint)
    if waiting != operation:
        await steps.save(waiting, expected=OperationState.APPROVED)
