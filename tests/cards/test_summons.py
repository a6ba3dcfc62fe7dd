"""The call for approvers: it calls while somebody has to decide, and says afterwards how it ended."""

from dataclasses import replace
from typing import Any

import pytest

from bot.cards import summons
from bot.cards.base import Button, Card, Colour
from bot.domain import approvals
from bot.domain.operations import OperationKind, OperationState, Rollback, Way
from tests.cards import story
from tests.cards.story import approval, granted, operation

URL = "https://discord.com/channels/1/2/3"
ASKED = operation(OperationState.WAITING)


def test_an_open_request_calls_the_role_and_leads_to_the_card() -> None:
    assert summons.render(approval(), operation=ASKED, role=400, url=URL, now=story.after(200)) == Card(
        title="ticket-service → prod · approval needed",
        colour=Colour.WAITING,
        reference="call of operation 0194350c8a20a1b2c3d4e5f6",
        description="`b2c3d4e-20260105-143125` asked by mina · ends <t:1767627112:R>",
        buttons=(Button(label="Open the card", url=URL),),
        mention=400,
    )


BACK = Rollback(way=Way.TAG, why="payments **fail**\n" + "x" * 300)
SAID = f"**Why** payments \\*\\*fail\\*\\* {'x' * 181}…"


@pytest.mark.parametrize(
    ("facts", "title", "first"),
    [
        ({"rollback": BACK}, "⏪ roll back ticket-service → prod", SAID),
        ({"rollback": replace(BACK, emergency=True)}, "🚨 roll back ticket-service → prod", SAID),
        ({"hotfix": "seats **twice**"}, "🔥 ticket-service → prod", r"🔥 **Hot-fix**: seats \*\*twice\*\*"),
    ],
)
def test_what_is_more_than_a_deploy_says_so_first_and_why(facts: dict[str, Any], title: str, first: str) -> None:
    kind = OperationKind.ROLLBACK if "rollback" in facts else OperationKind.DEPLOY
    asked = operation(OperationState.WAITING, kind=kind, **facts)
    shown, over = (
        summons.render(one, operation=asked, role=400, url=URL, now=story.after(200)) for one in (approval(), granted())
    )

    assert (shown.title, over.title) == (f"{title} · approval needed", f"{title} · approved by jiwon")
    assert shown.description.splitlines() == [
        first,
        "`b2c3d4e-20260105-143125` asked by mina · ends <t:1767627112:R>",
    ]
    assert over.description.splitlines() == [first, "`b2c3d4e-20260105-143125` asked by mina"]


def test_beside_others_it_leads_to_the_list_as_long_as_it_waits() -> None:
    shown = [
        summons.render(one, operation=ASKED, role=400, url=URL, now=story.after(200), several=True)
        for one in (approval(), granted())
    ]

    everything = Button(label="All that wait", custom_id="chatops:waiting:prod")
    assert [card.buttons for card in shown] == [(everything, Button(label="Open the card", url=URL)), shown[1].buttons]
    assert shown[1].buttons == (Button(label="Open the card", url=URL),)


def test_a_reminder_says_what_is_missing() -> None:
    half = approvals.grant(approval(required=2), person=9, name="jiwon", now=story.after(300))
    first, last = (
        summons.render(half, operation=ASKED, role=400, url=URL, now=story.after(2000), reminder=number)
        for number in (1, 2)
    )

    assert (first.title, last.title) == (
        "ticket-service → prod · still waits for approval",
        "ticket-service → prod · approval ends soon",
    )
    assert first.description == (
        "`b2c3d4e-20260105-143125` asked by mina · ends <t:1767627112:R>\nStill needed: one more person."
    )
    assert (first.reference, first.mention) == ("reminder 1 of operation 0194350c8a20a1b2c3d4e5f6", 400)


def test_a_decided_request_calls_nobody() -> None:
    rejected = approvals.reject(approval(), name="**jiwon**", now=story.after(300))
    ends = [
        summons.render(one, operation=ASKED, role=400, url=None, now=story.after(4000))
        for one in (
            granted(),
            rejected,
            story.withdrawn(),
            approval(),
            approvals.supersede(approval(), now=story.after(300)),
        )
    ]

    assert [card.title for card in ends] == [
        "ticket-service → prod · approved by jiwon",
        r"ticket-service → prod · rejected by \*\*jiwon\*\*",
        "ticket-service → prod · withdrawn by mina",
        "ticket-service → prod · expired",
        "ticket-service → prod · superseded",
    ]
    assert {(card.mention, card.colour, card.buttons) for card in ends} == {(None, Colour.QUIET, ())}
