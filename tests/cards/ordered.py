"""What an order looks like: the card of every operation that has one of its own, by name.

SNAPSHOTS=write python -m pytest tests/cards/test_snapshots.py -k operations
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bot.cards import operation as operation_card
from bot.cards.base import Card
from bot.domain import approvals
from bot.domain.approvals import Approval
from bot.domain.contents import Content, ImageChange, Resource
from bot.domain.events import ApplicationObserved, Health, Phase, ResourceResult, SyncOperation
from bot.domain.operations import Between, Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason
from bot.domain.verdicts import TERMINATED
from tests.cards import places, story
from tests.cards.story import after, approval, granted, image, operation, pinned, seen, sync

BACKEND_OLD, BACKEND = "0a1b2c3-20260102-101500", "d4e5f60-20260105-120000"
EVIDENCE = (
    "ticket-service-1: CrashLoopBackOff",
    "> node dist/server.js",
    "Error: connect ECONNREFUSED 10.20.3.14:5432",
)
RESULTS = (
    ResourceResult(kind="Deployment", name="backend", status="Synced", message="deployment.apps/backend configured"),
    ResourceResult(kind="ConfigMap", name="old", status="PruneSkipped", message="ignored (requires pruning)"),
)
REFUSED_OBJECT = ResourceResult(kind="Deployment", name="backend", status="SyncFailed", message="admission denied")
EVERYTHING = Content(
    uid="u-1",
    revision=story.MANIFEST,
    source_digest="s",
    images=(
        ImageChange(service="backend", old=image(BACKEND_OLD), new=image(BACKEND)),
        ImageChange(service="stats-service", old=image(BACKEND), new=image(BACKEND)),
        ImageChange(service="ticket-service", old=image(story.OLD_TAG), new=image(story.TAG)),
    ),
    resources=tuple(
        Resource(group="apps", kind="Deployment", namespace="tiketi", name=name)
        for name in ("backend", "stats-service", "ticket-service")
    ),
    everything=True,
    diff_digest="d",
)
ENDED = replace(sync(Phase.SUCCEEDED, finished=508, message="successfully synced"), results=RESULTS)
DENIED = replace(ENDED, phase=Phase.FAILED, message="one or more objects failed to apply", results=(REFUSED_OBJECT,))
ROLLING = seen(520, live=story.TAG, ready=1, health=Health.PROGRESSING)


def cards() -> dict[str, Card]:
    """Name of the snapshot -> card."""
    kinds = {
        "everything": _everything(),
        "chosen": _chosen(),
        "tagged": _tagged(),
        "rollback": _rollbacks(),
        "restart": _restarts(),
        "terminate": _stops(),
    }
    return {f"operations/{kind}-{name}": card for kind, found in kinds.items() for name, card in found}


def _card(asked: Operation, consent: Approval | None = None, observed: ApplicationObserved | None = None) -> Card:
    return operation_card.render(asked, approval=consent, observed=observed, catalog=places.catalog(), now=after(600))


def _everything() -> Iterator[tuple[str, Card]]:
    def asked(state: OperationState, **facts: object) -> Operation:
        known: dict[str, object] = {"service": None, "release_id": None, "content": EVERYTHING}
        return operation(state, **{**known, **facts})

    ordered = {"dispatched_at": after(499), "sync": ENDED}
    running = sync(Phase.RUNNING, message="one or more tasks are running")
    rejected = approvals.reject(approval(), name="jiwon", now=after(300))
    void = approvals.supersede(approval(), now=after(480))
    busy, changed = Reason.OPERATION_IN_PROGRESS, Reason.CONTENT_CHANGED
    broken, denied = Reason.ROLLOUT_FAILED, Reason.SYNC_FAILED
    yield "preparing", _card(asked(OperationState.REQUESTED, content=None))
    yield "waiting", _card(asked(OperationState.WAITING), approval())
    yield "rejected", _card(asked(OperationState.REJECTED, reason=Reason.REJECTED), rejected)
    yield "withdrawn", _card(asked(OperationState.WITHDRAWN, reason=Reason.WITHDRAWN), story.withdrawn())
    yield "approved", _card(asked(OperationState.APPROVED, reason=busy), granted())
    yield "running", _card(asked(OperationState.RUNNING, dispatched_at=after(499), sync=running), granted(), ROLLING)
    yield "rolling", _card(asked(OperationState.RUNNING, **ordered), granted(), ROLLING)
    yield "deployed", _card(asked(OperationState.SUCCEEDED, updated_at=after(560), **ordered), granted())
    yield (
        "failed",
        _card(
            asked(OperationState.FAILED, reason=broken, evidence=EVIDENCE, updated_at=after(590), **ordered), granted()
        ),
    )
    yield (
        "sync-failed",
        _card(asked(OperationState.FAILED, reason=denied, dispatched_at=after(499), sync=DENIED), granted()),
    )
    yield "refused", _card(asked(OperationState.REFUSED, reason=changed), void)
    yield "void", _card(asked(OperationState.SUPERSEDED, reason=changed), void)
    newer = approvals.supersede(approval(), now=after(480), by="**jiwon**")
    yield "superseded", _card(asked(OperationState.SUPERSEDED, reason=Reason.SUPERSEDED), newer)
    yield "changed-since", _card(asked(OperationState.SUPERSEDED, reason=Reason.CHANGED_SINCE), granted())
    yield "asked-again", _card(asked(OperationState.WAITING, before=_earlier(), asked_again=1), approval())
    shown, moved = pinned(EVERYTHING), pinned(EVERYTHING, moved="backend")
    again = asked(OperationState.WAITING, before=shown, content=moved, asked_again=1)
    yield "pushed-again", _card(again, approval())
    upgraded = asked(OperationState.WAITING, before=EVERYTHING, content=shown, asked_again=1)
    yield "looked-up-since", _card(upgraded, approval())


def _earlier() -> Content:
    """What was shown of everything before: an older backend, no stats-service, an object that is no more."""
    gone = Resource(group="", kind="ConfigMap", namespace="tiketi", name="backend-config-4d5e6f7a8b")
    backend = ImageChange(service="backend", old=None, new=image(BACKEND_OLD))
    tickets = next(change for change in EVERYTHING.images if change.service == "ticket-service")
    resources = (*EVERYTHING.resources[:-1], gone)
    return replace(EVERYTHING, revision="9" * 40, images=(backend, tickets), resources=resources, diff_digest="e")


def _chosen() -> Iterator[tuple[str, Card]]:
    def asked(state: OperationState, **facts: object) -> Operation:
        content = Content(
            uid="u-1",
            revision=story.MANIFEST,
            source_digest="s",
            images=(ImageChange(service="ticket-service", old=image(story.TAG), new=image(story.OLD_TAG)),),
            resources=EVERYTHING.resources[:1],
            diff_digest="d",
        )
        return operation(state, **{"release_id": None, "content": content, "revision": story.MANIFEST, **facts})

    expired = approvals.expire(approval(), now=after(4000))
    ordered = {"dispatched_at": after(499), "sync": replace(ENDED, results=()), "updated_at": after(560)}
    yield "waiting", _card(asked(OperationState.WAITING), approval())
    yield "expired", _card(asked(OperationState.EXPIRED, reason=Reason.EXPIRED), expired)
    yield "deployed", _card(asked(OperationState.SUCCEEDED, **ordered), granted())
    yield "not-on-branch", _card(asked(OperationState.REFUSED, reason=Reason.NOT_ON_BRANCH), granted())


def _tagged() -> Iterator[tuple[str, Card]]:
    def asked(state: OperationState, **facts: object) -> Operation:
        change = ImageChange(service="ticket-service", old=image(story.TAG), new=image(story.OLD_TAG))
        content = replace(EVERYTHING, images=(change,), resources=EVERYTHING.resources[:1], everything=False)
        return operation(state, **{"release_id": None, "content": content, "tag": story.OLD_TAG, **facts})

    written = {"written": "5e6f7a8b9c0d1e2f30415263748596a7b8c9d0e1"}
    ordered = {**written, "dispatched_at": after(499), "sync": replace(ENDED, results=()), "updated_at": after(560)}
    pull_request = "https://github.com/ORGANIZATION/project-ticketing/pull/7"
    merging = {"reason": Reason.PULL_REQUEST_OPEN, "pull_request": pull_request}
    yield "waiting", _card(asked(OperationState.WAITING), approval())
    yield "waiting-off-branch", _card(asked(OperationState.WAITING, off_branch=True), approval())
    yield "merging", _card(asked(OperationState.APPROVED, **merging), granted())
    yield "written", _card(asked(OperationState.APPROVED, reason=Reason.NOT_NOTICED, **written), granted())
    yield "deployed", _card(asked(OperationState.SUCCEEDED, **ordered), granted())
    yield "protected", _card(asked(OperationState.REFUSED, reason=Reason.BRANCH_PROTECTED), granted())
    expired = approvals.expire(approval(), now=after(4000))
    yield "expired", _card(asked(OperationState.EXPIRED, reason=Reason.EXPIRED), expired)


def _rollbacks() -> Iterator[tuple[str, Card]]:
    change = ImageChange(service="ticket-service", old=image(story.TAG), new=image(story.OLD_TAG))
    content = replace(EVERYTHING, images=(change,), resources=EVERYTHING.resources[:1], everything=False)
    by_tag = Rollback(way=Way.TAG, why="payments fail **badly**")
    by_revert = replace(by_tag, way=Way.REVERT, reverts=(story.MANIFEST, story.SOURCE))
    by_history = replace(by_tag, way=Way.HISTORY, entry=7)
    lost = ("fix: seats by hyunwoo", "feat: a **new** map by mina")

    def asked(state: OperationState, rollback: Rollback | None = by_tag, **facts: object) -> Operation:
        known: dict[str, object] = {
            "kind": OperationKind.ROLLBACK,
            "release_id": None,
            "content": content,
            "tag": story.OLD_TAG,
            "rollback": rollback,
            "between": Between(base="a" * 40, head="b" * 40, gained=0, lost=2, lines=(), lost_lines=lost),
        }
        return operation(state, **{**known, **facts})

    written: dict[str, Any] = {"written": "5e6f7a8b9c0d1e2f30415263748596a7b8c9d0e1"}
    ordered: dict[str, Any] = {
        **written,
        "dispatched_at": after(499),
        "sync": replace(ENDED, results=()),
        "updated_at": after(560),
    }
    whole: dict[str, Any] = {**ordered, "tag": None, "written": None, "revision": story.MANIFEST, "content": EVERYTHING}
    come = tuple(f"feat: number {number} by jiwon" for number in range(5))
    apart = Between(base="a" * 40, head="b" * 40, gained=7, lost=9, lines=come, lost_lines=lost)
    pinned = replace(change, old=replace(image(story.TAG), tag=None, digest=f"sha256:{'c' * 64}"))
    agreed, broken = replace(by_tag, agreed_at=after(561)), Reason.ROLLOUT_FAILED
    yield "waiting", _card(asked(OperationState.WAITING), approval())
    yield "waiting-apart", _card(asked(OperationState.WAITING, between=apart), approval())
    unmarked = replace(content, images=(pinned,))
    yield "waiting-digest", _card(asked(OperationState.WAITING, content=unmarked, between=None), approval())
    forward = asked(OperationState.WAITING, kind=OperationKind.DEPLOY, rollback=None, between=apart)
    yield "forward-apart", _card(forward, approval())
    yield "waiting-revert", _card(asked(OperationState.WAITING, by_revert), approval())
    yield "waiting-history", _card(asked(OperationState.WAITING, by_history, **whole), approval())
    yield "emergency", _card(asked(OperationState.WAITING, replace(by_tag, emergency=True)), approval())
    yield "written", _card(asked(OperationState.APPROVED, reason=Reason.NOT_NOTICED, **written), granted())
    yield "done", _card(asked(OperationState.SUCCEEDED, agreed, **ordered), granted())
    yield "done-history", _card(asked(OperationState.SUCCEEDED, by_history, **whole), granted())
    yield "failed", _card(asked(OperationState.FAILED, reason=broken, evidence=EVIDENCE, **ordered), granted())
    yield "refused", _card(asked(OperationState.REFUSED, by_revert, reason=Reason.REVERT_CONFLICT), granted())


def _restarts() -> Iterator[tuple[str, Card]]:
    [workload] = ROLLING.workloads
    restarted = replace(workload, restarted_at=after(505), settled=True, updated=1)
    watched = replace(ROLLING, workloads=(restarted,))
    late, broken = Reason.CLUSTER_UNREACHABLE, Reason.ROLLOUT_FAILED
    yield "running", _card(restart(OperationState.RUNNING), observed=watched)
    yield "blind", _card(restart(OperationState.RUNNING, reason=late), observed=replace(watched, cluster_error="x"))
    yield "done", _card(restart(OperationState.SUCCEEDED, updated_at=after(560)))
    yield "failed", _card(restart(OperationState.FAILED, reason=broken, evidence=EVIDENCE, updated_at=after(590)))
    yield "refused", _card(restart(OperationState.REFUSED, reason=Reason.DEPLOYMENT_MISSING, dispatched_at=None))


def restart(state: OperationState, **facts: object) -> Operation:
    """Jiwon's restart of ticket-service."""
    known: dict[str, object] = {
        "kind": OperationKind.RESTART,
        "requested_name": "jiwon",
        "release_id": None,
        "content": None,
        "dispatched_at": after(499),
    }
    return operation(state, **{**known, **facts})


def _stops() -> Iterator[tuple[str, Card]]:
    late = Reason.TERMINATE_TIMED_OUT
    running = sync(Phase.TERMINATING, message="operation is terminating.")
    yield "running", _card(stop(OperationState.RUNNING, sync=running))
    yield "stopped", _card(stop(OperationState.SUCCEEDED, sync=stopped(), updated_at=after(503)))
    yield "had-ended", _card(stop(OperationState.SUCCEEDED, sync=ENDED, updated_at=after(503)))
    yield "not-yet", _card(stop(OperationState.FAILED, reason=late, sync=running))
    yield "nothing", _card(stop(OperationState.REFUSED, reason=Reason.NOTHING_RUNNING, dispatched_at=None))


def stop(state: OperationState, **facts: object) -> Operation:
    """Jiwon's stop of the sync that runs on prod."""
    known: dict[str, object] = {"kind": OperationKind.TERMINATE, "service": None, "ends": after(500)}
    return restart(state, **{**known, **facts})


def stopped() -> SyncOperation:
    """The sync as Argo CD tells of it after a stop."""
    return sync(Phase.FAILED, finished=503, message=TERMINATED)
