"""Approve and Reject on the card: who may, who may not and why, exactly once, and after any restart."""

import asyncio
import copy
from functools import partial

from simcord.actors import MemberActor

from bot.domain.approvals import ApprovalState, Group
from bot.domain.operations import OperationState
from bot.domain.permissions import Actor
from bot.services import approvals
from tests.chat.office import Office, reject, said, state

WHY = {"reason": "Not today."}
WAITING, APPROVED, REJECTED = "waiting for approval", "approved", "rejected by jiwon"


async def test_an_approver_approves_and_the_card_shows_it(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    result = await office.town.jiwon.click(card, label="Approve")

    assert said(result) == (
        "ticket-service → prod · approved",
        "The bot checks once more that nothing has changed, then syncs exactly this.",
    )
    assert await state(office) is OperationState.APPROVED
    after = await office.message(titled=APPROVED)
    assert after.id == card.id
    assert office.audited == [("jiwon", "approve", "prod", None)]
    assert office.interactions == [("approve", "done")]
    calls = [request for request in office.town.env.http_requests if "/interactions/" in request.path]
    assert [call.json for call in calls] == [{"type": 5, "data": {"flags": 64}}]


async def test_who_asked_may_not_approve_but_may_reject(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    refused = await office.town.mina.click(card, label="Approve")
    assert said(refused) == (
        "Refused",
        "You asked for this, or wrote or merged it, so somebody else has to look at it. "
        "prod:approve belongs to **@Approvers**.",
    )
    assert await state(office) is OperationState.WAITING

    rejected = await reject(office.town.mina, card)
    assert said(rejected) == ("ticket-service → prod · rejected", "Nothing will be deployed.")
    assert await state(office) is OperationState.REJECTED
    assert office.interactions == [("approve", "refused"), ("reject", "asked"), ("reject", "done")]


async def test_somebody_without_the_role_is_told_who_could(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    for label in ("Approve", "Reject"):
        result = await office.town.guest.click(card, label=label)
        assert said(result) == (
            "Refused",
            "You do not have a role that may do this. prod:approve belongs to **@Approvers**.",
        )

    assert await state(office) is OperationState.WAITING
    assert office.audited == [("guest", "approve", "prod", "missing_role")] * 2
    assert said(await reject(office.town.jiwon, card))[0] == "ticket-service → prod · rejected"
    await office.message(titled=REJECTED)


async def test_two_people_are_needed_where_two_are_required(office: Office) -> None:
    await office.ask(requested_by=None, required=2)
    card = await office.message(titled=WAITING)

    assert said(await office.town.jiwon.click(card, label="Approve"))[1] == "Still needed: one more person."
    assert said(await office.town.jiwon.click(card, label="Approve"))[1] == (
        "You have approved this already; another person is needed. prod:approve belongs to **@Approvers**."
    )
    assert said(await office.town.sujin.click(card, label="Approve"))[0] == "ticket-service → prod · approved"
    assert await state(office) is OperationState.APPROVED


async def test_somebody_of_each_group_is_needed_with_the_roles_of_the_press(office: Office) -> None:
    town = office.town
    release, security = town.guild.create_role("Release"), town.guild.create_role("Security")
    groups = tuple(Group(name=role.name.lower(), roles=frozenset({role.id})) for role in (release, security))
    await office.ask(requested_by=None, required=2, groups=groups)
    card = await office.message(titled=WAITING)
    town.env.backend.add_member_role(town.guild.id, town.jiwon.id, release.id)
    town.env.backend.add_member_role(town.guild.id, town.sujin.id, security.id)

    assert said(await town.jiwon.click(card, label="Approve"))[1] == (
        "Still needed: one more person, of **security** (**@Security**)."
    )
    assert said(await town.sujin.click(card, label="Approve"))[0] == "ticket-service → prod · approved"


async def test_a_role_that_was_taken_away_since_the_request_counts_no_more(office: Office) -> None:
    town = office.town
    await office.ask(requested_by=town.mina.id)
    card = await office.message(titled=WAITING)
    form = await town.jiwon.click(card, label="Reject")
    town.env.backend.remove_member_role(town.guild.id, town.jiwon.id, town.approvers.id)

    told = [said(await town.jiwon.click(card, label="Approve")), said(await town.jiwon.submit_modal(form, WHY))]

    assert (
        told
        == [
            ("Refused", "You do not have a role that may do this. prod:approve belongs to **@Approvers**."),
        ]
        * 2
    )
    assert await state(office) is OperationState.WAITING
    town.env.backend.add_member_role(town.guild.id, town.jiwon.id, town.approvers.id)
    assert said(await town.jiwon.click(card, label="Approve"))[0] == "ticket-service → prod · approved"


async def test_who_wrote_the_commit_is_recognised_at_the_press(office: Office) -> None:
    approval = await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    assert approval.authors == frozenset()  # the run was reported only after the request was made

    assert said(await office.town.mina.click(card, label="Approve"))[1] == (
        "You asked for this, or wrote or merged it, so somebody else has to look at it. "
        "prod:approve belongs to **@Approvers**."
    )
    assert said(await office.town.jiwon.click(card, label="Approve"))[0] == "ticket-service → prod · approved"


async def test_a_button_works_after_a_restart(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)
    await office.town.env.restart_bot(office.client())

    result = await office.town.jiwon.click(office.town.releases.history()[-1], label="Approve")

    assert card.id == office.town.releases.history()[-1].id
    assert said(result)[0] == "ticket-service → prod · approved"


async def test_of_two_presses_one_decides(office: Office) -> None:
    approval = await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    actors: list[MemberActor] = [office.town.jiwon, office.town.sujin]

    answers = [said(await actor.click(card, label="Approve"))[1] for actor in actors]

    assert answers == [
        "The bot checks once more that nothing has changed, then syncs exactly this.",
        "This request has been decided already.",
    ]
    decided = await approvals.get(office.town.database, approval.id)
    assert (decided.state, [vote.name for vote in decided.votes]) == (ApprovalState.GRANTED, ["jiwon"])


async def test_an_old_button_of_a_decided_request_still_answers(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)
    office.town.clock.pass_by(hours=2)

    jiwon, mina = office.town.jiwon, office.town.mina
    stored = office.town.env.backend.get_message(card.channel.id, card.id)
    buttons = copy.deepcopy(stored.components)
    for actor, label in ((jiwon, "Approve"), (jiwon, "Reject"), (mina, "Withdraw")):
        stored.components = copy.deepcopy(buttons)  # As a slow client shows it: the board may have taken them away.
        assert said(await actor.click(card, label=label)) == (
            "Refused",
            "This request has expired. Ask again with `/deploy`.",
        )


async def test_a_lost_acknowledgement_means_nothing_was_done(office: Office) -> None:
    await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    office.town.env.inject_error("POST", "/interactions/*/*/callback", status=404, code=10062)

    result = await office.town.jiwon.click(card, label="Approve")

    assert not result.acknowledged
    assert office.interactions == [("approve", "late")]
    assert await state(office) is OperationState.WAITING


async def test_an_acknowledgement_that_discord_had_taken_already_goes_on(office: Office) -> None:
    await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    office.town.env.inject_error("POST", "/interactions/*/*/callback", status=400, code=40060)

    await office.town.jiwon.click(card, label="Approve")

    assert office.interactions == [("approve", "done")]
    assert await state(office) is OperationState.APPROVED


async def test_an_answer_that_cannot_be_shown_changes_nothing_about_the_order(office: Office) -> None:
    await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    office.town.env.inject_error("PATCH", "/webhooks/*/*/messages/@original", status=404, code=10015)

    await office.town.jiwon.click(card, label="Approve")

    assert await state(office) is OperationState.APPROVED


async def test_a_fault_of_the_bot_is_answered_with_an_id(office: Office) -> None:
    await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    async with office.town.database.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE approvals RENAME TO elsewhere")

    result = await office.town.jiwon.click(card, label="Approve")

    assert said(result) == (
        "Something broke in the bot",
        "Your order may not have been carried out. `/status` shows how things are; then try again.",
    )
    assert result.response is not None
    assert (result.response.embeds[0].footer.text or "").startswith("error ")
    assert office.interactions == [("approve", "failed")]


async def test_a_button_nobody_knows_is_answered(office: Office) -> None:
    await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    stored = office.town.env.backend.get_message(card.channel.id, card.id)
    for row in stored.components:
        for button in row["components"]:
            if button.get("custom_id"):
                button["custom_id"] = f"chatops:v0:{button['label']}"

    result = await office.town.jiwon.click(card, custom_id="chatops:v0:Approve")

    assert result.response is not None
    assert result.response.ephemeral
    assert result.response.embeds[0].title == "This button has expired"
    assert await state(office) is OperationState.WAITING


async def test_an_approval_that_is_gone_is_refused(office: Office) -> None:
    await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    async with office.town.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM approvals")

    assert said(await office.town.jiwon.click(card, label="Approve"))[1] == (
        "A newer request took this one's place. Use the newest card."
    )


async def test_many_presses_at_once_move_the_operation_once(office: Office) -> None:
    approval = await office.ask(requested_by=None)
    people = [
        Actor(id=number, name=str(number), guild_id=office.town.guild.id, role_ids=frozenset()) for number in range(8)
    ]
    press = partial(approvals.grant, office.town.database, approval.id, logins=office.deps.catalog.logins)
    presses = [press(actor=person, now=office.town.clock()) for person in people]
    results = await asyncio.gather(*presses, return_exceptions=True)

    assert sum(not isinstance(result, Exception) for result in results) == 1
    assert await state(office) is OperationState.APPROVED
