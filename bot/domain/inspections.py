"""What people look at during a deploy or an outage: log lines, events, differences, sync windows, history.

Values only, as they were read at one moment; nothing is kept. All text in them is foreign: whoever shows it escapes it,
and log lines and differences had their secrets masked where they were read.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.domain.contents import ImageChange, Resource
from bot.domain.events import SyncOperation
from bot.domain.operations import Operation, Rollback
from bot.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRead:
    """Log lines of one container of one pod, oldest first. `cut` says that older or longer ones were left out."""

    pod: str
    container: str
    previous: bool
    lines: tuple[str, ...]
    cut: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterEvent:
    """Something that Kubernetes or Argo CD noticed about an object; `warning` is the type `Warning`.

    `at` is when it was seen last, `count` how many times. `kind` and `name` are the object's.
    """

    at: datetime
    warning: bool
    reason: str
    message: str
    kind: str
    name: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsRead:
    """Events of a namespace, oldest first. `cut` says that there were too many to read them all."""

    found: tuple[ClusterEvent, ...]
    cut: bool = False


class Change(StrEnum):
    """What a sync would do to an object."""

    CREATED = "created"
    CHANGED = "changed"
    PRUNED = "pruned"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDiff:
    """What a sync would change of one object: `text` is a unified diff of its YAML, the values of Secrets masked.

    `services` are those the object belongs to; it is empty for what no service owns.
    """

    resource: Resource
    services: frozenset[str]
    change: Change
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """What a sync to `revision` would change, object by object, from one consistent read."""

    revision: str
    resources: tuple[ResourceDiff, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What holds an Application's slot: Argo CD's operation once it has begun, and the bot's if that asked for it."""

    sync: SyncOperation | None
    asked: Operation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWindow:
    """One sync window of the project, as it is configured. `kind` is allow or deny, `duration` Go's (`1h30m`)."""

    kind: str
    schedule: str
    duration: str
    time_zone: str
    manual_sync: bool
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncWindows:
    """The windows that concern an Application, and whether a person may sync it now."""

    can_sync: bool
    windows: tuple[SyncWindow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One full sync that Argo CD remembers; single-service syncs and failures are not in its history.

    `source_digest` fingerprints where it read the manifests from.
    """

    id: int
    revision: str
    started_at: datetime | None
    deployed_at: datetime
    initiated_by: str
    source_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A deploy that is over. `service` is None when it was of everything, `images` and `approved_by` are the bot's own
    record, `subject` is that of the commit where there is no such record, `rollback` how and why it went back.

    `in_argocd` says whether Argo CD's history has it, `foreign` that nobody asked the bot for it.
    """

    at: datetime
    revision: str
    service: str | None
    asked_by: str
    succeeded: bool
    in_argocd: bool
    foreign: bool = False
    images: tuple[ImageChange, ...] = ()
    approved_by: tuple[str, ...] = ()
    reason: Reason | None = None
    subject: str = ""
    rollback: Rollback | None = None
