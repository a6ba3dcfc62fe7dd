"""The card of a release: one message that a person on a phone can decide from.

The title says the decisive fact; below it one line of what is being deployed, one of which images, the stages, and
last, next to the buttons, what to do. What can be pressed is there only while it would do something. It calls
nobody: it is mostly edited, and Discord tells nobody about an edit; `cards.summons` does that.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.cards import changes, glass, obstacles, rollback, stages, standing
from bot.cards.base import Button, Card, Style
from bot.cards.text import code, duration, fenced, link, paragraphs, plain
from bot.domain import images, releases
from bot.domain.approvals import Approval
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import SyncOperation
from bot.domain.obstacles import Obstacle, stands_still
from bot.domain.operations import Operation
from bot.domain.releases import Release, ReleaseState

_SUBJECT = 80
_TAG = 60
EVIDENCE = 900
"""How much of what the worst pod logged a card shows."""


def render(
    release: Release,
    *,
    id: int,
    operation: Operation | None,
    approval: Approval | None,
    catalog: Catalog,
    now: datetime,
    rolled_back: Operation | None = None,
    held_by: Sequence[Obstacle] = (),
) -> Card:
    """The card of a release with the newest request to deploy it and that request's approval, if there are any.

    `rolled_back` is the rollback that took it away, if one did and nothing brought it back, and `held_by` what
    is in the way of a request that waits. `now` decides only whether an approval is over; a card that merely grew older
    stays equal.
    """
    environment = catalog.environments.get(release.environment)
    if operation is not None and not _concerns(operation, release):
        operation, approval = None, None
    stand = standing.of(
        release,
        operation=operation,
        approval=approval,
        rolled_back=rolled_back,
        catalog=catalog,
        now=now,
        held_by=held_by,
    )
    deciding = standing.is_open(approval, now=now) and operation is not None and not operation.state.ended
    lines = stages.render(
        release,
        operation=operation,
        approval=approval,
        environment=environment,
        catalog=catalog,
        over=stand.over,
        still=environment is not None and stands_still(held_by),
    )
    loud, alone = standing.hotfix(operation), glass.told(approval, environment=environment)
    title = f"{'🚨 ' if alone else ''}{'🔥 ' if loud else ''}{release.service} → {release.environment} · {stand.words}"
    blocks = [
        alone,
        loud,
        "\n".join(filter(None, (_what(release, catalog=catalog), _images(release, operation, catalog=catalog)))),
        changes.since(operation, catalog=catalog) if operation else "",
        "\n".join([*lines, *stages.results(_sync(release, operation))]),
        obstacles.all_told(held_by) if deciding else "",
        f"**Next** {stand.next}" if stand.next else "",
        fenced(operation.evidence, limit=EVIDENCE) if operation else "",
    ]
    run = releases.run_of(release)
    argocd = environment.page if environment else None
    return Card(
        title=title + ("" if stand.over else _total(release, operation)),
        colour=stand.colour,
        reference=f"release {id}",
        url=run.url if run else argocd,
        description=paragraphs(blocks),
        buttons=(
            *(
                decisions(approval, operation, environment=environment, held=bool(held_by))
                if deciding and approval and operation
                else ()
            ),
            *(_run_again(release, id=id) if stand.rerun else ()),
            *([rollback.button(release.environment, release.service)] if stand.back else []),
            Button(label="Run", url=run.url if run else None),
            Button(label="Commit", url=catalog.commit_page(release.source_revision)),
            Button(label="Argo CD", url=argocd),
        ),
        footer=_footer(release, operation),
        timestamp=_started(release, operation),
    )


def decisions(
    approval: Approval, operation: Operation, *, environment: Environment | None, held: bool
) -> tuple[Button, ...]:
    """The buttons that decide a request; there only while they would do something.

    Nobody could withdraw what no member of the guild has asked for. What is in the way forbids consent only. A card is
    the same for everybody, so it has Break glass wherever somebody may.
    """
    decide = (
        Button(
            label="Approve",
            custom_id=f"chatops:approve:{approval.id}",
            style=Style.GOOD,
            disabled=held or approval.refuses,
        ),
        Button(label="Reject", custom_id=f"chatops:reject:{approval.id}", style=Style.BAD),
    )
    own = Button(label="Withdraw", custom_id=f"chatops:withdraw:{approval.id}")
    return (
        *decide,
        *([] if operation.requested_by is None else [own]),
        *([glass.button(approval, held=held)] if environment and environment.breakers_of(operation.scope) else []),
    )


def _run_again(release: Release, *, id: int) -> tuple[Button, ...]:
    """The button that runs exactly the attempt again that is shown."""
    run = releases.current_run(release)
    return (Button(label="Run again", custom_id=f"chatops:rerun:{id}:{run[0]}:{run[1]}"),) if run else ()


def _concerns(operation: Operation, release: Release) -> bool:
    """Whether a request still says something: an ended one about another build of the commit does not."""
    image = operation.content.image_of(operation.service) if operation.content else None
    tag = releases.current_tag(release)
    return not operation.state.ended or image is None or tag is None or image.tag == tag


def _what(release: Release, *, catalog: Catalog) -> str:
    """The commit, as its author described it."""
    run = releases.run_of(release)
    url = catalog.commit_page(release.source_revision)
    if run is None:
        return f"Commit {link(release.source_revision[:7], url)}"
    return f"{link(run.title or release.source_revision[:7], url, limit=_SUBJECT)} by {plain(run.author, 40)}"


def _images(release: Release, operation: Operation | None, *, catalog: Catalog) -> str:
    """Old and new tag with the image behind it, and a link to what is between the two commits they were built from."""
    content = operation.content if operation else None
    change = content.change_of(release.service) if content else None
    tag = releases.current_tag(release)
    new = tag or (change.new.tag if change and change.new else None)
    if new is None:
        return ""
    behind = changes.behind(change) if change and change.new and change.new.tag == new else ""
    previous = change.old if change else release.before.image if release.before else None
    old = previous.tag if previous else None
    if old is None or old == new:
        # The line of the push tells the tag; without a pipeline nothing else does.
        return "" if releases.current_run(release) and not behind else f"{code(new, _TAG)}{behind}"
    before = images.short_revision(old)
    url = catalog.compare_page(before or "", release.source_revision)
    compare = f" · {link('compare', url)}" if before and not release.source_revision.startswith(before) else ""
    return f"{code(old, _TAG)} →\n{code(new, _TAG)}{behind}{compare}"


def _sync(release: Release, operation: Operation | None) -> SyncOperation | None:
    """The sync with what it did to each object: our own has all of it, another one's only what went wrong.

    The operation may have been looked at a moment earlier than the release, and then still show it running.
    """
    newest, ours = releases.sync_of(release), operation.sync if operation else None
    if newest is None or ours is None or newest.started_at != ours.started_at:
        return newest
    return newest if newest.phase.ended and not ours.phase.ended else ours


def _footer(release: Release, operation: Operation | None) -> str:
    """What helps to look further: which attempt this is, and the id that `/why` and the log know the operation by."""
    run = releases.run_of(release)
    return " · ".join(
        filter(
            None,
            (
                f"attempt {run.run_attempt}" if run and run.run_attempt > 1 else "",
                f"operation {operation.id}" if operation else "",
            ),
        )
    )


def _total(release: Release, operation: Operation | None) -> str:
    """How long it took from the first thing known about it until pods ran it, once they do."""
    if releases.state(release) is not ReleaseState.DEPLOYED:
        return ""
    started, done = _started(release, operation), release.deployed.get(releases.current_tag(release) or "")
    # GitHub says when it began and we when it ended: where the clocks disagree, no number beats a wrong one.
    return f" in {duration((done - started).total_seconds())}" if started and done and done > started else ""


def _started(release: Release, operation: Operation | None) -> datetime | None:
    run = releases.run_of(release)
    return run.started_at if run else operation.requested_at if operation else None
