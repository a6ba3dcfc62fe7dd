"""Reject and Withdraw: a reason that everybody can read, and a request that whoever made it takes back."""

from bot.domain.operations import OperationState
from tests.chat.office import Office, said, state

WAITING, REJECTED = "waiting for approval", "rejected by jiwon"


async def test_a_reject_says_why_on_the_card(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    shown = await office.town.jiwon.click(card, label="Reject")
    assert shown.modal is not None
    assert shown.modal["title"] == "Reject ticket-service → prod"
    assert await state(office) is OperationState.WAITING
    await office.town.env.restart_bot(office.client())
    await office.town.jiwon.submit_modal(shown, {"reason": "**Not** before\u202e @everyone's launch"})

    after = await office.message(titled=REJECTED)
    assert after.id == card.id
    assert r"rejected by jiwon: \*\*Not\*\* before \@everyone's launch" in (after.embeds[0].description or "")
    assert [part for row in after.components for part in getattr(row, "children", ()) if part.custom_id] == []
    assert office.audited == [("jiwon", "approve", "prod", None)]


async def test_what_was_decided_while_somebody_typed_stays_decided(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)
    typing = await office.town.jiwon.click(card, label="Reject")
    other = await office.town.sujin.click(card, label="Reject")
    assert said(await office.town.sujin.click(card, label="Approve"))[0] == "ticket-service → prod · approved"

    late = await office.town.jiwon.submit_modal(typing, {"reason": "Not today."})
    assert said(late) == ("Refused", "This request has been decided already.")
    async with office.town.database.engine.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM approvals")
    gone = await office.town.sujin.submit_modal(other, {"reason": "Not today."})
    assert said(gone) == ("Refused", "A newer request took this one's place. Use the newest card.")
    assert await state(office) is OperationState.APPROVED


async def test_who_asked_withdraws_and_nobody_else(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    assert said(await office.town.jiwon.click(card, label="Withdraw")) == (
        "Refused",
        "Only the person who asked for this can withdraw it; whoever may approve can reject it. "
        "prod:approve belongs to **@Approvers**.",
    )
    assert said(await office.town.guest.click(card, label="Withdraw"))[1] == (
        "You do not have a role that may do this. prod:view belongs to **@Approvers**, **@Developers**."
    )
    assert await state(office) is OperationState.WAITING

    # Whoever may neither deploy nor approve any more can still take back what they asked for.
    guild, mina = office.town.guild.id, office.town.mina
    office.town.env.backend.edit_member(guild, mina.id, {"role_ids": [office.town.developers.id]})
    assert said(await mina.click(card, label="Withdraw")) == (
        "ticket-service → prod · withdrawn",
        "Nothing will be deployed.",
    )
    after = await office.message(titled="withdrawn by mina")
    assert after.id == card.id
    assert await state(office) is OperationState.WITHDRAWN
    assert office.audited == [
        ("jiwon", "view", "prod", None),
        ("guest", "view", "prod", "missing_role"),
        ("mina", "view", "prod", None),
    ]


async def test_a_request_of_the_pipeline_belongs_to_nobody(office: Office) -> None:
    approval = await office.ask(requested_by=None)
    card = await office.message(titled=WAITING)
    labels = [part.label for row in card.components for part in getattr(row, "children", ()) if part.custom_id]
    assert labels == ["Approve", "Reject"]
    stored = office.town.env.backend.get_message(card.channel.id, card.id)
    stored.components[0]["components"][0]["custom_id"] = f"chatops:withdraw:{approval.id}"

    result = await office.town.mina.click(card, custom_id=f"chatops:withdraw:{approval.id}")

    assert said(result)[1].startswith("Only the person who asked for this can withdraw it;")
    assert await state(office) is OperationState.WAITING
