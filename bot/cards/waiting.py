"""Everything that waits for consent in an environment, for one person, and the one button that consents to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.cards import changes, stages, standing
from bot.cards.base import DESCRIPTION_LIMIT, Button, Card, Colour, Style
from bot.cards.text import code, length, paragraphs, plain
from bot.domain.approvals import Approval
from bot.domain.operations import Operation, Way
from bot.domain.reasons import SENTENCES, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class _Width:
    """How much of each name and tag is shown, and how many services, and people whom nobody knows, are named."""

    name: int
    tag: int
    services: int
    people: int


_WIDTHS = (
    _Width(name=28, tag=40, services=4, people=3),
    _Width(name=16, tag=24, services=2, people=1),
    _Width(name=10, tag=12, services=1, people=1),
)
"""The widest at which the whole list fits is taken: with the last one it always does."""
_NAME = 28
_DIGEST = 12
_WAYS = {Way.TAG: "its earlier tag", Way.REVERT: "git revert", Way.HISTORY: "Argo CD's history"}
_LATER = "One press does not take more. Press again afterwards."


def several(
    environment: str,
    *,
    within_reach: Sequence[tuple[Approval, Operation]],
    others: Iterable[tuple[Operation, Reason | None]],
    fingerprint: str,
    moved: bool = False,
) -> Card:
    """What one press would consent to, and the `others` with why it would not.

    `moved` says that the person has pressed, and that the list was another one by then.
    """
    number = len(within_reach)
    left = [f"• **{plain(one.subject, _NAME)}** {SENTENCES[why] if why else _LATER}" for one, why in others]
    button = Button(
        label=f"Approve these {number}" if number > 1 else "Approve this one",
        custom_id=f"chatops:all:{environment}:{fingerprint}",
        style=Style.GOOD,
    )
    return Card(
        title=f"{environment} · {number or 'nothing'} to approve",
        colour=Colour.WAITING if number else Colour.QUIET,
        description=paragraphs(
            [_shown(within_reach, moved=moved), "\n".join(["**Not by this press**", *left] if left else [])]
        ),
        buttons=(button,) if number else (),
    )


def approved(environment: str, granted: Sequence[Approval]) -> Card:
    """What the press did, request by request."""
    lines = [
        f"• **{plain(one.service, _NAME)}** {standing.still_needed(one) if one.missing else 'goes'}" for one in granted
    ]
    more = (
        ["The bot checks each once more, then syncs exactly this."] if any(not one.missing for one in granted) else []
    )
    return Card(
        title=f"{environment} · {len(granted)} approved",
        colour=Colour.GOOD if more else Colour.WAITING,
        description="\n".join([*lines, *more]),
    )


def _shown(within_reach: Sequence[tuple[Approval, Operation]], *, moved: bool) -> str:
    """All that one press would consent to: nothing of it may be cut, so names are shortened until it fits."""
    text = ""
    for width in _WIDTHS:
        text = paragraphs(
            [
                "⚠️ **The list has changed**, so nothing was approved. This is how it is now." if moved else "",
                "\n".join(_request(*one, width=width) for one in within_reach),
                f"⚠️ {standing.CARE}" if any(approval.unknown for approval, _ in within_reach) else "",
            ]
        )
        if length(text) < DESCRIPTION_LIMIT - 2:  # with room for what the card puts in the place of the others
            break
    return text


def _request(approval: Approval, operation: Operation, *, width: _Width) -> str:
    """One request: what would change, who asked, and the beginning of the fingerprint that the audit table keeps."""
    mark = "" if operation.rollback is None else "🚨 " if operation.rollback.emergency else "⏪ "
    mark = "🔥 " if operation.hotfix else mark
    facts = [
        f"asked by {plain(operation.requested_name, width.name)}",
        stages.consenting(approval, limit=width.name),
        stages.ends(approval, still=False),
        code(approval.digest[:_DIGEST], _DIGEST),
        "⚠️ on another branch only" if operation.off_branch else "",
        "⚠️ changed since it was shown" if operation.asked_again else "",
    ]
    lines = (" · ".join(_loud(approval, operation, width=width)), " · ".join(filter(None, facts)))
    first = f"• {mark}**{plain(operation.subject, width.name)}** {_what(operation, width=width)}"
    return "\n  ".join(filter(None, (first, *lines)))


def _loud(approval: Approval, operation: Operation, *, width: _Width) -> Iterator[str]:
    """What the card says before anything else, in a few words each."""
    rollback, between = operation.rollback, operation.between
    if rollback is not None and rollback.emergency:
        yield "**emergency**"
    if rollback is not None:
        yield f"by {_WAYS[rollback.way]}"
    if between is not None and between.lost:
        yield f"⚠️ **takes {changes.number_of(between.lost)} back**"
    if operation.hotfix:
        yield "**hot-fix**"
    if approval.unknown:
        yield f"⚠️ {standing.unknown(approval, most=width.people)}"


def _what(operation: Operation, *, width: _Width) -> str:
    """Old and new tag of one service; of several the new ones. Behind each new tag the image that it means."""
    content = operation.content
    moved = [change for change in content.images if change.old != change.new] if content else []
    if not moved:
        return "configuration"
    if operation.service is not None and len(moved) == 1:
        old, new = (code((image and image.tag) or "nothing", width.tag) for image in (moved[0].old, moved[0].new))
        return f"{old} → {new}{changes.behind(moved[0])}"
    named = []
    for one in moved[: width.services]:
        tag = code((one.new and one.new.tag) or "nothing", width.tag)
        named.append(f"{plain(one.service, width.name)} {tag}{changes.behind(one)}")
    return ", ".join(named) + (f" and {len(moved) - width.services} more" if len(moved) > width.services else "")
