"""The lines of a release card: one short line for each stage, with a mark, how long it took, and what matters of it.

Nothing here depends on the time of rendering: what still runs says since when, in a form that every client keeps
current by itself. A card that only grew older is therefore the same card, and nobody edits a message for it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from bot.cards.text import ago, code, duration, link, plain, several
from bot.domain import releases, timeline
from bot.domain.approvals import Approval, ApprovalState
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import SyncOperation
from bot.domain.operations import Operation, OperationState
from bot.domain.releases import Release
from bot.domain.timeline import Line, LineState

_MARKS = {
    LineState.PENDING: "⚪",
    LineState.RUNNING: "⏳",
    LineState.SUCCEEDED: "✅",
    LineState.FAILED: "❌",
    LineState.SKIPPED: "⏭️",
}
_WARNING = "⚠️"
_DETAIL = 120
_WHY = 200
_RESULTS = 3
_Told = tuple[LineState, str]
"""How a stage stands, and its line; of a stage to come only the name."""


def render(
    release: Release,
    *,
    operation: Operation | None,
    approval: Approval | None,
    environment: Environment | None,
    catalog: Catalog,
    over: bool,
    still: bool = False,
) -> list[str]:
    """The lines, in order: the pipeline if there was one, the approval if there is one, then sync and rollout.

    What is still to come shares the last line, or is left out when it is `over`: then it will not come. `still` says
    that the time of the request stands still.
    """
    told = list(_pipeline(release, catalog=catalog)) if releases.current_run(release) else []
    if approval is not None or (environment and not environment.automated and environment.required_approvals):
        told.append(_approval(approval, operation=operation, still=still))
    told += [_write(timeline.sync(release)), _write(timeline.rollout(release))]
    return join(told, over=over)


def of_operation(
    operation: Operation,
    *,
    approval: Approval | None,
    rollout: Line,
    over: bool,
    still: bool,
    commit: Callable[[str], str],
) -> list[str]:
    """The lines of a deploy that has a card of its own: there is no pipeline behind it, but the tag may be new in Git.

    `commit` gives the page of a commit.
    """
    told = [_approval(approval, operation=operation, still=still)] if approval is not None else []
    if operation.tag is not None:
        written = operation.written
        line = Line(name="manifest", state=LineState.SUCCEEDED if written else LineState.PENDING)
        told.append(_write(line, detail=link(written[:7], commit(written)) if written else None))
    return join([*told, _write(timeline.of_sync(operation.sync)), _write(rollout)], over=over)


def results(sync: SyncOperation | None) -> list[str]:
    """What a sync does to the objects: all of it while it runs, and then what it could not apply or did not prune."""
    found = sync.results if sync else ()
    kept = sum(result.status == "PruneSkipped" for result in found)
    if sync is not None and sync.phase.ended:
        found = tuple(result for result in found if result.status == "SyncFailed")
    lines = [f"• {plain(f'{one.kind}/{one.name}: {one.message}', _DETAIL)}" for one in found[:_RESULTS]]
    if len(found) > _RESULTS:
        lines.append(f"• and {len(found) - _RESULTS} more objects")
    stays = "1 object is no longer in Git and stays" if kept == 1 else f"{kept} objects are no longer in Git and stay"
    return [*lines, f"• {stays}: nothing is pruned"] if kept else lines


def consenting(approval: Approval, *, limit: int = 40) -> str:
    """How many of those that are needed have consented yet, and who; '' where one press is enough."""
    names = several([plain(vote.name, limit) for vote in approval.votes])
    count = f"{len(approval.votes)}/{approval.required}" if approval.required > 1 else ""
    return f"{count} by {names}".lstrip() if names else count


def ends(approval: Approval, *, still: bool) -> str:
    """When a request that waits ends, or that its time stands still."""
    return "its time stands still" if still else f"ends {ago(approval.expires_at)}"


def join(told: list[_Told], *, over: bool) -> list[str]:
    """The lines as they are written: what is still to come shares the last one, or is left out when it is over."""
    begun = max((number for number, (state, _) in enumerate(told, 1) if state is not LineState.PENDING), default=0)
    coming = [name for _, name in told[begun:]]
    lines = [text if state is not LineState.PENDING else f"{_MARKS[state]} {text}" for state, text in told[:begun]]
    return lines if over or not coming else [*lines, f"{_MARKS[LineState.PENDING]} {' · '.join(coming)}"]


def _pipeline(release: Release, *, catalog: Catalog) -> Iterator[_Told]:
    for line in timeline.pipeline(release):
        match line.name:
            case "scan":
                yield _scan(release, line)
            case "push" if line.state is LineState.SUCCEEDED:
                yield _write(line, detail=code(releases.current_tag(release) or "", 60))
            case "manifest" if line.state is LineState.SUCCEEDED:
                revision = releases.manifest_revision(release) or ""
                yield _write(line, detail=link(revision[:7], catalog.commit_page(revision)))
            case _:
                yield _write(line)


def _scan(release: Release, line: Line) -> _Told:
    """The scan only reports: findings are a warning, not a failure."""
    found = timeline.scan(release)
    if found is None or (found.critical is None and found.high is None):
        return _write(line)
    counts = [f"{number} {word}" for number, word in ((found.critical, "critical"), (found.high, "high")) if number]
    mark = _WARNING if counts and line.state is LineState.SUCCEEDED else None
    return _write(line, detail=" · ".join(counts) or "nothing critical or high", mark=mark)


def _approval(approval: Approval | None, *, operation: Operation | None, still: bool) -> _Told:
    if approval is None:
        begun = operation is not None and operation.state is OperationState.REQUESTED
        return _write(Line(name="approval", state=LineState.RUNNING if begun else LineState.PENDING))
    asker = f"asked by {plain(operation.requested_name, 40)}" if operation else ""
    if operation is not None and operation.promoted_from is not None:
        asker += f", from {plain(operation.promoted_from, 40)}"
    who = plain(approval.decided_by or "somebody", 40)
    why = f": {plain(operation.detail, _WHY)}" if operation and operation.detail else ""
    state, detail = {
        ApprovalState.PENDING: (
            LineState.RUNNING,
            " · ".join(filter(None, (consenting(approval), asker, ends(approval, still=still)))),
        ),
        ApprovalState.GRANTED: (LineState.SUCCEEDED, _consent(approval)),
        ApprovalState.REJECTED: (LineState.FAILED, f"rejected by {who}{why}"),
        ApprovalState.WITHDRAWN: (LineState.SKIPPED, f"withdrawn by {who}"),
        ApprovalState.EXPIRED: (LineState.SKIPPED, "expired"),
        ApprovalState.SUPERSEDED: (LineState.SKIPPED, f"superseded by {who}" if approval.decided_by else "void"),
    }[approval.state]
    return _write(
        Line(name="approval", state=state, started_at=approval.requested_at, finished_at=approval.decided_at),
        detail=detail,
    )


def _consent(approval: Approval) -> str:
    """Who consented; somebody who broke the glass is no approver like any other."""
    if approval.broken is not None:
        return f"glass broken by {plain(approval.broken.name, 40)}"
    return several([plain(vote.name, 40) for vote in approval.votes])


def _write(line: Line, *, detail: str | None = None, mark: str | None = None) -> _Told:
    """One line of markdown; without a `detail` of its own, the line's, which is foreign text."""
    if line.state is LineState.PENDING:
        return line.state, line.name.capitalize()
    told = plain(line.detail, _DETAIL) if detail is None else detail
    parts = [part for part in (_took(line), told) if part]
    return line.state, f"{mark or _MARKS[line.state]} **{line.name.capitalize()}** {' · '.join(parts)}".rstrip()


def _took(line: Line) -> str:
    """How long it took, or since when it runs."""
    if line.state is LineState.RUNNING and line.name != "approval":
        return f"started {ago(line.started_at)}" if line.started_at else ""
    if line.state in (LineState.SUCCEEDED, LineState.FAILED):
        return _between(line.started_at, line.finished_at)
    return ""


def _between(started: datetime | None, finished: datetime | None) -> str:
    return duration((finished - started).total_seconds()) if started and finished else ""
