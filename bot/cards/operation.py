"""The card of an operation that is not about one release: everything at once, a chosen commit, a restart, a stop.

It is made of the operation's own row; what runs meanwhile is taken from the newest read only while it runs, so that a
card that has ended stays as it ended.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.cards import changes, glass, obstacles, rollback, stages, standing
from bot.cards.base import Button, Card, Colour
from bot.cards.release import EVIDENCE, decisions
from bot.cards.standing import Standing
from bot.cards.text import ago, code, duration, fenced, link, paragraphs, plain
from bot.domain import rollouts, verdicts
from bot.domain.approvals import Approval
from bot.domain.catalog import Catalog, Environment
from bot.domain.contents import Content
from bot.domain.events import ApplicationObserved, Phase
from bot.domain.hindrances import hindrance
from bot.domain.obstacles import Obstacle, stands_still
from bot.domain.operations import DEPLOYING, Operation, OperationKind, OperationState
from bot.domain.reasons import SENTENCES
from bot.domain.timeline import Line, LineState

_TAG = 40
_IMAGES = 10
_WORDS: dict[OperationKind, dict[OperationState, tuple[str, Colour]]] = {
    OperationKind.RESTART: {
        OperationState.SUCCEEDED: ("restarted", Colour.GOOD),
        OperationState.FAILED: ("restart failed", Colour.BAD),
        OperationState.REFUSED: ("not restarted", Colour.BAD),
    },
    OperationKind.TERMINATE: {
        OperationState.SUCCEEDED: ("sync stopped", Colour.GOOD),
        OperationState.FAILED: ("not stopped yet", Colour.BAD),
        OperationState.REFUSED: ("nothing stopped", Colour.QUIET),
    },
}
_OVER = {True: "sync stopped", False: "the sync had ended", None: "the sync is over"}
_UNDER_WAY = {OperationKind.RESTART: "restarting", OperationKind.TERMINATE: "stopping the sync"}


def render(
    operation: Operation,
    *,
    approval: Approval | None,
    observed: ApplicationObserved | None,
    catalog: Catalog,
    now: datetime,
    held_by: Sequence[Obstacle] = (),
) -> Card:
    """The card; `observed` is the newest read of the Application, `now` decides only whether an approval is over.

    `held_by` is what is in the way of a request that waits.
    """
    environment = catalog.environments.get(operation.environment)
    progress = _progress(operation, observed) if operation.state is OperationState.RUNNING else ""
    stand = _standing(
        operation,
        approval,
        observed=observed,
        progress=progress,
        environment=environment,
        catalog=catalog,
        now=now,
        held_by=held_by,
    )
    place = operation.environment
    if operation.kind is not OperationKind.TERMINATE:
        place = f"{operation.subject} → {place}"
    if operation.rollback is not None:
        place = f"{'🚨' if operation.rollback.emergency else '⏪'} {place}"
    loud = standing.hotfix(operation)
    if loud:
        place = f"🔥 {place}"
    alone = glass.told(approval, environment=environment)
    if alone:
        place = f"🚨 {place.removeprefix('🚨 ')}"
    deciding = standing.is_open(approval, now=now) and not operation.state.ended
    revision = operation.order.revision if operation.order else None
    return Card(
        title=f"{place} · {stand.words}",
        colour=stand.colour,
        reference=f"operation {operation.id}",
        url=environment.page if environment else None,
        description=paragraphs(
            [
                alone,
                loud,
                _off_branch(operation, environment=environment),
                rollback.going_back(operation, catalog=catalog),
                changes.since(operation, catalog=catalog),
                _what(operation, catalog=catalog),
                _between(operation, catalog=catalog),
                "\n".join(
                    _lines(
                        operation,
                        approval,
                        progress=progress,
                        over=stand.over,
                        still=environment is not None and stands_still(held_by),
                        catalog=catalog,
                    )
                ),
                obstacles.all_told(held_by) if deciding else "",
                f"**Next** {stand.next}" if stand.next else "",
                fenced(operation.evidence, limit=EVIDENCE),
            ]
        ),
        buttons=(
            *(
                decisions(approval, operation, environment=environment, held=bool(held_by))
                if deciding and approval
                else ()
            ),
            *([rollback.button(operation.environment, operation.service)] if stand.back and operation.service else []),
            Button(label="Pull request", url=operation.pull_request),
            Button(label="Commit", url=catalog.commit_page(revision) if revision else None),
            Button(label="Argo CD", url=environment.page if environment else None),
        ),
        timestamp=operation.requested_at,
    )


def _standing(
    operation: Operation,
    approval: Approval | None,
    *,
    observed: ApplicationObserved | None,
    progress: str,
    environment: Environment | None,
    catalog: Catalog,
    now: datetime,
    held_by: Sequence[Obstacle],
) -> Standing:
    """The decisive fact, by the kind of the operation."""
    say = SENTENCES.__getitem__ if operation.state.ended else hindrance
    reason = " ".join(filter(None, (say(operation.reason) if operation.reason else "", plain(operation.detail, 200))))
    if operation.kind in DEPLOYING:
        if operation.state is OperationState.SUCCEEDED and operation.rollback is not None:
            return rollback.gone_back(operation, observed=observed, total=_total(operation))
        if operation.state is OperationState.SUCCEEDED:
            return Standing(words=f"deployed{_total(operation)}", colour=Colour.GOOD, over=True)
        if operation.state is OperationState.RUNNING and operation.sync and operation.sync.phase.ended:
            return Standing(words=f"rolling out {progress}".rstrip(), colour=Colour.RUNNING, next=reason)
        asked = standing.of_request(
            operation, approval, environment=environment, catalog=catalog, now=now, held_by=held_by
        )
        return asked or Standing(words="void", colour=Colour.QUIET, next=reason, over=True)
    if operation.state.ended:
        words, colour = _WORDS[operation.kind].get(operation.state, (operation.state.value, Colour.QUIET))
        if operation.kind is OperationKind.TERMINATE and operation.state is OperationState.SUCCEEDED:
            words = _OVER[verdicts.was_stopped(operation)]
        total = _total(operation) if operation.state is OperationState.SUCCEEDED else ""
        return Standing(words=words + total, colour=colour, next=reason, over=True)
    words = _UNDER_WAY[operation.kind]
    return Standing(words=f"{words} {progress}".rstrip(), colour=Colour.RUNNING, next=reason)


def _what(operation: Operation, *, catalog: Catalog) -> str:
    """What would change, or whom it concerns; and who asked."""
    asked = f"Asked by {plain(operation.requested_name, 40)}"
    sync = operation.sync
    if operation.kind is OperationKind.TERMINATE and sync is not None:
        commit = link(sync.revision[:7], catalog.commit_page(sync.revision))
        return f"Sync of {commit} by {plain(sync.initiated_by or 'somebody', 40)} {ago(sync.started_at)}\n{asked}"
    return _content(operation.order, catalog=catalog) if operation.order else asked


def _off_branch(operation: Operation, *, environment: Environment | None) -> str:
    """What an approver has to know before anything else about an image of another branch."""
    if not operation.off_branch or environment is None:
        return ""
    return f"⚠️ **Not on {code(environment.branch, 60)}**: the commit behind this image is on another branch only."


def _between(operation: Operation, *, catalog: Catalog) -> str:
    """The commits that come with a chosen tag, and those that it takes back."""
    if operation.between is None:
        return ""
    found = changes.commits(operation.between, back=operation.rollback is not None, catalog=catalog)
    return found or "Both images were built from the same commit."


def _content(content: Content, *, catalog: Catalog) -> str:
    lines = []
    for change in content.images[:_IMAGES]:
        old, new = (image.version if image else None for image in (change.old, change.new))
        tag, behind = code(new or "nothing", _TAG), changes.behind(change)
        same = f"configuration\n{tag}{behind}" if behind else "configuration"
        tags = same if old == new else f"{code(old or 'nothing', _TAG)} →\n{tag}{behind}"
        lines.append(f"**{change.service}** {tags}")
    if len(content.images) > _IMAGES:
        lines.append(f"and {len(content.images) - _IMAGES} more services")
    objects = f"{len(content.resources)} object{'s' if len(content.resources) != 1 else ''}"
    lines.append(f"{objects} at {link(content.revision[:7], catalog.commit_page(content.revision))}")
    return "\n".join(lines)


def _lines(
    operation: Operation, approval: Approval | None, *, progress: str, over: bool, still: bool, catalog: Catalog
) -> list[str]:
    """The stages of a deploy; the others have one stage, which is their title."""
    if operation.kind not in DEPLOYING:
        return []
    sync = operation.sync
    begun = sync.finished_at if sync and sync.phase is Phase.SUCCEEDED else None
    state = LineState.RUNNING if begun else LineState.PENDING
    finished = operation.updated_at if operation.state is OperationState.SUCCEEDED else None
    if operation.state.ended and begun:
        state = LineState.SUCCEEDED if finished else LineState.FAILED
    rollout = Line(name="rollout", state=state, started_at=begun, finished_at=finished, detail=progress)
    return [
        *stages.of_operation(
            operation, approval=approval, rollout=rollout, over=over, still=still, commit=catalog.commit_page
        ),
        *stages.results(sync),
    ]


def _progress(operation: Operation, observed: ApplicationObserved | None) -> str:
    """`n/m` pods that are as they shall be, or '' when the cluster is not known."""
    if observed is None or observed.cluster_error is not None or operation.dispatched_at is None:
        return ""
    done = wanted = 0
    services = [change.service for change in operation.content.images] if operation.content else [operation.service]
    for workload in observed.workloads:
        if workload.service not in services:
            continue
        wanted += workload.replicas
        image = operation.content.image_of(workload.service) if operation.content else None
        if operation.kind is OperationKind.RESTART:
            done += rollouts.restarted(workload, before=operation.restarted_before)
        elif image is not None:
            done += rollouts.ready(workload, image=image)
    return f"{done}/{wanted}" if wanted else ""


def _total(operation: Operation) -> str:
    """How long it took from the order to the end."""
    if operation.dispatched_at is None:
        return ""
    seconds = (operation.updated_at - operation.dispatched_at).total_seconds()
    return f" in {duration(seconds)}" if seconds > 0 else ""
