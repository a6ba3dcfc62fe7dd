"""How an ordered sync ended, judged from one read of the Application.

Never from `status.sync`, which compares with the newest commit: after a sync pinned to an approved revision it says
`OutOfSync` as soon as somebody pushes. The chain is: our operation ended well, it applied the approved revision from
the approved source, Argo CD has compared again since, and the pods run the image, which was the one behind its tag when
people consented. Our operation is the one that has its id in its `infos`. Argo CD's own rollback takes no id: it is
known by its revision and by having begun after what Argo CD did before the order.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bot.domain import rollouts
from bot.domain.contents import Content, ImageChange
from bot.domain.events import ApplicationObserved, Health, Phase, SyncOperation, Workload
from bot.domain.images import Image
from bot.domain.operations import Operation, OperationState, Way
from bot.domain.reasons import Reason

TERMINATED = "Operation terminated"
"""What Argo CD says of an operation that somebody stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of an operation."""

    state: OperationState
    reason: Reason | None = None


def was_stopped(operation: Operation) -> bool | None:
    """Whether it was this order to stop that ended the sync; None when another one took its place meanwhile."""
    if operation.sync is None or operation.sync.message == TERMINATED:
        return True
    return False if operation.sync.phase.ended else None


def is_ours(operation: Operation, sync: SyncOperation | None) -> bool:
    """Whether this is Argo CD's operation for an operation of the bot's."""
    if sync is None:
        return False
    if operation.rollback is None or operation.way is not Way.HISTORY:
        return sync.request_id == operation.id
    before = operation.rollback.after
    same = sync.request_id is None and sync.services is None and sync.revision == operation.revision
    return same and operation.dispatched_at is not None and (before is None or sync.started_at > before)


def judge(operation: Operation, *, event: ApplicationObserved, now: datetime) -> Verdict | None:
    """The end of a running deploy as far as this read shows it, or None while it is still under way."""
    content = operation.order
    late = operation.deadline is not None and now >= operation.deadline
    sync = event.operation if is_ours(operation, event.operation) else None
    if content is None:
        return Verdict(state=OperationState.FAILED, reason=Reason.OUTCOME_UNKNOWN)
    if sync is None and _waits(operation, event=event):
        return _overdue(late, Reason.OUTCOME_UNKNOWN)
    if sync is not None and not sync.phase.ended:
        return _overdue(late, Reason.SYNC_TIMED_OUT)
    if sync is not None and (wrong := _wrong(sync, content=content)):
        return Verdict(state=OperationState.FAILED, reason=wrong)
    if event.cluster_error is not None:
        return _overdue(late, Reason.CLUSTER_UNREACHABLE)
    return _judge_pods(operation, content=content, event=event, late=late)


def judge_automated(operation: Operation, *, event: ApplicationObserved, now: datetime) -> Verdict | None:
    """The end of a deploy for which a commit is all it takes, or None while it is under way.

    Argo CD may not have noticed the commit yet, so what asks for another image is judged only when it is late.
    """
    content = operation.order
    late = operation.deadline is not None and now >= operation.deadline
    if content is None:
        return Verdict(state=OperationState.FAILED, reason=Reason.OUTCOME_UNKNOWN)
    if event.cluster_error is not None:
        return _overdue(late, Reason.CLUSTER_UNREACHABLE)
    change = content.change_of(operation.service)
    workload, image = event.workload(operation.service or ""), change.new if change else None
    if workload is None or change is None or image is None or workload.desired != image:
        return _overdue(late, Reason.CONTENT_CHANGED)
    if _failed_since(event.operation, operation=operation):
        return Verdict(state=OperationState.FAILED, reason=Reason.SYNC_FAILED)
    if workload.live == image and event.health_is_fresh:
        if _runs(workload, image):
            return _deployed([(workload, change)])
        if workload.health is Health.DEGRADED:
            return Verdict(state=OperationState.FAILED, reason=Reason.ROLLOUT_FAILED)
    return _overdue(late, Reason.ROLLOUT_TIMED_OUT)


def _waits(operation: Operation, *, event: ApplicationObserved) -> bool:
    """Whether our operation was asked for and has not begun, as far as this read can tell."""
    return event.pending and event.pending_request_id == (None if operation.way is Way.HISTORY else operation.id)


def _failed_since(sync: SyncOperation | None, *, operation: Operation) -> bool:
    """Whether a sync that began after the commit was written has failed."""
    return sync is not None and sync.phase in (Phase.FAILED, Phase.ERROR) and _began_later(sync, operation=operation)


def _wrong(sync: SyncOperation, *, content: Content) -> Reason | None:
    if sync.phase is not Phase.SUCCEEDED:
        return Reason.TERMINATED if sync.message == TERMINATED else Reason.SYNC_FAILED
    other_source = bool(sync.source_digest) and sync.source_digest != content.source_digest
    return Reason.WRONG_REVISION if sync.revision != content.revision or other_source else None


def _judge_pods(operation: Operation, *, content: Content, event: ApplicationObserved, late: bool) -> Verdict | None:
    """Do pods run what our sync, or one that came after it and took its place in the status, has applied?

    A read from before our sync shows neither, and its pods say nothing. Health older than the sync is not looked at.
    """
    ours = is_ours(operation, event.operation)
    if not ours and not _began_later(event.operation, operation=operation):
        return _overdue(late, Reason.OUTCOME_UNKNOWN)
    fresh = event.health_is_fresh
    moved = [(event.workload(change.service), change) for change in content.images]
    if not moved and not content.everything:
        return _overdue(late, Reason.ROLLOUT_TIMED_OUT)
    if fresh and all(_runs(workload, change.new) for workload, change in moved):
        return _deployed(moved)
    if ours and fresh and any(workload and workload.health is Health.DEGRADED for workload, _ in moved):
        return Verdict(state=OperationState.FAILED, reason=Reason.ROLLOUT_FAILED)
    return _overdue(late, Reason.ROLLOUT_TIMED_OUT if ours else Reason.OUTCOME_UNKNOWN)


def _deployed(moved: Iterable[tuple[Workload | None, ImageChange]]) -> Verdict:
    """Pods run what Git asks for. They may still run another image under that tag than the one that was approved."""
    if any(workload and rollouts.runs_another(workload, change) for workload, change in moved):
        return Verdict(state=OperationState.FAILED, reason=Reason.WRONG_IMAGE)
    return Verdict(state=OperationState.SUCCEEDED)


def _runs(workload: Workload | None, image: Image | None) -> bool:
    """Whether pods run the image, and nothing else. That the health is fresh is known."""
    if workload is None or image is None:
        return False
    return rollouts.is_deployed(workload, image=image, health_is_fresh=True)


def _began_later(sync: SyncOperation | None, *, operation: Operation) -> bool:
    """Whether another sync began after ours was ordered. Argo CD's times are whole seconds."""
    ordered = operation.dispatched_at
    return sync is not None and ordered is not None and sync.started_at >= ordered.replace(microsecond=0)


def _overdue(late: bool, reason: Reason) -> Verdict | None:
    return Verdict(state=OperationState.FAILED, reason=reason) if late else None
