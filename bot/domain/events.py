"""Facts from outside, in the past tense.

Each event says what a sender reported or what a read found, with the time it speaks about; none says what to do.
Enumerations keep the spelling of the system they come from. Events may arrive late, twice or in any order: ordering
is the business of whoever joins them (`releases`, `incidents`), so every event carries what that needs.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.images import Image


class Unusable(Exception):
    """What arrived cannot be read as a fact; the text says why, in trusted words. It is kept and can be replayed."""


class RunStatus(StrEnum):
    """A workflow run's or job's status, in the order in which GitHub passes through them."""

    REQUESTED = "requested"
    QUEUED = "queued"
    PENDING = "pending"
    WAITING = "waiting"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"


class Stage(StrEnum):
    """What the pipeline does to a commit, in order."""

    BUILD = "build"
    SCAN = "scan"
    PUSH = "push"
    MANIFEST = "manifest"


class StageStatus(StrEnum):
    """How far a stage is; later entries win over earlier ones when reports disagree."""

    STARTED = "started"
    SKIPPED = "skipped"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Health(StrEnum):
    """Argo CD's health codes."""

    HEALTHY = "Healthy"
    PROGRESSING = "Progressing"
    DEGRADED = "Degraded"
    SUSPENDED = "Suspended"
    MISSING = "Missing"
    UNKNOWN = "Unknown"


class SyncStatus(StrEnum):
    """Argo CD's sync codes."""

    SYNCED = "Synced"
    OUT_OF_SYNC = "OutOfSync"
    UNKNOWN = "Unknown"


class Phase(StrEnum):
    """Argo CD's operation phases."""

    RUNNING = "Running"
    TERMINATING = "Terminating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    ERROR = "Error"

    @property
    def ended(self) -> bool:
        """Whether an operation in this phase moves no more."""
        return self in (Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReported:
    """A workflow run of a service's pipeline; identity is run id and run attempt.

    `environment` is None when the branch does not decide it (a person chose it in `workflow_dispatch`).
    """

    service: str
    environment: str | None
    run_id: int
    run_attempt: int
    branch: str
    source_revision: str
    status: RunStatus
    conclusion: str | None
    url: str
    title: str
    author: str
    actor: str
    started_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a job, as far as it came."""

    name: str
    status: RunStatus
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReported:
    """A job of a workflow run, with its steps so far."""

    service: str
    environment: str | None
    run_id: int
    run_attempt: int
    job_id: int
    branch: str
    source_revision: str
    name: str
    status: RunStatus
    conclusion: str | None
    url: str
    started_at: datetime | None
    completed_at: datetime | None
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageReported:
    """What the pipeline itself said about one of its stages."""

    service: str
    environment: str
    run_id: int
    run_attempt: int
    source_revision: str
    stage: Stage
    status: StageStatus
    at: datetime
    tag: str | None = None
    digest: str | None = None
    critical: int | None = None
    high: int | None = None
    manifest_revision: str | None = None
    message: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPushed:
    """A branch moved; whoever tracks it should look again."""

    branch: str
    revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationHinted:
    """Argo CD notified about an Application. Only a hint: the Application is read again before anything is said."""

    environment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod of a service. `reason` is why it is not ready (`CrashLoopBackOff`, `ImagePullBackOff`, ...).

    `last_exit` is how its container ended before (`OOMKilled`, `Error, exit code 1`), or empty when it never did.
    `digest` is what the node says that it runs of the image's repository; None when it says nothing that names it.
    """

    name: str
    image: Image
    ready: bool
    restarts: int
    reason: str | None = None
    terminating: bool = False
    node: str = ""
    created_at: datetime | None = None
    containers: tuple[str, ...] = ()
    last_exit: str = ""
    digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A service in an environment: what Git asks for, what the Deployment asks for, what pods run.

    `settled` means the Deployment controller has seen the newest spec (`observedGeneration >= generation`). The
    counts are the Deployment's; `desired` and `changed` come from Argo CD's comparison at the revision of the event.
    `restarted_at` is when somebody last asked for a restart (`kubectl.kubernetes.io/restartedAt`).
    """

    service: str
    desired: Image | None
    live: Image | None
    changed: bool
    settled: bool
    replicas: int
    updated: int
    available: int
    total: int
    health: Health
    message: str | None = None
    pods: tuple[Pod, ...] = ()
    restarted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceResult:
    """What a sync did to one object, in Argo CD's words: `Synced`, `SyncFailed`, `Pruned` or `PruneSkipped`."""

    kind: str
    name: str
    status: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOperation:
    """The newest sync operation of an Application, whoever started it.

    `request_id` is ours when the bot asked for it. `services` is None when the operation covered everything.
    `source_digest` fingerprints where it read the manifests from. An operation that retries is `Running` although
    Argo CD already gave it a `finished_at`. `results` are those of the first objects, the failed ones first.
    """

    phase: Phase
    message: str
    revision: str
    started_at: datetime
    finished_at: datetime | None
    request_id: str | None
    services: frozenset[str] | None
    source_digest: str
    initiated_by: str
    results: tuple[ResourceResult, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether it may hold the Application's slot: one that has not ended, or that is stuck in its end."""
        return not self.phase.ended or self.finished_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationObserved:
    """One consistent read of an Application and its cluster.

    `revision` is the manifest commit Argo CD compared with; `pending` says that an operation was asked for and has
    not ended yet. `cluster_error` is set when the cluster did not answer: then no pod count is known and nothing may
    be called deployed.
    """

    environment: str
    observed_at: datetime
    uid: str
    revision: str
    sync: SyncStatus
    health: Health
    reconciled_at: datetime | None
    health_since: datetime | None
    operation: SyncOperation | None
    pending: bool
    pending_request_id: str | None
    workloads: tuple[Workload, ...]
    conditions: tuple[str, ...] = ()
    cluster_error: str | None = None

    @property
    def health_is_fresh(self) -> bool:
        """Whether Argo CD compared again since the last sync ended; older health says nothing about what it applied."""
        sync = self.operation
        if sync is None:
            return True
        ended = sync.finished_at or sync.started_at
        return sync.phase.ended and self.reconciled_at is not None and self.reconciled_at >= ended

    def workload(self, service: str) -> Workload | None:
        """The part about one service, or None when the Application has no such Deployment."""
        return next((workload for workload in self.workloads if workload.service == service), None)


Event = RunReported | JobReported | StageReported | BranchPushed | ApplicationHinted
"""What a delivery can say; `ApplicationObserved` comes from reading, not from a delivery."""
