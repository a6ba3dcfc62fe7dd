"""Every row about a decision names the request that was decided, or that somebody was kept from deciding."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.permissions import Actor
from bot.services import locks
from bot.storage import approvals
from tests.chat.office import Office, said
from tests.chat.office import office as move_in
from tests.chat.test_all_at_once import LIST, SECOND, ask, call
from tests.chat.town import Town, until

WAITING = "waiting for approval"
Row = tuple[str, str, str | None]


@pytest.fixture
async def office(town: Town) -> AsyncIterator[Office]:
    """The bot at work where developers may break the glass."""
    async with move_in(town, break_glass=True) as place:
        yield place


def about(office: Office, *subject: str | None) -> list[Row]:
    """What was decided of this place, service, request and content; nothing of any other is left."""
    rows = [(*row[:2], row[2] and str(row[2])) for row in office.about if row[3:] == subject]
    assert len(rows) == len(office.about), office.about
    return rows


async def test_refusals_and_passes_of_every_decision(office: Office) -> None:
    town = office.town
    approval = await office.ask(requested_by=town.mina.id, required=2)
    card = await office.message(titled=WAITING)

    await town.mina.click(card, label="Approve")
    await town.guest.click(card, label="Approve")
    await town.guest.click(card, label="Reject")
    await town.guest.click(card, label="Break glass")
    await town.guest.click(card, label="Withdraw")
    await town.jiwon.click(card, label="Withdraw")
    await town.jiwon.click(card, label="Approve")
    await town.jiwon.click(card, label="Approve")
    opened = await town.jiwon.click(card, label="Reject")
    await town.jiwon.submit_modal(opened, {"reason": "  ."})
    again = await town.jiwon.click(card, label="Reject")
    for word in ("staging", "prod"):
        form = await town.mina.click(card, label="Break glass")
        await town.mina.submit_modal(form, {"reason": "Payments fail.", "word": word})
    await town.jiwon.submit_modal(again, {"reason": "Too late."})

    assert about(office, "prod", "ticket-service", approval.operation_id, approval.digest) == [
        ("gate:approve", "passed", None),
        ("approve", "refused", "own_request"),
        ("gate:approve", "refused", "missing_role"),
        ("gate:approve", "refused", "missing_role"),
        ("gate:break_glass", "refused", "missing_role"),
        ("gate:view", "refused", "missing_role"),
        ("gate:view", "passed", None),
        ("withdraw", "refused", "not_your_request"),
        ("gate:approve", "passed", None),
        ("gate:approve", "passed", None),
        ("approve", "refused", "already_voted"),
        ("reject", "refused", "no_reason"),
        ("break_glass", "refused", "not_confirmed"),
        ("gate:break_glass", "passed", None),
        ("gate:approve", "passed", None),
        ("reject", "refused", "already_decided"),
    ]

    office.about.clear()
    office.town.env.backend.edit_member(town.guild.id, town.jiwon.id, {"role_ids": []})
    for actor in (town.mina, town.jiwon):
        await until(town.alerts.history)
        [message] = town.alerts.history()
        await actor.click(message, label="Acknowledge")
    assert about(office, "prod", "ticket-service", approval.operation_id, approval.digest) == [
        ("gate:approve", "passed", None),
        ("review", "refused", "own_glass"),
        ("gate:approve", "refused", "missing_role"),
    ]


async def test_a_list_of_one_names_it_and_a_list_that_changed_is_refused(office: Office) -> None:
    town = office.town
    await ask(office)
    several = await town.jiwon.click(await call(office), label=LIST)
    single = await town.sujin.click(await call(office), label=LIST)
    assert several.response is not None
    assert single.response is not None
    async with town.database.reading() as connection:
        [first] = [one for one in await approvals.pending(connection) if one.id != SECOND]
    assert office.about == []

    await _lock(office)
    assert said(await town.sujin.click(single.response, label="Approve this one"))[0] == "Refused"
    town.env.backend.edit_member(town.guild.id, town.sujin.id, {"role_ids": []})
    assert said(await town.sujin.click(single.response, label="Approve this one"))[0] == "Refused"
    assert about(office, "prod", "ticket-service", first.operation_id, first.digest) == [
        ("gate:approve", "passed", None),
        ("approve_all", "refused", "locked"),
        ("gate:approve", "refused", "missing_role"),
    ]

    office.about.clear()
    late = said(await town.jiwon.click(several.response, label="Approve these 2"))
    assert late[1].startswith("⚠️ **The list has changed**, so nothing was approved.")
    assert about(office, "prod", None, None, None) == [
        ("gate:approve", "passed", None),
        ("approve_all", "refused", "changed_since"),
    ]


async def _lock(office: Office) -> None:
    """One of the two, so that the list of both is another one; the other is sujin's own."""
    town = office.town
    actor = Actor(id=town.mina.id, name="mina", guild_id=town.guild.id, role_ids=frozenset())
    await locks.lock(
        town.database,
        environment="prod",
        service="ticket-service",
        actor=actor,
        reason="incident",
        now=town.clock(),
    )
