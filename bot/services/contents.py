"""What exactly a deploy would do, read from Argo CD's comparison.

The same function makes the content that people consent to and the content that the worker compares it with before
it acts, so the two cannot drift apart.
"""

import hashlib

import structlog

from bot.adapters.argocd_values import ApplicationRead
from bot.domain import images
from bot.domain.contents import Content, ImageChange
from bot.domain.events import SyncStatus
from bot.domain.images import Image
from bot.domain.reasons import Reason, Refused

log = structlog.get_logger(__name__)


def of(read: ApplicationRead, *, service: str | None, automated: bool, image: Image | None = None) -> Content:
    """The content of deploying one service, or everything, at the revision that was compared.

    `automated` is what the topology says: whether Argo CD syncs the Application by itself. Refuses when it does
    otherwise, when nothing would change, an Application that is being deleted, and one that Argo CD cannot compare
    with Git, which has no differences to show either.

    With an `image` that is not written in Git yet, the read is that of Git with it. Then something changes even when
    no object does: the service runs that image, and Git shall ask for it again. The content has no resources then.
    """
    if read.deleting:
        raise Refused(Reason.APPLICATION_DELETING)
    if read.automated is not automated:
        raise Refused(Reason.AUTOMATED if read.automated else Reason.NOT_AUTOMATED)
    if read.sync is SyncStatus.UNKNOWN:
        log.warning("contents.not_compared", application=read.application, conditions=read.conditions)
        raise Refused(Reason.COMPARISON_FAILED)
    changed = [item for item in read.resources if item.changed and service in (None, item.service)]
    agreeing = _image(read, service=service) if image and service and not changed else None
    if not changed and (agreeing is None or agreeing.old != image):
        raise Refused(Reason.NOTHING_TO_DEPLOY)
    # What several services use stands there once for each of them.
    digests = {item.resource: item.state_digest for item in changed}
    resources = sorted(digests, key=repr)
    diff = hashlib.sha256()
    for resource in resources:
        diff.update(f"{resource!r}\0{digests[resource]}\0".encode())
    moved = [service] if agreeing and service else sorted({item.service for item in changed if item.service})
    return Content(
        uid=read.uid,
        revision=read.revision,
        source_digest=read.source_digest,
        images=tuple(change for name in moved if (change := _image(read, service=name))),
        resources=tuple(resources),
        everything=service is None,
        diff_digest=diff.hexdigest(),
    )


def _image(read: ApplicationRead, *, service: str) -> ImageChange | None:
    """What the service's Deployment runs and would run; None for one that has no Deployment."""
    for item in read.resources:
        if item.service == service and item.resource.kind == "Deployment":
            return ImageChange(
                service=service,
                old=images.parse(item.live_image) if item.live_image else None,
                new=images.parse(item.desired_image) if item.desired_image else None,
            )
    return None
