"""The list of what waits: all that one press consents to is on it, whatever things are called."""

from dataclasses import replace
from typing import Any

from bot.cards import waiting
from bot.cards.base import Button, Card, Colour, Style
from bot.domain import approvals
from bot.domain.approvals import Approval, Vote
from bot.domain.contents import ImageChange
from bot.domain.images import Image
from bot.domain.operations import Between, Operation, OperationKind, OperationState, Rollback, Way
from bot.domain.reasons import SENTENCES, Reason
from bot.services.bulk import AT_ONCE
from tests.cards import places, story
from tests.cards.states import GROUPS
from tests.cards.story import CONTENT, approval

ENDS = "ends <t:1767627112:R>"


def asked(**facts: Any) -> tuple[Approval, Operation]:
    return approval(), story.operation(OperationState.WAITING, **facts)


def several(*within_reach: tuple[Approval, Operation], moved: bool = False) -> Card:
    own = story.operation(OperationState.WAITING, service="stats-service")
    others = [(own, Reason.OWN_REQUEST), (replace(own, service="backend"), None)]
    return waiting.several("prod", within_reach=within_reach, others=others, fingerprint="0f" * 8, moved=moved)


def test_the_list_shows_each_request_and_who_cannot_decide_the_others() -> None:
    everything = replace(CONTENT, images=(*CONTENT.images, replace(CONTENT.images[0], service="backend", old=None)))
    card = several(
        asked(),
        asked(service=None, content=everything, requested_name="**jiwon**", off_branch=True),
        asked(
            kind=OperationKind.ROLLBACK, rollback=Rollback(way=Way.TAG, why="it fails", emergency=True), asked_again=1
        ),
        asked(service="payment-service", content=replace(CONTENT, images=())),
    )

    assert card.title == "prod · 4 to approve"
    assert card.description.replace("\u200b\n", "").split("\n") == [
        f"• **ticket-service** `{story.OLD_TAG}` → `{story.TAG}`",
        f"  asked by mina · {ENDS} · `ffffffffffff`",
        f"• **all services** ticket-service `{story.TAG}`, backend `{story.TAG}`",
        rf"  asked by \*\*jiwon\*\* · {ENDS} · `ffffffffffff` · ⚠️ on another branch only",
        f"• 🚨 **ticket-service** `{story.OLD_TAG}` → `{story.TAG}`",
        "  **emergency** · by its earlier tag",
        f"  asked by mina · {ENDS} · `ffffffffffff` · ⚠️ changed since it was shown",
        "• **payment-service** configuration",
        f"  asked by mina · {ENDS} · `ffffffffffff`",
        "**Not by this press**",
        f"• **stats-service** {SENTENCES[Reason.OWN_REQUEST]}",
        "• **backend** One press does not take more. Press again afterwards.",
    ]
    assert card.buttons == (
        Button(label="Approve these 4", custom_id="chatops:all:prod:0f0f0f0f0f0f0f0f", style=Style.GOOD),
    )


def test_what_is_behind_each_tag_is_part_of_what_one_press_consents_to() -> None:
    shown = story.pinned(CONTENT)
    backend = replace(shown.images[0], service="backend", digest=f"sha256:{'b' * 64}")
    several_services = replace(shown, images=(*shown.images, backend))
    card = several(asked(content=shown), asked(service=None, content=several_services))

    first, _, second, *_ = card.description.replace("\u200b\n", "").split("\n")
    assert first == f"• **ticket-service** `{story.OLD_TAG}` → `{story.TAG}` @ `0c0ffee50c0f`"
    assert second == (
        f"• **all services** ticket-service `{story.TAG}` @ `0c0ffee50c0f`, backend `{story.TAG}` @ `bbbbbbbbbbbb`"
    )


def test_a_list_that_has_changed_says_so_first_and_an_empty_one_has_no_button() -> None:
    card = several(asked(), moved=True)
    assert card.description.startswith("⚠️ **The list has changed**, so nothing was approved.")
    assert card.buttons[0].label == "Approve this one"

    empty = several()
    assert (empty.title, empty.buttons, empty.colour) == ("prod · nothing to approve", (), Colour.QUIET)


def test_whatever_things_are_called_everything_that_is_approved_is_shown() -> None:
    tag, name = Image(repository="r", tag="`" * 128), "*" * 63
    images = tuple(
        ImageChange(
            service=f"{name}{number}", old=tag, new=Image(repository="r", tag="_" * 128), digest=f"sha256:{'e' * 64}"
        )
        for number in range(30)
    )
    facts: dict[str, Any] = {
        "requested_name": "_" * 100,
        "off_branch": True,
        "asked_again": 3,
        "hotfix": "_" * 200,
        "between": Between(base="a" * 40, head="b" * 40, gained=9999, lost=9999, lines=()),
        "rollback": Rollback(way=Way.HISTORY, why="_" * 200, emergency=True),
    }
    votes = tuple(Vote(person=number, name="_" * 100, at=story.after(0)) for number in range(5))
    people: dict[str, Any] = {"unmapped": ("a" * 39, *("b" * 39,) * 9), "unsure": True, "votes": votes, "required": 9}
    consent, operation = asked(service=None, content=replace(CONTENT, images=images), **facts)
    worst = (replace(consent, **people), operation)
    other = story.operation(OperationState.WAITING, service="backend"), Reason.OWN_REQUEST

    for others in ([], [other] * 20):
        card = waiting.several("prod", within_reach=[worst] * AT_ONCE, others=others, fingerprint="0f" * 8, moved=True)
        assert card.description.count("`ffffffffffff`") == AT_ONCE
        told = f"⚠️ Not in the identity map: `{'a' * 39}` and 9 more, and maybe others"
        assert card.description.count(told) == AT_ONCE
        assert "⚠️ Make sure they do not approve their own work." in card.description
    assert len(f"chatops:all:{'e' * 63}:{'0f' * 8}") <= 100


def test_the_list_names_whom_the_bot_does_not_know_in_the_words_of_the_card() -> None:
    consent, operation = asked()
    card = several(
        (replace(consent, unmapped=("taeyang",)), operation),
        (replace(consent, unmapped=("`@here`", "b", "c", "d"), unsure=True), operation),
        (replace(consent, unsure=True), operation),
        (consent, operation),
    )
    marked = [line.strip() for line in card.description.split("\n") if "⚠️" in line]
    assert marked == [
        "⚠️ Not in the identity map: `taeyang`",
        "⚠️ Not in the identity map: `'@here'`, `b`, `c` and 1 more, and maybe others",
        "⚠️ GitHub does not tell everybody who wrote or merged it",
        "⚠️ Make sure they do not approve their own work.",
    ]
    assert "⚠️" not in several(asked()).description


def test_the_answer_says_what_goes_and_what_waits_for_more() -> None:
    waits = approvals.grant(
        approval(required=2, groups=GROUPS),
        person=places.JIWON,
        name="jiwon",
        roles=frozenset({500}),
        now=story.after(300),
    )

    assert waiting.approved("prod", [story.granted(), waits]) == Card(
        title="prod · 2 approved",
        colour=Colour.GOOD,
        description="• **ticket-service** goes\n"
        "• **ticket-service** Still needed: one more person, of **security** (<@&501> or <@&502>).\n"
        "The bot checks each once more, then syncs exactly this.",
    )
    assert waiting.approved("prod", [waits]).colour is Colour.WAITING
