"""Every state a release card can show, by name; the snapshots and the pictures are made from these."""

from dataclasses import replace

from bot.cards.base import Card
from bot.domain import approvals
from bot.domain.approvals import Group
from bot.domain.events import Health, Phase, RunStatus, Stage, StageStatus
from bot.domain.operations import OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import Reason
from tests.cards import places, story
from tests.cards.story import approval, card, granted, operation, pipeline, run, seen, stage, sync, told

_WAITING = [*pipeline(), seen(110)]
GROUPS = (Group(name="release", roles=frozenset({500})), Group(name="security", roles=frozenset({501, 502})))
_SHOWN, _MOVED = story.pinned(story.CONTENT), story.pinned(story.CONTENT, moved="ticket-service")
_DONE = sync(Phase.SUCCEEDED, finished=508, message="successfully synced (all tasks run)")


def cards() -> dict[str, Card]:
    """Name of the state -> card."""
    return {
        "started": card(told([run()])),
        "building": card(told([run(), *stage(Stage.BUILD, 4)])),
        "scanned": card(
            told(
                [
                    run(),
                    *stage(Stage.BUILD, 4, 76),
                    *stage(Stage.SCAN, 76, 94, critical=0, high=0),
                    *stage(Stage.PUSH, 94),
                ]
            )
        ),
        "failed": card(
            told(
                [
                    run(RunStatus.COMPLETED, "failure"),
                    story.failed_build(),
                    *stage(Stage.BUILD, 4, 62, status=StageStatus.FAILED, message="npm ERR! missing script: build"),
                ]
            )
        ),
        "cancelled": card(told([run(RunStatus.COMPLETED, "cancelled"), *stage(Stage.BUILD, 4, 76)])),
        "committed": card(told(pipeline())),
        "ready": card(told(_WAITING)),
        "preparing": card(told(_WAITING), operation(OperationState.REQUESTED, content=None)),
        "waiting": card(told(_WAITING), operation(OperationState.WAITING), approval()),
        "waiting-for-two": card(
            told(_WAITING),
            operation(OperationState.WAITING),
            approvals.grant(approval(required=2), person=places.JIWON, name="jiwon", now=story.after(400)),
        ),
        "waiting-for-groups": card(
            told(_WAITING),
            operation(OperationState.WAITING),
            approvals.grant(
                replace(approval(required=3, groups=GROUPS), unsure=True, refuse_unknown=False),
                person=places.JIWON,
                name="jiwon",
                roles=frozenset({500, 501}),
                now=story.after(400),
            ),
        ),
        "waiting-unmapped": card(
            told(_WAITING),
            operation(OperationState.WAITING),
            replace(approval(), unmapped=("hubot", "octocat`@everyone"), refuse_unknown=False),
        ),
        "waiting-unmapped-and-others": card(
            told(_WAITING),
            operation(OperationState.WAITING),
            replace(approval(), unmapped=("a", "b", "c", "d"), unsure=True, refuse_unknown=False),
        ),
        "refusing-unmapped": card(
            told(_WAITING),
            operation(OperationState.WAITING),
            replace(approval(), unmapped=("octocat",)),
        ),
        "refusing-unsure": card(
            told(_WAITING),
            operation(OperationState.WAITING),
            replace(approval(), unsure=True, refuse_unsure=True),
        ),
        "by-hand": card(told([seen(110)]), operation(OperationState.WAITING, requested_name="Mina Park"), approval()),
        "asked-again": card(
            told(_WAITING),
            operation(OperationState.WAITING, before=replace(story.CONTENT, diff_digest="before"), asked_again=1),
            approval(),
        ),
        "pushed-again": card(
            told(_WAITING),
            operation(OperationState.WAITING, before=_SHOWN, content=_MOVED, asked_again=1),
            approval(),
        ),
        "rejected": card(
            told(_WAITING),
            operation(OperationState.REJECTED, reason=Reason.REJECTED, detail="**Not** before @everyone's launch"),
            approvals.reject(approval(), name="jiwon", now=story.after(300)),
        ),
        "withdrawn": card(
            told(_WAITING), operation(OperationState.WITHDRAWN, reason=Reason.WITHDRAWN), story.withdrawn()
        ),
        "expired": card(
            told(_WAITING),
            operation(OperationState.EXPIRED, reason=Reason.EXPIRED),
            approvals.expire(approval(), now=story.after(4000)),
            now=4000,
        ),
        "approved": card(told(_WAITING), operation(OperationState.APPROVED), granted()),
        "refused": card(
            told(_WAITING),
            operation(OperationState.REFUSED, reason=Reason.CONTENT_CHANGED),
            approvals.supersede(approval(), now=story.after(480)),
        ),
        "syncing": card(
            told(
                [
                    *_WAITING,
                    seen(
                        501,
                        operation=sync(
                            Phase.RUNNING, message="waiting for healthy state of apps/Deployment/ticket-service"
                        ),
                    ),
                ]
            ),
            operation(OperationState.RUNNING),
            granted(),
        ),
        "rolling": card(
            told([*_WAITING, seen(520, live=story.TAG, operation=_DONE, ready=1, health=Health.PROGRESSING)]),
            operation(OperationState.RUNNING),
            granted(),
        ),
        "deployed": card(
            told([*_WAITING, seen(545, live=story.TAG, operation=_DONE, ready=3)]),
            operation(OperationState.SUCCEEDED),
            granted(),
        ),
        "another-image": card(
            told([*_WAITING, seen(545, live=story.TAG, operation=_DONE, ready=3)]),
            operation(OperationState.FAILED, content=_SHOWN, reason=Reason.WRONG_IMAGE),
            granted(),
        ),
        "sync-failed": card(
            told(
                [
                    *_WAITING,
                    seen(
                        510,
                        operation=sync(
                            Phase.FAILED,
                            finished=508,
                            message="one or more objects failed to apply: Deployment.apps is invalid",
                        ),
                    ),
                ]
            ),
            operation(OperationState.FAILED, reason=Reason.SYNC_FAILED),
            granted(),
        ),
        "degraded": card(
            told(
                [
                    *_WAITING,
                    seen(900, live=story.TAG, operation=_DONE, health=Health.DEGRADED, reason="CrashLoopBackOff"),
                ]
            ),
            operation(OperationState.FAILED, reason=Reason.ROLLOUT_FAILED),
            granted(),
        ),
        "rolled-back": card(
            told([*_WAITING, seen(545, live=story.TAG, operation=_DONE, ready=3)]),
            operation(OperationState.SUCCEEDED),
            granted(),
            rolled_back=operation(
                OperationState.SUCCEEDED,
                kind=OperationKind.ROLLBACK,
                rollback=Rollback(way=Way.TAG, why="payments fail **badly**"),
            ),
        ),
        "superseded": card(
            told([*_WAITING, seen(700, desired=story.NEWER_TAG)]),
            operation(OperationState.SUPERSEDED, reason=Reason.CONTENT_CHANGED),
            approvals.supersede(approval(), now=story.after(700)),
        ),
        "staging": card(
            told(
                [
                    *pipeline(environment="staging", critical=0, high=0),
                    seen(120, environment="staging"),
                    seen(
                        160,
                        environment="staging",
                        live=story.TAG,
                        operation=replace(_DONE, started_at=story.after(125), finished_at=story.after(131)),
                        ready=3,
                    ),
                ],
                environment="staging",
            )
        ),
    }
