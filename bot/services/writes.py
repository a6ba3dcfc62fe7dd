"""The step of a deploy that puts a chosen tag into Git: one commit, or one pull request, and then the sync.

Where Argo CD syncs by itself, and where pods run already what is written, the commit is the order, and the operation is
followed from here on. Everywhere else it stays approved, now with the revision that was written, and is dispatched like
any other deploy.
"""

from dataclasses import replace
from datetime import timedelta

import structlog

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import ArgocdError
from bot.adapters.github_pulls import Pull, PullState
from bot.domain.catalog import Environment
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import SENTENCES, Reason, Refused
from bot.services import consents
from bot.services.manifests import Manifests
from bot.services.steps import Steps

MERGED_WITHIN = timedelta(days=1)

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
    progress = await manifests.find(operation, environment=environment)
    if progress is None:
        if operation.content is None:
            raise Refused(Reason.CONTENT_CHANGED)
        read = await consents.look(operation, environment=environment, argocd=argocd, manifests=manifests)
        await consents.require_as_approved(
            operation,
            operation.content,
            read=read,
            environment=environment,
            argocd=argocd,
            github=manifests.github,
            steps=steps,
        )
        names = [vote.name for vote in await consents.votes(steps.database, operation)]
        progress = await manifests.write(operation, environment=environment, approved_by=names)
    if progress.revision is None and progress.pull is not None:
        await _wait_for_merge(operation, progress.pull, steps=steps)
        return
    after = replace(operation, written=progress.revision, reason=None, detail="", deadline=None)
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


async def _wait_for_merge(operation: Operation, pull: Pull, *, steps: Steps) -> None:
    """A pull request is merged by GitHub or by people, and that may take its time."""
    if pull.state is PullState.CLOSED:
        raise Refused(Reason.PULL_REQUEST_CLOSED)
    waits = operation.reason is Reason.PULL_REQUEST_OPEN
    deadline = operation.deadline if waits and operation.deadline else steps.clock() + MERGED_WITHIN
    if steps.clock() >= deadline:
        raise Refused(Reason.PULL_REQUEST_LATE)
    hint = SENTENCES[pull.unmerged] if pull.unmerged else ""
    waiting = replace(operation, deadline=deadline, reason=Reason.PULL_REQUEST_OPEN, detail=hint, pull_request=pull.url)
    if waiting != operation:
        await steps.save(waiting, expected=OperationState.APPROVED)
