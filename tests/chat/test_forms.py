"""Forms: opened at once or refused at once, submitted like any order, also after a restart."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from simcord.results import InteractionResult

from bot.cards.base import Card, Colour
from bot.chat import boundary, forms
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.domain.permissions import Capability
from tests.chat.office import Office, said

NOT_CONFIRMED = "What confirms it was not typed as shown, so nothing was done. Start again."
NO_REASON = "Say in a few words why; whoever reads the card or the audit table later will ask."
MAY_NOT = "You do not have a role that may do this. prod:approve belongs to **@Approvers**."


async def _roll_back(interaction: discord.Interaction, deps: Deps, *, reason: str, place: str, number: str) -> Card:
    await deps.gate.require(interaction, capability=Capability.APPROVE, environment=place)
    return Card(title=f"{place} {number}", colour=Colour.QUIET, description=f"It was rolled back because of {reason}.")


FORM = Form(
    name="back",
    template=re.compile(r"chatops:back:(?P<place>[a-z]{1,9}):(?P<number>\d+)"),
    typed="place",
    work=_roll_back,
)


class Back(commands.Cog):
    """A command that asks before it does anything."""

    before: Callable[[], Awaitable[Any]] | None = None
    custom_id = "chatops:back:prod:7"

    def __init__(self, deps: Deps) -> None:
        self._deps = deps

    @app_commands.command(description="Asks")
    async def back(self, interaction: discord.Interaction) -> None:
        """Open the form."""
        await boundary.ask(interaction, name="back", observe=self._deps.observe, form=partial(self._form, interaction))

    async def _form(self, interaction: discord.Interaction) -> discord.ui.Modal:
        if self.before is not None:
            await self.before()
        await self._deps.gate.expect(interaction, capability=Capability.APPROVE, environment="prod")
        return forms.modal(FORM, self.custom_id, title="Roll back " + "very " * 20 + "far", placeholder="What for")


@pytest.fixture
async def back(office: Office, monkeypatch: pytest.MonkeyPatch) -> Back:
    """The command, known to the bot as its form is."""
    monkeypatch.setattr("bot.chat.client.FORMS", (FORM,))
    command = Back(office.deps)
    await office.town.env.restart_bot(office.client(command))
    return command


async def press(office: Office) -> InteractionResult:
    """What jiwon, who may, gets."""
    return await office.town.jiwon.slash(office.town.releases, "back")


@pytest.mark.usefixtures("back")
async def test_a_form_asks_and_its_submission_is_an_order(office: Office) -> None:
    shown = await press(office)
    assert shown.modal is not None
    assert [shown.modal["custom_id"], shown.modal["title"]] == [
        "chatops:back:prod:7",
        "Roll back very very very very very very very…",
    ]
    why, word = shown.modal["components"]
    asked = {name: why["component"].get(name) for name in ("min_length", "max_length", "required", "placeholder")}
    assert asked == {"min_length": 3, "max_length": 200, "required": True, "placeholder": "What for"}
    assert [why["label"], word["label"], word["description"]] == ["Reason", "Confirm", "Type prod here."]
    assert office.audited == []

    result = await office.town.jiwon.submit_modal(shown, {"reason": " x\u200b\x00 ", "word": " Prod"})
    assert said(result) == ("Refused", NO_REASON)
    result = await office.town.jiwon.submit_modal(await press(office), {"reason": "  x\u2028 y ", "word": " Prod"})
    assert said(result) == ("prod 7", "It was rolled back because of x y.")

    assert office.audited == [("jiwon", "approve", "prod", None)]
    assert office.interactions == [("back", "asked"), ("back", "refused"), ("back", "asked"), ("back", "done")]
    assert not office.town.env.bot._connection._view_store._modals  # Nothing is kept of those that are never submitted.


@pytest.mark.usefixtures("back")
@pytest.mark.parametrize("word", ["production", "pro", "prod prod", " "])
async def test_another_word_confirms_nothing(office: Office, word: str) -> None:
    result = await office.town.jiwon.submit_modal(await press(office), {"reason": "because", "word": word})

    assert said(result) == ("Refused", NOT_CONFIRMED)
    assert office.audited == []


@pytest.mark.usefixtures("back")
async def test_who_may_not_is_refused_before_and_after_the_form(office: Office) -> None:
    refused = await office.town.guest.slash(office.town.releases, "back")
    assert refused.modal is None
    assert refused.response is not None
    assert refused.response.ephemeral
    assert refused.response.embeds[0].description == MAY_NOT

    shown = await press(office)
    office.town.env.backend.edit_member(office.town.guild.id, office.town.jiwon.id, {"role_ids": []})
    result = await office.town.jiwon.submit_modal(shown, {"reason": "because", "word": "prod"})

    assert said(result) == ("Refused", MAY_NOT)
    assert office.audited == [(who, "approve", "prod", "missing_role") for who in ("guest", "jiwon")]
    assert office.interactions == [("back", "refused"), ("back", "asked"), ("back", "refused")]


@pytest.mark.usefixtures("back")
async def test_a_form_that_was_open_during_a_restart_is_taken(office: Office) -> None:
    shown = await press(office)
    await office.town.env.restart_bot(office.client())

    result = await office.town.jiwon.submit_modal(shown, {"reason": "because", "word": "prod"})

    assert said(result) == ("prod 7", "It was rolled back because of because.")


@pytest.mark.usefixtures("back")
async def test_a_form_that_this_version_does_not_know_is_answered(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = await press(office)
    monkeypatch.setattr("bot.chat.client.FORMS", ())

    result = await office.town.jiwon.submit_modal(shown, {"reason": "because", "word": "prod"})

    assert result.response is not None
    assert result.response.ephemeral
    assert result.response.embeds[0].title == "This form has expired"
    assert office.interactions == [("back", "asked"), ("unknown", "expired")]


async def test_what_cannot_be_found_out_in_time_is_not_asked(
    office: Office, back: Back, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(boundary, "ASK_SECONDS", 0)
    back.before = asyncio.Event().wait
    slow = await press(office)
    back.before, back.custom_id = None, "chatops:back:nowhere-known:7"
    monkeypatch.setattr(boundary, "ASK_SECONDS", 2.0)
    wrong = await press(office)

    for result in (slow, wrong):
        assert result.modal is None
        assert result.response is not None
        assert result.response.embeds[0].title == "Something broke in the bot"
    assert office.interactions == [("back", "failed")] * 2


@pytest.mark.usefixtures("back")
async def test_a_form_that_discord_did_not_take_orders_nothing(office: Office) -> None:
    office.town.env.inject_error("POST", "/interactions/*/*/callback", status=404, code=10062)
    late = await press(office)
    office.town.env.inject_error("POST", "/interactions/*/*/callback", status=400, code=40060)
    await press(office)

    assert (late.modal, late.acknowledged) == (None, False)
    assert office.interactions == [("back", "late"), ("back", "asked")]
