"""The answer to /why: what an operation went through, and why it ended as it did or does not go on.

Of a long story the beginning and the end are told, and the newest row always: that is the one that decides.
"""

from collections.abc import Sequence
from datetime import datetime

from bot.cards import glass, rollback, standing
from bot.cards import obstacles as ways
from bot.cards.base import DESCRIPTION_LIMIT, Button, Card, Colour, cut_lines
from bot.cards.text import ago, code, command, length, paragraphs, plain, several
from bot.domain.approvals import Approval
from bot.domain.catalog import Catalog, Environment
from bot.domain.hindrances import hindrance
from bot.domain.obstacles import Obstacle, stands_still
from bot.domain.operations import DEPLOYING, Operation, OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.domain.stops import Stop
from bot.domain.trail import Entry, Story

_PEOPLE, _DETAIL = 5, 80
_KEPT = 1200
"""Room that what is in the way leaves to the rows: for the newest of them, however long it is."""
_QUIET = (OperationState.REJECTED, OperationState.WITHDRAWN, OperationState.EXPIRED, OperationState.SUPERSEDED)


def why(
    operation: Operation,
    *,
    approval: Approval | None,
    obstacles: Sequence[Obstacle],
    story: Story,
    url: str | None,
    catalog: Catalog,
    now: datetime,
) -> Card:
    """The card; `obstacles` are in the way at this moment, and `url` leads to the operation's own card."""
    environment = catalog.environments.get(operation.environment)
    state = ", ".join(filter(None, (operation.state, ways.word(obstacles[0]) if obstacles else "")))
    reason = _reason(operation, stopped=any(isinstance(one, Stop) for one in obstacles))
    rest = [
        _decision(operation, approval, obstacles=obstacles, environment=environment, catalog=catalog, now=now),
        "\n".join(_asked(operation, approval, environment=environment)),
    ]
    kept = min(_KEPT, length(_told(story, operation, room=DESCRIPTION_LIMIT)))
    room = DESCRIPTION_LIMIT - kept - length(paragraphs([reason, "-", *rest, "-"]))
    way = _in_the_way(operation, obstacles, environment=environment, room=room)
    before = cut_lines(paragraphs([reason, way, *rest]), DESCRIPTION_LIMIT - kept - length(paragraphs("--")))
    room = DESCRIPTION_LIMIT - length(paragraphs([before, "-"]))
    return Card(
        title=f"{operation.kind.capitalize()} of {operation.subject} → {operation.environment} · {state}",
        colour=_colour(operation.state, held=bool(obstacles)),
        description=paragraphs([before, _told(story, operation, room=room)]),
        buttons=(Button(label="Open the card", url=url),),
        footer=f"operation {operation.id}",
    )


def _colour(state: OperationState, *, held: bool) -> Colour:
    if not state.ended:
        return Colour.WAITING if held or state is OperationState.WAITING else Colour.RUNNING
    return Colour.GOOD if state is OperationState.SUCCEEDED else Colour.QUIET if state in _QUIET else Colour.BAD


def _reason(operation: Operation, *, stopped: bool) -> str:
    """Why it ended, or what holds it up; a stop that stands is told of as one."""
    if operation.reason is Reason.STOPPED and stopped:
        return ""
    say = SENTENCES.__getitem__ if operation.state.ended else hindrance
    sentence = say(operation.reason) if operation.reason else ""
    return "\n".join(filter(None, (sentence, plain(operation.detail, 300))))


def _in_the_way(
    operation: Operation, obstacles: Sequence[Obstacle], *, environment: Environment | None, room: int
) -> str:
    """Each with who set it and why and what people can do, and what that means for the operation."""
    lines = []
    if operation.state is OperationState.WAITING and obstacles:
        lines.append(ways.until_then(obstacles, lifetime=environment.approval_lifetime if environment else None))
    if operation.state is OperationState.APPROVED and any(not isinstance(one, Stop) for one in obstacles):
        lines.append("It is approved, and its next step is refused while that stands.")
    room -= sum(length(line) + 1 for line in lines)
    return "\n".join(filter(None, (ways.all_told(obstacles, most=ways.MOST, room=room), *lines)))


def _decision(
    operation: Operation,
    approval: Approval | None,
    *,
    obstacles: Sequence[Obstacle],
    environment: Environment | None,
    catalog: Catalog,
    now: datetime,
) -> str:
    """Who may approve what waits, who may not and why, what is needed yet, and when it ends."""
    if operation.state is not OperationState.WAITING or approval is None:
        return ""
    open_ = standing.is_open(approval, now=now)
    ends = (
        [f"**Ends** {ago(approval.expires_at)} unless it is decided"] if open_ and not stands_still(obstacles) else []
    )
    breakers = standing.breakers(environment, operation.scope)
    glasses = [f"**Who may break the glass:** {breakers}" if breakers else "Nobody may break the glass for it."]
    if approval.refuses or not open_:
        asked = standing.of_request(operation, approval, environment=environment, catalog=catalog, now=now)
        return "\n".join([f"**Next** {asked.next if asked else ''}", *(glasses if open_ else []), *ends])
    barred = _barred(operation, approval)
    return "\n".join(
        [
            f"**Who may approve:** {standing.approvers(environment, operation.scope)}",
            *([f"**Who may not:** {barred}"] if barred else []),
            standing.still_needed(approval),
            *glasses,
            *ends,
        ]
    )


def _barred(operation: Operation, approval: Approval) -> str:
    """Who may not consent to it, and why."""
    asked = [one for one in approval.authors if one == operation.requested_by]
    others = sorted(approval.authors - {*asked})
    named = several([f"<@{one}>" for one in others], limit=_PEOPLE)
    wrote = [f"{named} (wrote, merged or ran it)"] if others else []
    return ", ".join([*(f"<@{one}> (asked for it)" for one in asked), *wrote])


def _asked(operation: Operation, approval: Approval | None, *, environment: Environment | None) -> list[str]:
    lines = [f"**Asked** by {plain(operation.requested_name, 40)} {ago(operation.requested_at)}"]
    if operation.rollback is not None:
        loud = " · 🚨 **emergency**: one approver is enough" if operation.rollback.emergency else ""
        lines.append(f"**Way** {rollback.NAMES[operation.rollback.way]}{loud}")
        lines.append(f"**Why** {plain(operation.rollback.why, 200)}")
    lines += filter(None, [standing.hotfix(operation)])
    if approval is not None:
        votes = ", ".join(f"{plain(vote.name, 40)} {ago(vote.at)}" for vote in approval.votes) or "nobody"
        needed = max(approval.required, len(approval.groups))
        lines.append(f"**Consent** {approval.state} · {len(approval.votes)} of {needed}: {votes}")
        said = approval.refuses and operation.state is OperationState.WAITING  # above
        broken, unknown = glass.told(approval, environment=environment), standing.unknown(approval)
        lines += filter(None, [broken, "" if said else unknown])
        lines.append(f"**Content** {code(approval.digest[:16], 16)}")
    elif operation.kind in DEPLOYING and operation.content is not None:
        lines.append("**Consent** none is needed here")
    return lines


def _told(story: Story, operation: Operation, *, room: int) -> str:
    """The rows, without as many from the middle as do not fit."""
    first, newest = ([_line(one, operation) for one in rows] for rows in (story.first, story.newest))
    left = story.left
    while True:
        rest = command("audit", operation=operation.id)
        gap = [f"… {left} more in between: {rest}"] if left else []
        text = "\n".join([*first, *gap, *newest])
        if length(text) <= room or len(first) + len(newest) <= 1:
            return text
        if first:
            first.pop()
        else:
            newest.pop(0)
        left += 1


def _line(entry: Entry, operation: Operation) -> str:
    when = ago(datetime.fromisoformat(entry.at))
    said = "" if entry.detail in (operation.detail, operation.said) else entry.detail  # stands above
    words = (plain(entry.action, 30), plain(entry.outcome, 30), code(entry.reason or "", 40), plain(said, _DETAIL))
    who = "" if entry.actor == "chatops" else f" by {_actor(entry.actor)}"
    return f"#{entry.id} {when} {' · '.join(filter(None, words[:3]))}{who}{f': {words[3]}' if words[3] else ''}"


def _actor(actor: str) -> str:
    kind, _, name = actor.partition(":")
    return f"<@{name}>" if kind == "discord" and name.isdigit() else plain(actor, 60)
