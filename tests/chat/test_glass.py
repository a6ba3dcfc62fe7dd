"""Break glass on the card and Acknowledge in the alerts channel: who may, who may not and why."""

from collections.abc import AsyncIterator

import discord
import pytest
from simcord.actors import MemberActor
from simcord.results import InteractionResult

from bot.chat import forms, glass
from bot.domain.operations import OperationState
from tests.chat.office import Office, said, state
from tests.chat.office import office as move_in
from tests.chat.town import Town, until

WAITING = "waiting for approval"
WHY = {"reason": "Payments fail.", "word": "prod"}
BROKE = "🚨 ticket-service → prod · mina broke the glass"


@pytest.fixture
async def office(town: Town) -> AsyncIterator[Office]:
    """The bot at work where developers may break the glass."""
    async with move_in(town, break_glass=True) as place:
        yield place


async def smash(actor: MemberActor, card: discord.Message, **changes: str) -> InteractionResult:
    return await actor.submit_modal(await actor.click(card, label="Break glass"), WHY | changes)


async def alert(office: Office, *, titled: str) -> discord.Message:
    """The message of the alerts channel once its title is this."""

    def found() -> list[discord.Message]:
        return [one for one in office.town.alerts.history() if one.embeds and one.embeds[0].title == titled]

    await until(found)
    return found()[0]


async def test_why_of_what_waits_says_who_may_break_the_glass(office: Office) -> None:
    town = office.town
    approval = await office.ask(requested_by=town.mina.id)
    _, text = said(await town.mina.slash(town.releases, "why", operation=approval.operation_id))
    assert "**Who may break the glass:** **@Developers**" in text.split("\n")
    town.clock.pass_by(hours=2)
    _, text = said(await town.mina.slash(town.releases, "why", operation=approval.operation_id))
    assert "break the glass" not in text


async def test_who_asked_breaks_the_glass_and_another_person_acknowledges_it(office: Office) -> None:
    town = office.town
    await office.ask(requested_by=town.mina.id, required=2)
    card = await office.message(titled=WAITING)

    title, text = said(await smash(town.mina, card))

    assert title == "🚨 ticket-service → prod · glass broken"
    assert text.endswith("asks for a review by another person until there is one.")
    assert await state(office) is OperationState.APPROVED
    after = await office.message(titled="approved")
    assert after.id == card.id
    assert after.embeds[0].title == "🚨 ticket-service → prod · approved"
    assert (after.embeds[0].description or "").startswith(
        "🚨 **mina broke the glass**: Payments fail.\nNobody has reviewed it yet."
    )
    shown = await alert(office, titled=BROKE)
    assert shown.content == f"<@&{town.approvers.id}>"

    assert said(await town.mina.click(shown, label="Acknowledge")) == (
        "Refused",
        "You broke this glass yourself, so another person has to acknowledge it. "
        "prod:approve belongs to **@Approvers**.",
    )
    assert said(await town.guest.click(shown, label="Acknowledge")) == (
        "Refused",
        "You do not have a role that may do this. prod:approve belongs to **@Approvers**.",
    )
    await town.env.restart_bot(office.client())
    assert said(await town.jiwon.click(shown, label="Acknowledge"))[0] == "ticket-service → prod · reviewed"
    reviewed = await alert(office, titled="🚨 ticket-service → prod · broken glass, reviewed by jiwon")
    assert (reviewed.id, reviewed.components[0].to_dict()["components"][0]["label"]) == (shown.id, "Open the card")  # type: ignore[typeddict-item]

    await until(lambda: "Reviewed by jiwon" in (town.releases.history()[0].embeds[0].description or ""))
    assert office.audited == [
        ("mina", "break_glass", "prod", None),
        ("mina", "approve", "prod", None),
        ("guest", "approve", "prod", "missing_role"),
        ("jiwon", "approve", "prod", None),
    ]


async def test_whoever_may_not_is_asked_nothing(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    for actor in (office.town.jiwon, office.town.guest):
        result = await actor.click(card, label="Break glass")
        assert result.modal is None
        assert said(result) == (
            "Refused",
            "You do not have a role that may do this. prod:break_glass belongs to **@Developers**.",
        )

    form = await office.town.mina.click(card, label="Break glass")
    office.town.env.backend.edit_member(office.town.guild.id, office.town.mina.id, {"role_ids": []})
    assert said(await office.town.mina.submit_modal(form, WHY))[0] == "Refused"
    assert await state(office) is OperationState.WAITING
    assert office.audited == [(who, "break_glass", "prod", "missing_role") for who in ("jiwon", "guest", "mina")]


async def test_without_the_word_or_a_reason_nothing_is_broken(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)

    told = [said(await smash(office.town.mina, card, **change))[1] for change in ({"word": "yes"}, {"reason": "  ."})]

    assert told == [
        "What confirms it was not typed as shown, so nothing was done. Start again.",
        "Say in a few words why; whoever reads the card or the audit table later will ask.",
    ]
    assert await state(office) is OperationState.WAITING


async def test_a_form_that_was_open_when_others_approved_comes_too_late(office: Office) -> None:
    await office.ask(requested_by=office.town.mina.id)
    card = await office.message(titled=WAITING)
    form = await office.town.mina.click(card, label="Break glass")
    await office.town.jiwon.click(card, label="Approve")

    assert said(await office.town.mina.submit_modal(form, WHY)) == ("Refused", "This request has been decided already.")
    assert office.town.alerts.history() == []


async def test_the_longest_name_of_an_environment_fits_into_the_form() -> None:
    custom_id = f"chatops:bg:{'0' * 24}:{'e' * 63}"

    assert forms.modal(glass.FORM, custom_id, title="t").custom_id == custom_id
