"""The answer to /status: for each environment what Git asks for, what runs, and what is going on there.

It shows what was read last and when; a part that did not answer is named instead of being guessed.
"""

from dataclasses import dataclass

from bot.cards import freezes, locks, stops
from bot.cards.base import VALUE_LIMIT, Card, Colour, Field, counted
from bot.cards.text import ago, code, command, length, link, plain
from bot.domain import images, rollouts
from bot.domain.catalog import Environment, named_after
from bot.domain.events import ApplicationObserved, Health, Phase, SyncOperation, SyncStatus, Workload
from bot.domain.freezes import Frozen
from bot.domain.images import Image
from bot.domain.locks import Lock
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.domain.stops import Stop

_BAD = frozenset({Health.DEGRADED, Health.MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """What is known about one environment. `failure` is why the newest attempt to read it failed, if it did.

    `operations` are the bot's open ones, `deploys` its newest ones that went well, the newest first.
    `locks` are the deploy locks that hold there, `frozen` the freezes.
    """

    environment: Environment
    observed: ApplicationObserved | None
    failure: Reason | None
    operations: tuple[Operation, ...]
    deploys: tuple[Operation, ...] = ()
    locks: tuple[Lock, ...] = ()
    frozen: tuple[Frozen, ...] = ()


StatusView = tuple[EnvironmentStatus, ...]


def render(view: StatusView, *, service: str | None, more: int = 0, stop: Stop | None = None) -> Card:
    """The overview; with a `service` only that one, its tags in full. `more` environments are not in the view.
    That everything is stopped is said first.

    Of many environments the first that fit are shown and the rest is counted. Who deployed last is told for each
    unless that leaves less room for environments.
    """
    short = _card(view, service=service, more=more, newest=False, stop=stop)
    if len(view) < 2 or service is not None:
        return short
    full = _card(view, service=service, more=more, newest=True, stop=stop)
    return full if len(full.fields) == len(short.fields) else short


def _card(view: StatusView, *, service: str | None, more: int, newest: bool, stop: Stop | None) -> Card:
    """The card, whose footer counts what found no room in it."""
    place = view[0].environment.name if len(view) == 1 else None
    fields = tuple(_environment(status, service=service, alone=len(view) == 1, newest=newest) for status in view)
    card = Card(
        title=" → ".join(filter(None, (service, place))) or "All environments",
        colour=Colour.BAD if stop else _colour(view, service=service),
        fields=fields,
        description="\n".join(
            filter(
                None, (stops.told(stop) if stop else "", "" if view else "There is no environment that you may see.")
            )
        ),
    )
    return counted(card, total=more + len(fields), rest=_rest)


def _rest(number: int) -> str:
    return f"and {number} more: /status environment:" if number else ""


def _environment(status: EnvironmentStatus, *, service: str | None, alone: bool, newest: bool) -> Field:
    """One environment; `alone` there is room to say who deployed each service last, else perhaps one for all."""
    seen = status.observed
    held = [lock for lock in status.locks if None in (service, lock.service) or lock.service == service]
    frozen = [one for one in status.frozen if None in (service, one.freeze.service) or one.freeze.service == service]
    lines = [*(locks.told(lock, limit=60) for lock in held), *(freezes.told(one, limit=60) for one in frozen)]
    lines += _missing(status)
    if seen is not None:
        chosen = [workload for workload in seen.workloads if service in (None, workload.service)]
        for workload in chosen:
            last = _last(status, workload.service) if alone or service else ""
            lines.append(_workload(workload, seen, full=service is not None, last=last))
        if not chosen:
            lines.append(f"{code(service or '', 60)} is not part of this Application.")
    lines += [_operation(operation) for operation in status.operations if _concerns(operation, service)]
    lines += _foreign(status)
    if seen is not None:
        lines.append(f"{link('Argo CD', status.environment.page)} read {ago(seen.observed_at)}")
    deployed = _newest(status) if newest else ""
    if deployed and length("\n".join([*lines, deployed])) <= VALUE_LIMIT:
        lines.insert(-1 if seen is not None else len(lines), deployed)
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
    mine = (
        one for one in status.deploys if one.content and service in {change.service for change in one.content.images}
    )
    return _later(next(mine, None), _foreign_sync(status, service=service))


def _newest(status: EnvironmentStatus) -> str:
    """Who deployed anything there last, and when; the same two sources."""
    last = _later(next(iter(status.deploys), None), _foreign_sync(status, service=None))
    return f"deployed last: {last}" if last else ""


def _later(ours: Operation | None, theirs: SyncOperation | None) -> str:
    """Who and when, of whichever ended later."""
    ended = (theirs.finished_at or theirs.started_at) if theirs else None
    if theirs is not None and ended is not None and (ours is None or ours.updated_at <= ended):
        return f"{_initiator(theirs)} {ago(ended)}"
    return f"{plain(ours.requested_name, 40)} {ago(ours.updated_at)}" if ours is not None else ""


def _foreign_sync(status: EnvironmentStatus, *, service: str | None) -> SyncOperation | None:
    """The newest operation when it went well, is not the bot's own, and changed the service, if one is named.

    Of its own the bot knows better who asked. A full sync touches every object, so its results have to name one of the
    service's that was not `unchanged`, as `kubectl apply` says it.
    """
    sync = status.observed.operation if status.observed else None
    if sync is None or sync.phase is not Phase.SUCCEEDED or sync.request_id is not None:
        return None
    if service is None or sync.services is not None:
        return sync if service is None or service in (sync.services or ()) else None
    names = [workload.service for workload in status.observed.workloads] if status.observed else []
    changed = (one.name for one in sync.results if one.status == "Synced" and not one.message.endswith("unchanged"))
    return sync if service in {named_after(name, services=names) for name in changed} else None


def _initiator(sync: SyncOperation) -> str:
    return "Argo CD" if sync.initiated_by == "automated" else plain(sync.initiated_by or "somebody", 40)


def _foreign(status: EnvironmentStatus) -> list[str]:
    """What somebody else, or Argo CD itself, is doing there."""
    seen = status.observed
    if seen is None:
        return []
    sync = seen.operation if seen.operation and seen.operation.holds else None
    mine = {operation.id for operation in status.operations}
    if sync is None:
        return (
            ["⏳ an operation waits for Argo CD to begin it"]
            if seen.pending and seen.pending_request_id not in mine
            else []
        )
    if sync.request_id in mine or (sync.phase.ended and not seen.pending):
        return []
    if sync.phase.ended:
        free = command("terminate", environment=status.environment.name)
        return [f"⚠️ sync of {code(sync.revision[:7], 7)} has ended, but still holds the Application: {free} frees it"]
    what = f"⏳ sync of {code(sync.revision[:7], 7)} · {sync.phase} · {_initiator(sync)} {ago(sync.started_at)}"
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


def _concerns(operation: Operation, service: str | None) -> bool:
    """Whether it is about the service, as a deploy of everything is that changes it."""
    return service in (None, operation.service) or _changes(operation, service)


def _changes(operation: Operation, service: str | None) -> bool:
    return operation.content is not None and any(change.service == service for change in operation.content.images)


def _operation(operation: Operation) -> str:
    of_application = operation.kind in (OperationKind.REFRESH, OperationKind.TERMINATE)
    what = operation.kind if of_application else f"{operation.kind} {operation.subject}"
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
