"""Something the bot was asked to do, its states and its result.

    requested -> waiting -> approved -> dispatching -> running -> succeeded | failed
    waiting -> rejected | expired | superseded
    dispatching -> approved     when another operation holds the Application
    any of these -> refused     when it may not be done (any more), failed when nobody can say how it ended

`dispatching` is written before the call that changes the world, so that a crash in between leaves a mark: whoever
finds it looks for the effect (the operation id stands in Argo CD's `infos`) before anything is sent again.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.images import Image
from bot.domain.reasons import Reason


class OperationKind(StrEnum):
    """What can be asked for."""

    DEPLOY = "deploy"
    REFRESH = "refresh"


class OperationState(StrEnum):
    """How far an operation is."""

    REQUESTED = "requested"
    WAITING = "waiting"
    APPROVED = "approved"
    DISPATCHING = "dispatching"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    REFUSED = "refused"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in OPEN


OPEN = frozenset(
    {
        OperationState.REQUESTED,
        OperationState.WAITING,
        OperationState.APPROVED,
        OperationState.DISPATCHING,
        OperationState.RUNNING,
    }
)
WORKABLE = OPEN - {OperationState.WAITING}
"""States in which a worker, not a person, has the next move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One Kubernetes object a sync will touch, named as Argo CD's `resources` filter wants it."""

    group: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What exactly would be deployed: the thing people consent to.

    `revision` is the manifest commit, `source_digest` fingerprints the Application's source and destination,
    `diff_digest` the difference between the live and the wanted state of `resources`.
    """

    uid: str
    revision: str
    source_digest: str
    old_image: Image | None
    new_image: Image | None
    resources: tuple[Resource, ...]
    diff_digest: str

    @property
    def digest(self) -> str:
        """Fingerprint of the whole content, hex SHA-256."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def same_effect(self, other: "Content") -> bool:
        """Whether deploying either would do the same to the service, at whatever commit each was read."""
        return replace(self, revision=other.revision) == other


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request and its fate. `requested_by` is a Discord id, or None when the pipeline asked."""

    id: str
    kind: OperationKind
    environment: str
    service: str | None
    state: OperationState
    requested_by: int | None
    requested_name: str
    requested_at: datetime
    updated_at: datetime
    release_id: int | None = None
    hard: bool = False
    content: Content | None = None
    reason: Reason | None = None
    detail: str = ""
    dispatched_at: datetime | None = None
    deadline: datetime | None = None
    attempts: int = 0
