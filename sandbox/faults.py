"""What can go wrong, as plain attributes that a test or a scenario sets and clears while the world runs.

`SyncFaults` belong to one Application and act in its controller; the others belong to a server and act on requests.
Ticks are the world's steps, seconds are real.
"""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class SyncFaults:
    """What happens to one Application's comparison and operations."""

    accept_ticks: int = 1
    """Ticks from an accepted request until the controller begins it (t0 to t1); large: it never does."""
    run_ticks: int = 1
    """Ticks an operation runs after its objects were applied (t2 to t3); large: it never ends."""
    sync_error: str | None = None
    """Operations fail with this message and apply nothing."""
    retries: int = 0
    """How many times an operation is retried before it ends: phase Running although finishedAt is set."""
    stuck: bool = False
    """Operations end as Succeeded without finishedAt and syncResult, and never leave the slot."""
    window_closed: bool = False
    """A deny window is active: a sync is refused; one that runs, and a rollback, is parked, and does not end either."""
    deaf: bool = False
    """Commits go unnoticed until somebody refreshes."""
    stale: bool = False
    """Nothing is compared again once an operation has finished: health is from before it."""
    refresh_hangs: bool = False
    """A refresh is never answered."""


@dataclass(slots=True, kw_only=True)
class ArgocdFaults:
    """What happens to requests to the Argo CD API server."""

    slow: float = 0.0
    """Seconds every answer takes."""
    status: int | None = None
    """Answer every API request with this: 401 (the token was revoked), 403, 500 or 503. A watch goes on."""
    sync_cut: bool = False
    """POST …/sync is accepted, and the connection ends before the answer."""
    sync_lost: bool = False
    """POST …/sync is not accepted, and the answer is 500."""
    rollback_cut: bool = False
    """POST …/rollback is accepted, and the connection ends before the answer."""
    rollback_lost: bool = False
    """POST …/rollback is not accepted, and the answer is 500."""
    refresh_expires: bool = False
    """A refresh ends with 500 `application refresh deadline exceeded`."""
    items_null: bool = False
    """Lists come as `"items": null`."""
    terminate_cut: bool = False
    """DELETE …/operation is accepted, and the connection ends before the answer."""
    action_cut: bool = False
    """An action on a resource is carried out, and the connection ends before the answer."""
    action_lost: bool = False
    """An action on a resource is not carried out, and the answer is 500."""
    stream_cut: int | None = None
    """A watch ends after so many frames."""
    stream_error: tuple[int, int, str, str] | None = None
    """A watch ends after its first frame with this error: gRPC code, HTTP status, its words, message."""
    stream_silent: bool = False
    """A watch is accepted and never says a word."""
    heartbeat: float = 15.0
    """Seconds between the comments of a watch that has nothing to tell."""
    head_moves: int = 0
    """How many more times the branch moves on, and is noticed, right after managed-resources was read."""


@dataclass(slots=True, kw_only=True)
class GithubFaults:
    """What happens to requests to the GitHub API."""

    slow: float = 0.0
    """Seconds every answer takes."""
    status: int | None = None
    """Answer every request with this: 401, 403 (the primary rate limit is used up), 500, 502 or 503."""
    failures: int = 0
    """How many more requests are answered 502 before it works again."""
    secondary_limit: int | None = None
    """Answer 403, secondary rate limit, with this many seconds of Retry-After."""
    writes_limited: int | None = None
    """The same, for requests that change something."""
    writes_lost: int = 0
    """How many more writes are not carried out and answered 502. Objects that no branch has are no writes."""
    writes_unanswered: int = 0
    """How many more writes are carried out and answered 502."""
    writes_cut: int = 0
    """How many more writes are carried out, and the connection ends before the answer."""
    writes_busy: int = 0
    """How many more writes are answered 409, because another is on its way to the same branch."""
    meanwhile: list[Callable[[], object]] = field(default_factory=list)
    """What somebody else does between the bot's read and its write, awaited if it can be: one for each, first first."""
    protected: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Branches that take no direct commit: with which status and words GitHub says so."""
    trees_truncated: bool = False
    """The repository has more files than a recursive tree shows."""
    rerun_cut: bool = False
    """A run is run again, and the answer is 502."""
    rerun_lost: bool = False
    """A run is not run again, and the answer is 502."""
    forbidden: frozenset[str] = frozenset()
    """Rights that the token lacks: `runs` to read them, `actions` to have one run again, `pulls` for pull requests,
    `contents` to write. `push` is lacked by the person whose token it is."""
    scopes: str | None = None
    """The token is a classic one with these scopes."""
    auto_merge_allowed: bool = True
    """The repository's setting."""
    nothing_awaited: bool = False
    """No rule keeps a pull request from being merged at once, so it cannot be set to merge by itself."""


@dataclass(slots=True, kw_only=True)
class RegistryFaults:
    """What happens to requests to the image registry."""

    slow: float = 0.0
    """Seconds every answer takes."""
    status: int | None = None
    """Answer every request with this: 403, 429, 500 or 503."""
    down: bool = False
    """Every connection ends without an answer."""
    login: tuple[str, str] | None = None
    """Readers need a token, which is given for this name and password."""
    page: int | None = None
    """A list has at most so many tags, however many are asked for."""
    endless: bool = False
    """Every list says that there is one more page."""
    unknown: bool = False
    """No repository is known."""


@dataclass(slots=True, kw_only=True)
class ClusterFaults:
    """What happens to requests to the Kubernetes API servers."""

    slow: float = 0.0
    """Seconds every answer takes."""
    status: int | None = None
    """Answer every request with this: 401, 403, 500 or 503."""
