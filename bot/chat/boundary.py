"""The boundary around every command, button and form: acknowledge first, answer always.

Discord gives three seconds, so nothing happens before the acknowledgement, and without one nothing happens at all:
whoever saw "the application did not respond" must not find out later that something was deployed. After it there is
always an answer: the card, the refusal, or an error id under which the log has the rest.

What was refused after the gate, or broke, is written into the audit trail here: there is no other place that knows of
all of it. An answer does not depend on that.

Discord opens a form only as the first answer to a press, so there opening it is the acknowledgement. What has to be
known before is bounded, and nothing is ordered by then: the submission comes through the boundary like any press.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import discord
import structlog

from bot.cards import refusal
from bot.cards.base import Card
from bot.cards.text import one_line
from bot.chat import embeds
from bot.chat.deps import Deps, Observe
from bot.chat.gate import is_audited
from bot.domain.reasons import Reason, Refused

ALREADY_ANSWERED = 40060
ASK_SECONDS = 2.0
"""How long it may take to find out whether and how to ask; Discord waits for three seconds."""

_Found = TypeVar("_Found")
_Note = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


async def answer(
    interaction: discord.Interaction, *, name: str, observe: Observe, work: Callable[[], Awaitable[Card]]
) -> None:
    """Acknowledge, work, and show privately what came of it."""
    began = time.perf_counter()
    acknowledged = await acknowledge(interaction, name=name)
    took = time.perf_counter() - began
    if not acknowledged:
        observe(name, "late", took)
        return
    outcome, card, note = await _result(interaction, work, name=name)
    observe(name, outcome, took)
    await _audit(note, name=name)
    await _show(interaction, card, name=name)


async def ask(
    interaction: discord.Interaction, *, name: str, observe: Observe, form: Callable[[], Awaitable[discord.ui.Modal]]
) -> None:
    """Open the form that `form` makes, or show privately why there is none. `form` only reads, and may refuse."""
    began = time.perf_counter()
    outcome, made, note = await _result(interaction, lambda: asyncio.wait_for(form(), ASK_SECONDS), name=name)
    if isinstance(made, Card):
        await reply(interaction, made)
    elif await _taken(interaction.response.send_modal(made), name=name):
        outcome = "asked"
    else:
        outcome = "late"
    observe(name, outcome, time.perf_counter() - began)
    await _audit(note, name=name)  # after the answer, which Discord waits for


async def acknowledge(interaction: discord.Interaction, *, name: str) -> bool:
    """Promise a private answer. False when Discord no longer waits for one, or did not take it."""
    return await _taken(interaction.response.defer(ephemeral=True, thinking=True), name=name)


async def reply(interaction: discord.Interaction, card: Card) -> None:
    """Show a card privately to somebody who may or may not have an acknowledgement yet."""
    embed = embeds.embed(card, roles=_role_names(interaction))
    try:
        if interaction.response.is_done():
            await interaction.edit_original_response(embed=embed)
        else:
            await interaction.response.send_message(embed=embed, ephemeral=True)
    except discord.HTTPException as error:
        log.warning("interaction.not_answered", status=error.status, code=error.code)


def failed(error: BaseException, *, name: str, person: int) -> Card:
    """Log a fault of the bot under a new id, and the card that tells the id."""
    return refusal.broken(_logged(error, name=name, person=person))


def _logged(error: BaseException, *, name: str, person: int) -> str:
    """The id under which the log has the fault."""
    error_id = secrets.token_hex(4)
    log.error("interaction.failed", name=name, person=person, error_id=error_id, exc_info=error)
    return error_id


async def _taken(first: Awaitable[object], *, name: str) -> bool:
    """Whether Discord took the first answer to an interaction."""
    try:
        await first
    except discord.HTTPException as error:
        if error.code == ALREADY_ANSWERED:
            # The library retries a callback that Discord took but answered with 5xx; then this is our own answer.
            return True
        log.warning("interaction.not_acknowledged", name=name, status=error.status, code=error.code)
        return False
    return True


async def _result(
    interaction: discord.Interaction, work: Callable[[], Awaitable[_Found]], *, name: str
) -> tuple[str, _Found | Card, _Note | None]:
    """How it went, what is to be shown, and what is still to be audited."""
    deps: Deps = interaction.client.deps  # type: ignore[attr-defined]  # it is our Client
    note = partial(deps.gate.note, interaction, name=name)
    try:
        return "done", await work(), None
    except Refused as refused:
        log.info("interaction.refused", name=name, person=interaction.user.id, reason=refused.reason)
        detail = one_line(refused.plainly).replace("`", "'")
        left = partial(note, outcome="refused", reason=refused.reason, detail=detail)
        return "refused", refusal.render(refused), None if is_audited(interaction, refused) else left
    except Exception as error:
        # The boundary: whatever the fault, the person gets an answer and the log gets the trace.
        error_id = _logged(error, name=name, person=interaction.user.id)
        left = partial(note, outcome="failed", reason=Reason.FAULT, detail=f"error {error_id}")
        return "failed", refusal.broken(error_id), left


async def _audit(note: _Note | None, *, name: str) -> None:
    """Write down what is left to be written; a trail that cannot be written keeps no answer back."""
    if note is not None:
        try:
            await note()
        except Exception:
            # The database may be the very thing that is broken.
            log.exception("interaction.not_audited", name=name)


async def _show(interaction: discord.Interaction, card: Card, *, name: str) -> None:
    """Fill in the promised answer. It can fail like any call; what was ordered stands all the same."""
    try:
        await interaction.edit_original_response(
            embed=embeds.embed(card, roles=_role_names(interaction)),
            view=embeds.view(card),
            attachments=embeds.files(card),
            allowed_mentions=discord.AllowedMentions.none(),
        )
    except discord.HTTPException as error:
        log.warning("interaction.not_answered", name=name, status=error.status, code=error.code)


def _role_names(interaction: discord.Interaction) -> embeds.RoleName:
    def name(role_id: int) -> str | None:
        role = interaction.guild.get_role(role_id) if interaction.guild else None
        return role.name if role else None

    return name
