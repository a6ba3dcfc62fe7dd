"""Argo CD's own history as the way back: is the entry still there, and does it mean what it meant?

Argo CD goes back to the source of that time, so an entry that read its manifests from elsewhere than the Application
does today would bring more back than the commit that people were shown.
"""

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_values import ApplicationRead
from bot.domain.operations import Operation, Way
from bot.domain.reasons import Reason, Refused


async def require(operation: Operation, *, read: ApplicationRead, argocd: ArgoCD, application: str) -> None:
    """Return if the operation does not go back by Argo CD's history, or if its entry is there and still means the same.

    Refuses HISTORY_GONE and APPLICATION_CHANGED. Raises ArgocdError.
    """
    if operation.rollback is None or operation.way is not Way.HISTORY:
        return
    entries = {entry.id: entry for entry in await argocd.history(application)}
    entry = entries.get(operation.rollback.entry or 0)
    if entry is None or entry.revision != operation.revision:
        raise Refused(Reason.HISTORY_GONE)
    if entry.source_digest != read.source_digest:
        raise Refused(Reason.APPLICATION_CHANGED)
