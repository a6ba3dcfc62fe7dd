"""One release of ticket-service told step by step, as its facts arrive, so that a test can stop at any of them.

Everything goes through `releases.apply`, as in production; no test builds the inside of a release by hand.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.cards.base import Card
from bot.cards.release import render
from bot.domain import approvals, releases
from bot.domain.approvals import Approval, Group
from bot.domain.contents import Content, ImageChange
from bot.domain.events import (
    ApplicationObserved,
    Event,
    Health,
    JobReported,
    Phase,
    Pod,
    RunReported,
    RunStatus,
    Stage,
    StageReported,
    StageStatus,
    Step,
    SyncOperation,
    SyncStatus,
    Workload,
)
from bot.domain.images import Image
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.releases import Release
from tests.cards.places import APPROVERS, JIWON, MINA, catalog

BEGIN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
SOURCE = "b2c3d4e5f60718293a4b5c6d7e8f901234567890"
MANIFEST = "4d5e6f7a8b9c0d1e2f30415263748596a7b8c9d0"
OLD_TAG, TAG, NEWER_TAG = "9f8e7d6-20260104-091500", "b2c3d4e-20260105-143125", "c0ffee1-20260105-150210"
REPOSITORY = "123456789012.dkr.ecr.ap-northeast-2.amazonaws.com/tiketi-ticket-service"
RUN_URL = "https://github.com/ORGANIZATION/project-ticketing/actions/runs/17203344901"


def after(seconds: float) -> datetime:
    """So many seconds into the story."""
    return BEGIN + timedelta(seconds=seconds)


def told(events: Iterable[Event | ApplicationObserved], *, environment: str = "prod") -> Release:
    """The release after these facts."""
    release = Release(service="ticket-service", environment=environment, source_revision=SOURCE)
    for event in events:
        if isinstance(event, RunReported | JobReported | StageReported | ApplicationObserved):
            release = releases.apply(release, event)
    return release


def run(
    status: RunStatus = RunStatus.IN_PROGRESS,
    conclusion: str | None = None,
    *,
    environment: str = "prod",
    title: str = "Hold seats for ten minutes before payment",
    attempt: int = 1,
) -> RunReported:
    """The workflow run, as GitHub reports it."""
    return RunReported(
        service="ticket-service",
        environment=environment,
        run_id=17203344901,
        run_attempt=attempt,
        branch="main",
        source_revision=SOURCE,
        status=status,
        conclusion=conclusion,
        url=RUN_URL,
        title=title,
        author="mina",
        actor="mina",
        started_at=BEGIN,
        updated_at=after(140),
    )


def stage(
    stage: Stage, started: float, ended: float | None = None, *, environment: str = "prod", **facts: object
) -> list[StageReported]:
    """A stage as the pipeline reports it: its start, and its end unless it still runs."""
    status = facts.pop("status", StageStatus.SUCCEEDED)
    common = StageReported(
        service="ticket-service",
        environment=environment,
        run_id=17203344901,
        run_attempt=1,
        source_revision=SOURCE,
        stage=stage,
        status=StageStatus.STARTED,
        at=after(started),
    )
    end = [replace(common, status=status, at=after(ended), **facts)] if ended is not None else []  # type: ignore[arg-type]
    return [common, *end]


def failed_build() -> JobReported:
    """The job of a run that failed while building."""
    return JobReported(
        service="ticket-service",
        environment="prod",
        run_id=17203344901,
        run_attempt=1,
        job_id=48001,
        branch="main",
        source_revision=SOURCE,
        name="build-and-push",
        status=RunStatus.COMPLETED,
        conclusion="failure",
        url=f"{RUN_URL}/job/48001",
        started_at=after(2),
        completed_at=after(64),
        steps=(
            Step(
                name="Build image",
                status=RunStatus.COMPLETED,
                conclusion="failure",
                started_at=after(4),
                completed_at=after(62),
            ),
        ),
    )


def pipeline(*, environment: str = "prod", critical: int = 2, high: int = 5) -> list[Event]:
    """A whole pipeline that went well."""
    return [
        run(RunStatus.COMPLETED, "success", environment=environment),
        *stage(Stage.BUILD, 4, 76, environment=environment),
        *stage(Stage.SCAN, 76, 94, environment=environment, critical=critical, high=high),
        *stage(Stage.PUSH, 94, 103, environment=environment, tag=TAG),
        *stage(Stage.MANIFEST, 103, 107, environment=environment, manifest_revision=MANIFEST),
    ]


def image(tag: str) -> Image:
    """An image of ticket-service."""
    return Image(repository=REPOSITORY, tag=tag)


def sync(phase: Phase, *, started: float = 500, finished: float | None = None, message: str = "") -> SyncOperation:
    """A sync operation of the Application."""
    return SyncOperation(
        phase=phase,
        message=message,
        revision=MANIFEST,
        started_at=after(started),
        finished_at=after(finished) if finished is not None else None,
        request_id=None,
        services=None,
        source_digest="s",
        initiated_by="chatops",
    )


def seen(
    at: float,
    *,
    environment: str = "prod",
    desired: str = TAG,
    live: str = OLD_TAG,
    operation: SyncOperation | None = None,
    ready: int = 0,
    health: Health = Health.HEALTHY,
    reason: str | None = None,
) -> ApplicationObserved:
    """A read of the Application and its pods; three replicas, of which `ready` run the live image."""
    pods = tuple(
        Pod(
            name=f"ticket-service-{number}",
            image=image(live),
            ready=number < ready,
            restarts=0 if number < ready else 4,
            reason=None if number < ready else reason,
        )
        for number in range(3)
    )
    workload = Workload(
        service="ticket-service",
        desired=image(desired),
        live=image(live),
        changed=desired != live,
        settled=True,
        replicas=3,
        updated=3,
        available=ready,
        total=3,
        health=health,
        pods=pods,
    )
    return ApplicationObserved(
        environment=environment,
        observed_at=after(at),
        uid="u-1",
        revision=MANIFEST,
        sync=SyncStatus.SYNCED if desired == live else SyncStatus.OUT_OF_SYNC,
        health=health,
        reconciled_at=after(at),
        health_since=after(at),
        operation=operation,
        pending=False,
        pending_request_id=None,
        workloads=(workload,),
    )


CONTENT = Content(
    uid="u-1",
    revision=MANIFEST,
    source_digest="s",
    images=(ImageChange(service="ticket-service", old=image(OLD_TAG), new=image(TAG)),),
    resources=(),
    diff_digest="d",
)


def pinned(content: Content, *, moved: str = "") -> Content:
    """The content with what the registry has behind each new tag; behind that of one service another image by now."""
    images = (
        replace(change, digest="sha256:" + ("deadbeef" if change.service == moved else f"{number}c0ffee5") * 8)
        for number, change in enumerate(content.images)
    )
    return replace(content, images=tuple(images))


def operation(state: OperationState, **facts: object) -> Operation:
    """The request to deploy, asked by the pipeline in mina's name."""
    known: dict[str, object] = {
        "id": "0194350c8a20a1b2c3d4e5f6",
        "kind": OperationKind.DEPLOY,
        "environment": "prod",
        "service": "ticket-service",
        "state": state,
        "requested_by": MINA,
        "requested_name": "mina",
        "requested_at": after(110),
        "updated_at": after(112),
        "release_id": 42,
        "content": CONTENT,
    }
    return Operation(**{**known, **facts})  # type: ignore[arg-type]


def approval(*, required: int = 1, groups: tuple[Group, ...] = ()) -> Approval:
    """The consent asked for; mina asked and wrote the commit, so she cannot give it."""
    return Approval(
        id="0194350c8a20a1b2c3d4e5f6",
        operation_id="0194350c8a20a1b2c3d4e5f6",
        environment="prod",
        service="ticket-service",
        digest="f" * 64,
        required=required,
        groups=groups,
        authors=frozenset({MINA}),
        requested_at=after(112),
        expires_at=after(112 + 3600),
    )


def granted() -> Approval:
    """The same, granted by jiwon."""
    return approvals.grant(approval(), person=JIWON, name="jiwon", now=after(474))


def withdrawn() -> Approval:
    """The same, taken back by mina, who had asked."""
    return approvals.withdraw(approval(), person=MINA, asked_by=MINA, name="mina", now=after(300))


def card(
    release: Release,
    operation: Operation | None = None,
    approval: Approval | None = None,
    *,
    now: float = 600,
    mention: int | None = APPROVERS,
    rolled_back: Operation | None = None,
) -> Card:
    """The card of a release, as release 42."""
    return render(
        release,
        id=42,
        operation=operation,
        approval=approval,
        catalog=catalog(mention=mention),
        now=after(now),
        rolled_back=rolled_back,
    )
