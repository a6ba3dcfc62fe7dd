"""How an ordered sync ended, judged from one read of the Application.

Never from `status.sync`, which compares with the newest commit: after a sync pinned to an approved revision it says
`OutOfSync` as soon as somebody pushes. The chain is: our operation (its id stands in `infos`) ended well, it applied
the approved revision from the approved source, Argo CD has compared again since, and the pods run the image.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.domain import rollouts
from bot.domain.events import ApplicationObserved, Health, Phase, SyncOperation
from bot.domain.operations import Content, Operation, OperationState
from bot.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The end of an operation."""

    state: OperationState
    reason: Reason | None = None


def judge(operation: Operation, *, event: ApplicationObserved, now: datetime) -> Verdict | None:
    """The end of a running deploy as far as this read shows it, or None while it is still under way."""
    content = operation.content
    late = operation.deadline is not None and now >= operation.deadline
    sync = event.operation if event.operation and event.operation.request_id == operation.id else None
    if content is None:
        return Verdict(state=OperationState.FAILED, reason=Reason.OUTCOME_UNKNOWN)
    if sync is None and event.pending_request_id == operation.id:
        return _overdue(late, Reason.OUTCOME_UNKNOWN)
    if sync is not None and not sync.phase.ended:
        return _overdue(late, Reason.ROLLOUT_TIMED_OUT)
    if sync is not None and (wrong := _wrong(sync, content=content)):
        return Verdict(state=OperationState.FAILED, reason=wrong)
    if event.cluster_error is not None:
        return _overdue(late, Reason.CLUSTER_UNREACHABLE)
    return _judge_pods(operation, content=content, event=event, ours=sync is not None, late=late)


def _wrong(sync: SyncOperation, *, content: Content) -> Reason | None:
    if sync.phase is not Phase.SUCCEEDED:
        return Reason.SYNC_FAILED
    other_source = bool(sync.source_digest) and sync.source_digest != content.source_digest
    return Reason.WRONG_REVISION if sync.revision != content.revision or other_source else None


def _judge_pods(
    operation: Operation, *, content: Content, event: ApplicationObserved, ours: bool, late: bool
) -> Verdict | None:
    """The manifests are applied; do pods run them? Health older than the sync is not looked at."""
    sync = event.operation
    ended = (sync.finished_at or sync.started_at) if sync else None
    idle = sync is None or sync.phase.ended
    fresh = idle and (ended is None or (event.reconciled_at is not None and event.reconciled_at >= ended))
    workload = event.workload(operation.service or "")
    if workload is None or content.new_image is None:
        return _overdue(late, Reason.ROLLOUT_TIMED_OUT)
    if rollouts.is_deployed(workload, image=content.new_image, health_is_fresh=fresh):
        return Verdict(state=OperationState.SUCCEEDED)
    if ours and fresh and workload.health is Health.DEGRADED:
        return Verdict(state=OperationState.FAILED, reason=Reason.ROLLOUT_FAILED)
    return _overdue(late, Reason.ROLLOUT_TIMED_OUT if ours else Reason.OUTCOME_UNKNOWN)


def _overdue(late: bool, reason: Reason) -> Verdict | None:
    return Verdict(state=OperationState.FAILED, reason=reason) if late else None
