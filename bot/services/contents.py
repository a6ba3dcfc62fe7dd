"""What exactly a deploy of one service would do, read from Argo CD's comparison.

The same function makes the content that people consent to and the content that the worker compares it with before
it acts, so the two cannot drift apart.
"""

import hashlib

import structlog

from bot.adapters.argocd import ApplicationRead
from bot.domain import images
from bot.domain.events import SyncStatus
from bot.domain.operations import Content
from bot.domain.reasons import Reason, Refused

log = structlog.get_logger(__name__)


def of_service(read: ApplicationRead, *, service: str) -> Content:
    """The content of deploying one service at the revision that was compared.

    Refuses a service without changes, an Application that is being deleted, one that syncs by itself, and one that
    Argo CD cannot compare with Git, which has no differences to show either.
    """
    if read.deleting:
        raise Refused(Reason.APPLICATION_DELETING)
    if read.automated:
        raise Refused(Reason.AUTOMATED)
    if read.sync is SyncStatus.UNKNOWN:
        log.warning("contents.not_compared", application=read.application, conditions=read.conditions)
        raise Refused(Reason.ARGOCD_REFUSED, "It could not compare the Application with Git.")
    changed = sorted(
        (item for item in read.resources if item.service == service and item.changed),
        key=lambda item: repr(item.resource),
    )
    if not changed:
        raise Refused(Reason.NOTHING_TO_DEPLOY)
    deployment = next(
        (item for item in read.resources if item.service == service and item.resource.kind == "Deployment"), None
    )
    diff = hashlib.sha256()
    for item in changed:
        diff.update(f"{item.resource!r}\0{item.state_digest}\0".encode())
    return Content(
        uid=read.uid,
        revision=read.revision,
        source_digest=read.source_digest,
        old_image=images.parse(deployment.live_image) if deployment and deployment.live_image else None,
        new_image=images.parse(deployment.desired_image) if deployment and deployment.desired_image else None,
        resources=tuple(item.resource for item in changed),
        diff_digest=diff.hexdigest(),
    )
