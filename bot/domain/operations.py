"""Something the bot was asked to do, its states and its result.

    requested -> waiting -> approved -> dispatching -> running -> succeeded | failed
    waiting -> rejected | withdrawn | expired | superseded
    dispatching -> approved     when another operation holds the Application
    any of these -> refused     when it may not be done (any more), failed when nobody can say how it ended
    requested, waiting, approved, running -> superseded    a deploy that a rollback of its service takes the place of
    approved -> superseded      when what was consented to has changed since: it is asked again, as it is now
    requested, waiting -> superseded                       a deploy that a hot-fix of its service takes the place of

Only deploys and rollbacks wait for people; what needs no consent goes from `requested` straight to `dispatching`. That
is written before the call that changes the world, so that a crash in between leaves a mark: whoever finds it looks for
the effect (the operation id stands in Argo CD's `infos`) before anything is sent again. A deploy of a chosen tag
commits the tag first, while it is `approved`: that it is `writing` is noted before GitHub is called, and its id stands
in the commit's trailers. A rollback is a deploy of an
earlier state: its tag written or its commits reverted in Git and then synced, or an entry of Argo CD's history.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bot.domain.contents import Content
from bot.domain.events import SyncOperation
from bot.domain.reasons import Reason

ALL = "all services"


class OperationKind(StrEnum):
    """What can be asked for."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    REFRESH = "refresh"
    RESTART = "restart"
    TERMINATE = "terminate"
    RERUN = "rerun"


DEPLOYING = frozenset({OperationKind.DEPLOY, OperationKind.ROLLBACK})
"""What changes which image runs, and needs consent where the environment asks for it."""


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
    WITHDRAWN = "withdrawn"
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
BEGUN = frozenset({OperationState.DISPATCHING, OperationState.RUNNING})
"""States in which an order is out, or may be."""
NOT_BEGUN = WORKABLE - BEGUN
"""States in which a worker has the next move, and no order is out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """Which workflow run is to run again: its failed jobs, or `everything`.

    `attempt` is the attempt that was shown, or None for whichever is the newest; from the mark on it is the one that
    GitHub had before the order, so that any later attempt is the effect of it. `url` is where people open the run.
    `deploys` says that Argo CD syncs by itself what the run commits.
    """

    run_id: int
    attempt: int | None = None
    everything: bool = False
    url: str = ""
    deploys: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """The commits between what runs and a chosen tag: how many come in and go out, and the newest ones in a line each.

    `base` and `head` are the two source revisions. The lines are foreign text: `lines` of what comes in, `lost_lines`
    of what goes out.
    """

    base: str
    head: str
    gained: int
    lost: int
    lines: tuple[str, ...]
    lost_lines: tuple[str, ...] = ()


class Way(StrEnum):
    """How a service goes back: its earlier tag written, commits reverted, or an entry of Argo CD's history."""

    TAG = "tag"
    REVERT = "revert"
    HISTORY = "history"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollback:
    """How to go back, and `why`, in the words of who asked. An `emergency` needs one approver, whatever the policy.

    `to` is the tag to go back to; `forward` says that it is newer than what ran, so that nothing spares it what a
    deploy has to pass. `reverts` are the manifest commits to be reverted, the newest first, `entry` is the
    id in Argo CD's history, and `after` when Argo CD's newest operation had begun before this one was ordered.
    `agreed_at` is when Git, Argo CD and the pods were first seen to agree about the service after it.
    """

    way: Way
    why: str
    to: str = ""
    emergency: bool = False
    forward: bool = False
    reverts: tuple[str, ...] = ()
    entry: int | None = None
    after: datetime | None = None
    agreed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One request and its fate. `requested_by` is a Discord id, or None when the pipeline asked.

    `by_pipeline` says that the bot asked by itself, whoever the pipeline ran for. One that is asked again because its
    content changed has what was shown `before`, and how often that happened. Without a `service` it is about all of
    them. `revision` is the commit a person chose in place of the newest one, `tag` the image tag that they chose, and
    `written` the manifest commit that asks for it since then; it is `writing` from right before GitHub is told until it
    is known what became of that. `off_branch` says that the commit that image was built from is not on the
    environment's branch, `between` what lies between, and `pull_request` where people open the pull request, if there
    is one; `pull_closed` says of an operation that has ended that none of it is open any more. `promoted_from` names
    the environment in which the tag ran, `hotfix` why it cannot wait for the end of a freeze. `rollback` says how a
    rollback goes back. `ends` says when the operation began that is to be terminated, and `ends_by` when one must have
    begun at the latest that nobody had picked up when it was shown. `restarted_before` is when the Deployment had been
    restarted before this restart, `rerun` which run is to run again. `sync` is Argo CD's operation for this one, as
    seen last. `detail` adds to the reason, or is the one that a person gave, and `evidence` is what the worst pod
    logged. Foreign text, all of it.
    """

    id: str
    kind: OperationKind
    environment: str
    service: str | None
    state: OperationState
    requested_by: int | None
    requested_name: str
    requested_at: datetime
    updated_at: datetime
    by_pipeline: bool = False
    release_id: int | None = None
    hard: bool = False
    content: Content | None = None
    before: Content | None = None
    asked_again: int = 0
    reason: Reason | None = None
    detail: str = ""
    dispatched_at: datetime | None = None
    deadline: datetime | None = None
    attempts: int = 0
    revision: str | None = None
    tag: str | None = None
    written: str | None = None
    writing: bool = False
    off_branch: bool = False
    between: Between | None = None
    pull_request: str | None = None
    pull_closed: bool = False
    promoted_from: str | None = None
    hotfix: str = ""
    rollback: Rollback | None = None
    ends: datetime | None = None
    ends_by: datetime | None = None
    restarted_before: datetime | None = None
    rerun: Rerun | None = None
    sync: SyncOperation | None = None
    evidence: tuple[str, ...] = ()

    @property
    def order(self) -> Content | None:
        """What is deployed: the content that was shown, at the commit that was written for it if one was."""
        return replace(self.content, revision=self.written) if self.content and self.written else self.content

    @property
    def under_way(self) -> bool:
        """Whether an order is out, or may be, so that a stop or a lock from now on comes too late for it."""
        return self.state in BEGUN or (self.state is OperationState.APPROVED and (self.writing or self.proposed))

    @property
    def proposed(self) -> bool:
        """Whether a pull request asks for its tag, and is not merged as far as the bot knows."""
        return self.pull_request is not None and self.written is None

    @property
    def subject(self) -> str:
        """What it is about, for people."""
        return self.service or ALL

    @property
    def said(self) -> str:
        """What who asked said about it, for the record: why it goes through a freeze, or how and why it goes back."""
        if self.rollback is not None:
            loud = ", emergency" if self.rollback.emergency else ""
            return f"rollback by {self.rollback.way}{loud}: {self.rollback.why}"
        return f"hotfix: {self.hotfix}" if self.hotfix else ""

    @property
    def way(self) -> Way | None:
        """How a rollback goes back; None for everything else."""
        return self.rollback.way if self.rollback else None

    @property
    def counts_as(self) -> OperationKind:
        """What locks and freezes take it for: whatever brings something newer is a deploy."""
        forward = self.kind is OperationKind.ROLLBACK and not self.goes_back
        return OperationKind.DEPLOY if forward or (self.rerun is not None and self.rerun.deploys) else self.kind

    @property
    def goes_back(self) -> bool:
        """Whether it is a rollback to something older, which locks let through unless asked, and freezes always."""
        return self.kind is OperationKind.ROLLBACK and not (self.rollback and self.rollback.forward)

    @property
    def scope(self) -> str | None:
        """The service whose objects are synced, or None for all of them: Argo CD goes back with everything or not."""
        return None if self.way is Way.HISTORY else self.service

    @property
    def by_commit(self) -> bool:
        """Whether a commit is all it takes, because what is written runs already and nothing is left to sync."""
        return self.content is not None and not self.content.resources

    @property
    def has_card(self) -> bool:
        """Whether a card of its own shows it: what concerns one release is shown on the card of that release."""
        if self.kind is OperationKind.DEPLOY:
            return self.service is None or self.revision is not None or self.tag is not None
        return self.kind not in (OperationKind.REFRESH, OperationKind.RERUN)
