"""The answer to /status: for each environment what Git asks for, what runs, and what is going on there.

It shows what was read last and when; a part that did not answer is named instead of being guessed.
"""

from dataclasses import dataclass

from bot.cards.base import Card, Colour, Field
from bot.cards.text import ago, code, link, plain
from bot.domain import images, rollouts
from bot.domain.catalog import Environment
from bot.domain.events import ApplicationObserved, Health, SyncStatus, Workload
from bot.domain.images import Image
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import SENTENCES, Reason

_BAD = frozenset({Health.DEGRADED, Health.MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """What is known about one environment. `failure` is why the newest attempt to read it failed, if it did.

    `operations` are the bot's open ones, `deploys` its newest ones that went well, the newest first.
    """

    environment: Environment
    observed: ApplicationObserved | None
    failure: Reason | None
    operations: tuple[Operation, ...]
    deploys: tuple[Operation, ...] = ()


StatusView = tuple[EnvironmentStatus, ...]


def render(view: StatusView, *, service: str | None, more: int = 0) -> Card:
    """The overview; with a `service` only that one, its tags in full. `more` environments found no room."""
    place = view[0].environment.name if len(view) == 1 else None
    return Card(
        title=" → ".join(filter(None, (service, place))) or "All environments",
        colour=_colour(view, service=service),
        fields=tuple(_environment(status, service=service, alone=len(view) == 1) for status in view),
        description="" if view else "There is no environment that you may see.",
        footer=f"and {more} more: name one to see it" if more else "",
    )


def _environment(status: EnvironmentStatus, *, service: str | None, alone: bool) -> Field:
    """One environment; `alone` there is room to say who deployed what last."""
    seen = status.observed
    lines = [*_missing(status)]
    if seen is not None:
        chosen = [workload for workload in seen.workloads if service in (None, workload.service)]
        for workload in chosen:
            last = _last(status, workload.service) if alone or service else ""
            lines.append(_workload(workload, seen, full=service is not None, last=last))
        if not chosen:
            lines.append(f"{code(service or '', 60)} is not part of this Application.")
    lines += [_operation(operation) for operation in status.operations if service in (None, operation.service)]
    lines += _foreign(status)
    if seen is not None:
        lines.append(f"{link('Argo CD', status.environment.page)} read {ago(seen.observed_at)}")
    state = f" · {seen.sync} · {seen.health}" if seen else ""
    return Field(name=f"{status.environment.name}{state}", value="\n".join(lines))


def _missing(status: EnvironmentStatus) -> list[str]:
    """Which part did not answer, and what that means for the rest."""
    seen, lines = status.observed, []
    if status.failure is not None:
        lines.append(f"⚠️ {SENTENCES[status.failure]}{' This is what was read last:' if seen else ''}")
    elif seen is None:
        lines.append("Nothing was read yet; Argo CD is asked at the start and every few minutes.")
    if seen is not None and seen.cluster_error is not None:
        lines.append("⚠️ The cluster did not answer, so the pods are not known.")
    return lines


def _workload(workload: Workload, seen: ApplicationObserved, *, full: bool, last: str) -> str:
    """One line for the overview; more, with the tags in full, when a person asked for this service."""
    pods, hindered = "", ""
    if seen.cluster_error is None:
        ready = rollouts.ready(workload, image=workload.live) if workload.live else 0
        pods, hindered = f"{ready}/{workload.replicas}", plain(rollouts.worst_reason(workload), 60)
    live, desired = _tag(workload.live, full=full), _tag(workload.desired, full=full)
    behind = "" if workload.live == workload.desired else f"\nGit asks for {desired}" if full else f"→ {desired}"
    first = [_mark(workload), f"**{workload.service}**", pods, live, behind]
    sync = SyncStatus.OUT_OF_SYNC if workload.changed else SyncStatus.SYNCED
    if full:
        state = " · ".join(filter(None, (workload.health, sync, hindered)))
        return "\n".join(filter(None, (" ".join(filter(None, first)).replace(" \n", "\n"), state, last)))
    # Where the tags differ they say so themselves; where only configuration does, nothing else would.
    silent = sync if workload.changed and workload.live == workload.desired else ""
    return " ".join(filter(None, (*first, silent, hindered, f"· {last}" if last else "")))


def _last(status: EnvironmentStatus, service: str) -> str:
    """Who deployed a service last, and when: the bot's own record, or else what Argo CD says of its last operation."""
    ours = next((one for one in status.deploys if one.content and one.content.image_of(service)), None)
    theirs = status.observed.operation if status.observed else None
    if theirs is not None and theirs.phase.ended and (theirs.services is None or service in theirs.services):
        ended = theirs.finished_at or theirs.started_at
        known = ours is not None and (theirs.request_id == ours.id or ours.updated_at > ended)
        if not known:
            who = "Argo CD" if theirs.initiated_by == "automated" else plain(theirs.initiated_by or "somebody", 40)
            return f"{who} {ago(ended)}"
    return f"{plain(ours.requested_name, 40)} {ago(ours.updated_at)}" if ours is not None else ""


def _foreign(status: EnvironmentStatus) -> list[str]:
    """What somebody else, or Argo CD itself, is doing there."""
    seen = status.observed
    if seen is None:
        return []
    sync = seen.operation if seen.operation and not seen.operation.phase.ended else None
    mine = {operation.id for operation in status.operations}
    if sync is None:
        return (
            ["⏳ an operation waits for Argo CD to begin it"]
            if seen.pending and seen.pending_request_id not in mine
            else []
        )
    if sync.request_id in mine:
        return []
    who = "Argo CD" if sync.initiated_by == "automated" else plain(sync.initiated_by or "somebody", 40)
    what = f"⏳ sync of {code(sync.revision[:7], 7)} · {sync.phase} · {who} {ago(sync.started_at)}"
    return [what, *([plain(sync.message, 120)] if sync.message else [])]


def _tag(image: Image | None, *, full: bool) -> str:
    tag = image.tag if image else None
    if tag is None:
        return "nothing"
    return code(tag if full else images.short_revision(tag) or tag, 60 if full else 20)


def _mark(workload: Workload) -> str:
    if workload.health in _BAD:
        return "❌"
    if workload.health is Health.PROGRESSING:
        return "⏳"
    return "✅" if workload.live == workload.desired and not workload.changed else "🟡"


def _operation(operation: Operation) -> str:
    what = " ".join(filter(None, (operation.kind, operation.service)))
    state = "waiting for approval" if operation.state is OperationState.WAITING else operation.state
    return f"⏳ {what} · {state} · {plain(operation.requested_name, 40)} {ago(operation.requested_at)}"


def _colour(view: StatusView, *, service: str | None) -> Colour:
    """The worst of what is shown."""
    seen = [status.observed for status in view if status.observed]
    workloads = [workload for one in seen for workload in one.workloads if service in (None, workload.service)]
    if any(workload.health in _BAD for workload in workloads) or any(status.failure for status in view):
        return Colour.BAD
    if any(workload.health is Health.PROGRESSING for workload in workloads):
        return Colour.RUNNING
    behind = any(workload.live != workload.desired for workload in workloads)
    unsure = len(seen) < len(view) or any(one.sync is SyncStatus.UNKNOWN or one.cluster_error for one in seen)
    return Colour.WAITING if behind or unsure else Colour.GOOD
