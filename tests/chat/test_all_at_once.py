"""Several requests by one click: the list behind the call for approvers, and its button."""

from dataclasses import replace

import discord
import pytest

from bot.domain.operations import OperationState
from bot.storage import approvals, cards, operations
from tests.cards import story
from tests.chat.office import Office, said, state

CALL, LIST = "ticket-service → prod · approval needed", "All that wait"
SECOND = "0194350c8a20a1b2c3d4e5f7"


async def ask(office: Office, *, unmapped: tuple[str, ...] = ()) -> None:
    """Two requests wait: one that nobody in the guild asked for, and one that sujin asked for."""
    first = await office.ask(requested_by=None)
    content = replace(story.CONTENT, images=(replace(story.CONTENT.images[0], service="backend"),))
    second = replace(
        story.operation(OperationState.WAITING, service="backend", content=content, release_id=None, id=SECOND),
        requested_by=office.town.sujin.id,
    )
    consent = replace(
        first, id=SECOND, operation_id=SECOND, service="backend", authors=frozenset({office.town.sujin.id})
    )
    consent = replace(consent, unmapped=unmapped, refuse_unknown=False)
    async with office.town.database.transaction("cards") as connection:
        await operations.add(connection, second)
        await approvals.add(connection, consent)
        await cards.mark_stale(connection, f"request:{first.id}", now=office.town.clock())


async def call(office: Office) -> discord.Message:
    return await office.message(titled=CALL)


async def second(office: Office) -> OperationState | None:
    async with office.town.database.reading() as connection:
        operation = await operations.get(connection, SECOND)
    return operation.state if operation else None


async def test_an_approver_sees_the_list_and_approves_it_with_one_click(office: Office) -> None:
    await ask(office, unmapped=("taeyang",))
    listed = await office.town.jiwon.click(await call(office), label=LIST)
    title, text = said(listed)
    assert title == "prod · 2 to approve"
    assert [line.strip() for line in text.split("\n") if "⚠️" in line] == [
        "⚠️ Not in the identity map: `taeyang`",
        "⚠️ Make sure they do not approve their own work.",
    ]
    assert listed.response is not None

    done = await office.town.jiwon.click(listed.response, label="Approve these 2")

    assert said(done) == (
        "prod · 2 approved",
        "• **ticket-service** goes\n• **backend** goes\nThe bot checks each once more, then syncs exactly this.",
    )
    assert (await state(office), await second(office)) == (OperationState.APPROVED, OperationState.APPROVED)
    assert office.audited == [("jiwon", "approve", "prod", None)]  # Looking is no order.
    assert office.interactions == [("waiting", "done"), ("approve_all", "done")]


async def test_own_requests_stay_and_an_old_list_counts_for_nothing(office: Office) -> None:
    await ask(office)
    listed = await office.town.sujin.click(await call(office), label=LIST)
    others = await office.town.jiwon.click(await call(office), label=LIST)
    assert said(listed)[0] == "prod · 1 to approve"
    assert "**backend** You asked for this, or wrote or merged it" in said(listed)[1]
    assert listed.response is not None
    assert others.response is not None

    assert said(await office.town.sujin.click(listed.response, label="Approve this one"))[0] == "prod · 1 approved"
    late = await office.town.jiwon.click(others.response, label="Approve these 2")

    assert said(late)[0] == "prod · 1 to approve"
    assert said(late)[1].startswith("⚠️ **The list has changed**, so nothing was approved.")
    assert (await state(office), await second(office)) == (OperationState.APPROVED, OperationState.WAITING)


@pytest.mark.parametrize("when", ["before the list", "before the press"])
async def test_who_may_not_approve_sees_and_does_nothing(office: Office, when: str) -> None:
    await ask(office)
    town = office.town
    listed = await town.jiwon.click(await call(office), label=LIST)
    assert listed.response is not None
    town.env.backend.remove_member_role(town.guild.id, town.jiwon.id, town.approvers.id)

    if when == "before the list":
        result = await town.jiwon.click(await call(office), label=LIST)
    else:
        result = await town.jiwon.click(listed.response, label="Approve these 2")

    assert said(result) == (
        "Refused",
        "You do not have a role that may do this. prod:approve belongs to **@Approvers**.",
    )
    assert (await state(office), await second(office)) == (OperationState.WAITING, OperationState.WAITING)


async def test_the_list_works_after_a_restart(office: Office) -> None:
    await ask(office)
    listed = await office.town.jiwon.click(await call(office), label=LIST)
    assert listed.response is not None
    await office.town.env.restart_bot(office.client())

    done = await office.town.jiwon.click(listed.response, label="Approve these 2")
    assert said(done)[0] == "prod · 2 approved"
