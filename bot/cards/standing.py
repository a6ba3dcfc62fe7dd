"""Where a release stands, in the words of its card: the decisive fact, the colour, and what to do next.

Three things are known about a release: how far its facts go, what became of the newest request to deploy it, and
whether somebody has to decide. What is in the cluster beats what was asked for, and what was asked for beats what the
pipeline did: that order is the whole logic of this module.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.cards import obstacles
from bot.cards.base import Colour
from bot.cards.text import code, command, duration, plain, several
from bot.domain import releases, timeline
from bot.domain.approvals import Approval, ApprovalState, Group
from bot.domain.catalog import Catalog, Environment
from bot.domain.events import RunStatus
from bot.domain.hindrances import hindrance
from bot.domain.obstacles import Obstacle
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import ROLLOUT, SENTENCES, Reason
from bot.domain.releases import Release, ReleaseState
from bot.domain.timeline import LineState

CARE = "Make sure they do not approve their own work."
"""What whoever approves has to see to, of people whom nobody knows here."""
_LOGINS, _LOGIN = 3, 40
_ROLES = 10
_AWAY = frozenset({ReleaseState.DEPLOYED, ReleaseState.SUPERSEDED})
_STAGE_WORDS = {
    "build": "building",
    "scan": "scanning",
    "push": "pushing the image",
    "manifest": "writing the manifest",
}
_IN_CLUSTER = frozenset(
    {
        ReleaseState.DEPLOYED,
        ReleaseState.SUPERSEDED,
        ReleaseState.SYNCING,
        ReleaseState.ROLLING,
        ReleaseState.DEGRADED,
        ReleaseState.SYNC_FAILED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`words` end the title; `next` says what to do, or '' when there is nothing to do but wait.

    `over` means that nothing more happens until a person does something, `rerun` that running again could help, `back`
    that going back could.
    """

    words: str
    colour: Colour
    next: str = ""
    over: bool = False
    rerun: bool = False
    back: bool = False


def of(
    release: Release,
    *,
    operation: Operation | None,
    approval: Approval | None,
    rolled_back: Operation | None,
    catalog: Catalog,
    now: datetime,
    held_by: Sequence[Obstacle] = (),
) -> Standing:
    """The decisive fact about a release at this moment; `rolled_back` is the rollback that took it away, if one did."""
    state = releases.state(release)
    environment = catalog.environments.get(release.environment)
    if rolled_back is not None and rolled_back.rollback is not None and state in _AWAY:
        words, why = f"rolled back by {plain(rolled_back.requested_name, 40)}", plain(rolled_back.rollback.why, 200)
        return Standing(words=words, colour=Colour.BAD, next=f"Fix it, and push again: {why}", over=True)
    if state in _IN_CLUSTER:
        return _in_cluster(release, state, operation=operation)
    if operation is not None:
        asked = of_request(operation, approval, environment=environment, catalog=catalog, now=now, held_by=held_by)
        if asked is not None:
            return asked
    if state is ReleaseState.FAILED:
        return _failed(release)
    if state is ReleaseState.RUNNING:
        running = next((line for line in timeline.pipeline(release) if line.state is LineState.RUNNING), None)
        return Standing(words=_STAGE_WORDS[running.name] if running else "started", colour=Colour.RUNNING)
    return _committed(release, state, environment=environment)


def is_open(approval: Approval | None, *, now: datetime) -> bool:
    """Whether the approval can be decided at this moment."""
    return approval is not None and approval.state is ApprovalState.PENDING and now < approval.expires_at


def hotfix(operation: Operation | None) -> str:
    """Why a deploy goes through a freeze; '' for any other."""
    return f"🔥 **Hot-fix**: {plain(operation.hotfix, 200)}" if operation and operation.hotfix else ""


def ask_again(release: Release | Operation) -> str:
    """The command that asks for this deploy."""
    place = {"environment": release.environment, "service": release.service or "all"}
    if isinstance(release, Release):
        return command("deploy", **place)
    if release.rollback is not None:
        return command("rollback", **place)
    revision = release.revision[:12] if release.revision and not release.tag else None
    return command("deploy", **place, revision=revision, tag=release.tag)


def _in_cluster(release: Release, state: ReleaseState, *, operation: Operation | None) -> Standing:
    if state is ReleaseState.DEPLOYED and operation is not None and operation.reason is Reason.WRONG_IMAGE:
        sentence = SENTENCES[Reason.WRONG_IMAGE]
        return Standing(words="another image runs", colour=Colour.BAD, next=sentence, over=True, back=True)
    if state is ReleaseState.DEPLOYED:
        return Standing(words="deployed", colour=Colour.GOOD)
    if state is ReleaseState.SUPERSEDED:
        desired = release.latest.workload.desired if release.latest else None
        newer = f"{code(desired.tag, 60)} took its place. " if desired and desired.tag else ""
        return Standing(words="superseded", colour=Colour.QUIET, next=f"{newer}Follow the newest card.", over=True)
    if state is ReleaseState.SYNCING:
        return Standing(words="syncing", colour=Colour.RUNNING)
    if state is ReleaseState.ROLLING and (operation is None or operation.state is not OperationState.FAILED):
        return Standing(
            words=" ".join(filter(None, ("rolling out", timeline.progress(release)))), colour=Colour.RUNNING
        )
    reason = {
        ReleaseState.ROLLING: operation.reason if operation else None,
        ReleaseState.DEGRADED: Reason.ROLLOUT_FAILED,
        ReleaseState.SYNC_FAILED: Reason.SYNC_FAILED,
    }[state]
    words = {ReleaseState.DEGRADED: "degraded", ReleaseState.SYNC_FAILED: "sync failed"}.get(state, "rollout failed")
    sentence, back = SENTENCES[reason or Reason.ROLLOUT_FAILED], state is not ReleaseState.SYNC_FAILED
    return Standing(words=words, colour=Colour.BAD, next=sentence, over=True, back=back)


def of_request(
    operation: Operation,
    approval: Approval | None,
    *,
    environment: Environment | None,
    catalog: Catalog,
    now: datetime,
    held_by: Sequence[Obstacle] = (),
) -> Standing | None:
    """What the newest request says, or None when it says nothing beyond the release. `held_by` is in its way."""
    again = f"{ask_again(operation)} asks again."
    say = SENTENCES.__getitem__ if operation.state.ended else hindrance
    sentence = say(operation.reason) if operation.reason else ""
    hindered = " ".join(filter(None, (sentence, plain(operation.detail, 200))))
    match operation.state:
        case OperationState.WAITING if approval is None or is_open(approval, now=now):
            if held_by:
                words = f"{obstacles.word(held_by[0])}, waiting for approval"
                lifetime = environment.approval_lifetime if environment else None
                what = obstacles.until_then(held_by, lifetime=lifetime)
                return Standing(words=words, colour=Colour.WAITING, next=what)
            who = approval and _who_decides(approval, operation=operation, environment=environment, catalog=catalog)
            return Standing(words="waiting for approval", colour=Colour.WAITING, next=who or "")
        case OperationState.WAITING | OperationState.EXPIRED:
            within = f" within {duration(_lifetime(approval))}" if approval else ""
            return Standing(
                words="approval expired", colour=Colour.QUIET, next=f"Nobody decided{within}. {again}", over=True
            )
        case OperationState.REJECTED | OperationState.WITHDRAWN:
            who = f" by {plain(approval.decided_by, 40)}" if approval and approval.decided_by else ""
            return Standing(words=f"{operation.state}{who}", colour=Colour.QUIET, next=again, over=True)
        case OperationState.REQUESTED:
            return _under_way(operation, words="preparing", sentence=hindered)
        case OperationState.APPROVED:
            return _under_way(operation, words="approved", sentence=hindered)
        case OperationState.DISPATCHING | OperationState.RUNNING:
            return Standing(words="syncing", colour=Colour.RUNNING, next=hindered)
        case OperationState.REFUSED | OperationState.FAILED:
            done, what = ("deployed", "deploy") if operation.rollback is None else ("rolled back", "rollback")
            words = f"not {done}" if operation.state is OperationState.REFUSED else f"{what} failed"
            back = operation.reason in ROLLOUT and operation.rollback is None
            return Standing(words=words, colour=Colour.BAD, next=hindered, over=True, back=back)
        case OperationState.SUPERSEDED if operation.reason is Reason.SUPERSEDED:
            who = f" of {plain(approval.decided_by, 40)}" if approval and approval.decided_by else ""
            words = f"superseded by a newer request{who}"
            return Standing(words=words, colour=Colour.QUIET, next=hindered, over=True)
        case OperationState.SUPERSEDED if operation.reason is Reason.CHANGED_SINCE:
            return Standing(words="changed since it was shown", colour=Colour.QUIET, next=hindered, over=True)
        case _:
            return None


def _under_way(operation: Operation, *, words: str, sentence: str) -> Standing:
    """What goes on by itself, unless everything is stopped."""
    if operation.reason is Reason.STOPPED:
        return Standing(words=f"{words}, stopped", colour=Colour.WAITING, next=sentence)
    return Standing(words=words, colour=Colour.RUNNING, next=sentence)


def _who_decides(approval: Approval, *, operation: Operation, environment: Environment | None, catalog: Catalog) -> str:
    """Who has to press, and who cannot: the people who asked for it or wrote it."""
    who = approvers(environment, operation.scope)
    if approval.refuses:
        way_out = f"{'Add them there, and ' if approval.unmapped else ''}{ask_again(operation)} asks again."
        return f"{unknown(approval)}, so nobody can approve it. {way_out} {who} may reject it."
    names = dict(catalog.logins)
    if operation.requested_by is not None:
        names[operation.requested_by] = operation.requested_name
    barred = " or ".join(plain(names[person], 40) for person in sorted(approval.authors) if person in names)
    but = f", but not {barred}" if barred else ""
    needed = f" {still_needed(approval)}" if approval.groups else ""
    unsure = f"\n⚠️ {unknown(approval)}. {CARE}" if approval.unknown else ""
    return f"{who} approves or rejects{but}.{needed}{unsure}"


def unknown(approval: Approval, *, most: int = _LOGINS) -> str:
    """Which people behind a request nobody can tell on Discord, as the beginning of a sentence; '' for none.

    At most so many are named.
    """
    if not approval.unmapped:
        return "GitHub does not tell everybody who wrote or merged it" if approval.unsure else ""
    more = len(approval.unmapped) - most
    named = ", ".join(code(login, _LOGIN) for login in approval.unmapped[:most])
    others = f" and {more} more" if more > 0 else ""
    return f"Not in the identity map: {named}{others}{', and maybe others' if approval.unsure else ''}"


def approvers(environment: Environment | None, service: str | None) -> str:
    """The roles that may approve what is about a service, or about all of them, as the beginning of a sentence."""
    called = [environment.mention] if environment and environment.mention else []
    roles = sorted(environment.approvers_of(service)) if environment else []
    roles = roles or called
    return _either(f"<@&{role}>" for role in roles) or "Somebody who may approve"


def breakers(environment: Environment | None, service: str | None) -> str:
    """The roles that may break the glass for what is about a service, or about all of them; '' for none."""
    return _either(f"<@&{role}>" for role in sorted(environment.breakers_of(service))) if environment else ""


def still_needed(approval: Approval) -> str:
    """How many people have to consent yet, and of which groups, with the roles of each."""
    people = "one more person" if approval.missing == 1 else f"{approval.missing} more people"
    return f"Still needed: {people}{of_groups(approval.unfilled, vacant=approval.vacant, missing=approval.missing)}."


def of_groups(groups: Sequence[Group], *, vacant: int, missing: int) -> str:
    """Of which groups the `missing` people have to be, `vacant` of which nobody stands for; '' for none."""
    named = [
        f"**{plain(group.name, 40)}** ({_either(f'<@&{role}>' for role in sorted(group.roles))})" for group in groups
    ]
    if not named:
        return ""
    every = " and of ".join(named) if len(named) == vacant else _either(named)
    return f", {'' if missing == vacant else 'among them somebody '}of {every}"


def _either(names: Iterable[str]) -> str:
    return several([*names], last="or", limit=_ROLES)


def _lifetime(approval: Approval) -> float:
    return (approval.expires_at - approval.requested_at).total_seconds()


def _failed(release: Release) -> Standing:
    """A stage can fail while its run goes on; GitHub runs again only what has ended."""
    run = releases.run_of(release)
    ended = run is None or run.status is RunStatus.COMPLETED
    again = "**Run again** runs the failed jobs once more, and goes on here."
    if run is not None and run.conclusion == "cancelled":
        return Standing(words="cancelled", colour=Colour.QUIET, next=again, over=True, rerun=True)
    step = code(timeline.failed_step(release), 120)
    what = f"{step} failed. " if step else ""
    how = again if ended else "A re-run goes on here."
    return Standing(words="failed", colour=Colour.BAD, next=f"{what}Read the run's log. {how}", over=True, rerun=ended)


def _committed(release: Release, state: ReleaseState, *, environment: Environment | None) -> Standing:
    """The manifest asks for the image; Argo CD or a person has the next move."""
    if environment is None:
        return Standing(
            words="committed", colour=Colour.QUIET, next="The topology file no longer has this environment."
        )
    if state is ReleaseState.PENDING and not environment.automated:
        return Standing(words="ready to deploy", colour=Colour.WAITING, next=f"{ask_again(release)} asks for approval.")
    look = command("refresh", environment=release.environment)
    return Standing(words="waiting for Argo CD", colour=Colour.RUNNING, next=f"{look} makes it look now.")
