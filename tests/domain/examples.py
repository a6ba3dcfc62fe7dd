"""One example of every value, to be varied by keyword: ticket-service on its way to prod, built from one commit.

The example of a read shows the new image wanted and running, ready and healthy, after a sync that the bot asked for;
a test changes the one thing it is about.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.approvals import Approval
from bot.domain.contents import Content, ImageChange, Resource
from bot.domain.events import (
    ApplicationObserved,
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
from bot.domain.incidents import Signal
from bot.domain.locks import Lock
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.releases import Release

BEGIN = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
SOURCE = "a1b2c3d4e5f60718293a4b5c6d7e8f9012345678"
MANIFEST = "4d5e6f7a8b9c0d1e2f30415263748596a7b8c9d0"
ELSEWHERE = "0f1e2d3c4b5a69788796a5b4c3d2e1f001122334"
REPOSITORY = "registry.example.com/tiketi-ticket-service"
OLD_TAG = "9f8e7d6-20260104-091500"
TAG = "a1b2c3d-20260105-143130"
SECOND_TAG = "a1b2c3d-20260105-150130"
NEWER_TAG = "c0ffee1-20260105-160000"
RUN, ASKED_BY, OTHER = 7001, 11, 12
OPERATION_ID = "0194350c8a20a1b2c3d4e5f6"


def after(seconds: float) -> datetime:
    """So many seconds after the beginning."""
    return BEGIN + timedelta(seconds=seconds)


def image(tag: str = TAG) -> Image:
    """An image of ticket-service."""
    return Image(repository=REPOSITORY, tag=tag)


def release(**changes: Any) -> Release:
    """The release before anything is known about it."""
    return replace(Release(service="ticket-service", environment="prod", source_revision=SOURCE), **changes)


def run(**changes: Any) -> RunReported:
    """The workflow run, in its first attempt and under way."""
    example = RunReported(
        service="ticket-service",
        environment="prod",
        run_id=RUN,
        run_attempt=1,
        branch="main",
        source_revision=SOURCE,
        status=RunStatus.IN_PROGRESS,
        conclusion=None,
        url="https://github.example/runs/7001",
        title="Hold seats for ten minutes",
        author="mina",
        actor="mina",
        started_at=BEGIN,
        updated_at=after(1),
    )
    return replace(example, **changes)


def step(name: str, *, conclusion: str | None = None, begun: float | None = None, ended: float | None = None) -> Step:
    """A step of a job: finished when it has a conclusion, under way when it has begun, else to come."""
    status = RunStatus.COMPLETED if conclusion else RunStatus.QUEUED if begun is None else RunStatus.IN_PROGRESS
    return Step(
        name=name,
        status=status,
        conclusion=conclusion,
        started_at=None if begun is None else after(begun),
        completed_at=None if ended is None else after(ended),
    )


def job(**changes: Any) -> JobReported:
    """The job of the run, under way, before its first step."""
    example = JobReported(
        service="ticket-service",
        environment=None,
        run_id=RUN,
        run_attempt=1,
        job_id=48001,
        branch="main",
        source_revision=SOURCE,
        name="build-and-push",
        status=RunStatus.IN_PROGRESS,
        conclusion=None,
        url="https://github.example/runs/7001/job/48001",
        started_at=after(2),
        completed_at=None,
        steps=(),
    )
    return replace(example, **changes)


def stage(stage: Stage, status: StageStatus = StageStatus.SUCCEEDED, **changes: Any) -> StageReported:
    """What the pipeline says about one of its stages."""
    example = StageReported(
        service="ticket-service",
        environment="prod",
        run_id=RUN,
        run_attempt=1,
        source_revision=SOURCE,
        stage=stage,
        status=status,
        at=after(60),
    )
    return replace(example, **changes)


def pod(number: int = 0, **changes: Any) -> Pod:
    """A pod that is ready and runs the new image."""
    example = Pod(name=f"ticket-service-{number}", image=image(), ready=True, restarts=0)
    return replace(example, **changes)


def workload(**changes: Any) -> Workload:
    """Three pods of three run the new image, which is what Git asks for, and are healthy."""
    example = Workload(
        service="ticket-service",
        desired=image(),
        live=image(),
        changed=False,
        settled=True,
        replicas=3,
        updated=3,
        available=3,
        total=3,
        health=Health.HEALTHY,
        pods=(pod(0), pod(1), pod(2)),
    )
    return replace(example, **changes)


def waiting(**changes: Any) -> Workload:
    """Git asks for the new image, and the pods still run the old one."""
    old = {"live": image(OLD_TAG), "changed": True, "pods": tuple(pod(n, image=image(OLD_TAG)) for n in range(3))}
    return workload(**{**old, **changes})


def sync(**changes: Any) -> SyncOperation:
    """The sync that the bot asked for, ended well."""
    example = SyncOperation(
        phase=Phase.SUCCEEDED,
        message="successfully synced (all tasks run)",
        revision=MANIFEST,
        started_at=after(300),
        finished_at=after(302),
        request_id=OPERATION_ID,
        services=frozenset({"ticket-service"}),
        source_digest="source",
        initiated_by="chatops",
    )
    return replace(example, **changes)


def seen(*workloads: Workload, **changes: Any) -> ApplicationObserved:
    """A read of the Application after that sync."""
    example = ApplicationObserved(
        environment="prod",
        observed_at=after(310),
        uid="u-1",
        revision=MANIFEST,
        sync=SyncStatus.SYNCED,
        health=Health.HEALTHY,
        reconciled_at=after(305),
        health_since=after(305),
        operation=sync(),
        pending=False,
        pending_request_id=None,
        workloads=workloads or (workload(),),
    )
    return replace(example, **changes)


def content(**changes: Any) -> Content:
    """What the deploy of the new image would do."""
    example = Content(
        uid="u-1",
        revision=MANIFEST,
        source_digest="source",
        images=(ImageChange(service="ticket-service", old=image(OLD_TAG), new=image()),),
        resources=(Resource(group="apps", kind="Deployment", namespace="tiketi", name="ticket-service"),),
        diff_digest="diff",
    )
    return replace(example, **changes)


def operation(**changes: Any) -> Operation:
    """The deploy of that content, ordered and being followed."""
    example = Operation(
        id=OPERATION_ID,
        kind=OperationKind.DEPLOY,
        environment="prod",
        service="ticket-service",
        state=OperationState.RUNNING,
        requested_by=ASKED_BY,
        requested_name="mina",
        requested_at=after(200),
        updated_at=after(300),
        content=content(),
        dispatched_at=after(299.7),
        deadline=after(1500),
    )
    return replace(example, **changes)


def approval(**changes: Any) -> Approval:
    """A consent nobody gave yet; it is open for an hour, one person is enough, and it is not the requester."""
    example = Approval(
        id=OPERATION_ID,
        operation_id=OPERATION_ID,
        environment="prod",
        service="ticket-service",
        digest=content().digest,
        required=1,
        authors=frozenset({ASKED_BY}),
        requested_at=after(200),
        expires_at=after(3800),
    )
    return replace(example, **changes)


def lock(**changes: Any) -> Lock:
    """A lock on the whole of prod, without an end."""
    example = Lock(
        id="l-1",
        environment="prod",
        service=None,
        owner_id=21,
        owner_name="hyunwoo",
        reason="The database is being migrated",
        since=BEGIN,
        until=None,
    )
    return replace(example, **changes)


def unreadable(stored: Lock) -> Lock:
    """What a lock is taken for whose document is damaged."""
    since = datetime(1, 1, 1, tzinfo=UTC)
    return replace(stored, owner_id=0, owner_name="", reason="", since=since, until=None, blocks_rollbacks=True)


def signal(**changes: Any) -> Signal:
    """The first failure of a run."""
    example = Signal(
        subject="run:prod:ticket-service",
        bad=True,
        order="1",
        occurrence="first",
        at=after(1),
        environment="prod",
        service="ticket-service",
        title="Run failed",
        detail="build-and-push / Build image",
        url="https://github.example/runs/1",
    )
    return replace(example, **changes)
