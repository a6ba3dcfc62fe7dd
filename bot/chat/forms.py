"""Forms: asking a person why, and where it matters also for a word, before something is ordered.

The state of a form is its custom id, as with buttons, and discord.py is made to remember none: a form that was open
while the bot restarted is submitted like any other, and one that somebody closed leaves nothing behind. A submission
is an order of its own: `work` asks the gate again, since roles may have been taken away while somebody typed.
"""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import discord

from bot.adapters.masking import masked
from bot.cards.base import Card
from bot.cards.text import cut, one_line
from bot.chat import boundary
from bot.chat.deps import Deps
from bot.domain.reasons import Reason, Refused

SHORTEST, LONGEST = 3, 200
"""Characters of a reason."""
_TITLE = _LABEL = 45
_HINT = _CUSTOM_ID = 100
_REASON, _WORD = "reason", "word"


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind of form, known by its custom id.

    `work` does what a submission orders: it is called with the interaction, the dependencies, the `reason` and the
    named groups of the `template`, and raises `Refused` like the work of a button. `typed` names the group whose text
    has to be typed to confirm. `about` names what the form is about, by its `id`, before anything is refused: see
    `requests.find`.
    """

    name: str
    template: re.Pattern[str]
    work: Callable[..., Awaitable[Card]]
    typed: str | None = None
    about: Callable[[discord.Interaction, Deps, str], Awaitable[object]] | None = None


def modal(form: Form, custom_id: str, *, title: str, label: str = "Reason", placeholder: str = "") -> discord.ui.Modal:
    """A form to be opened once, by `boundary.ask`. Raises ValueError when its submission would not be known again."""
    match = form.template.fullmatch(custom_id)
    if match is None or len(custom_id) > _CUSTOM_ID:
        raise ValueError(f"{custom_id} is not the id of a {form.name} form")
    shown = discord.ui.Modal(title=cut(title, _TITLE), custom_id=custom_id)
    why: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(
        custom_id=_REASON, placeholder=cut(placeholder, _HINT) or None, min_length=SHORTEST, max_length=LONGEST
    )
    shown.add_item(discord.ui.Label(text=cut(label, _LABEL), component=why))
    if form.typed is not None:
        word: discord.ui.TextInput[discord.ui.Modal] = discord.ui.TextInput(custom_id=_WORD, max_length=_HINT)
        hint = cut(f"Type {match[form.typed]} here.", _HINT)
        shown.add_item(discord.ui.Label(text="Confirm", description=hint, component=word))
    shown.stop()
    return shown


def find(forms: Iterable[Form], custom_id: str) -> Form | None:
    """The kind of form that has this id."""
    return next((form for form in forms if form.template.fullmatch(custom_id)), None)


async def submit(interaction: discord.Interaction[Any], form: Form, *, custom_id: str, deps: Deps) -> None:
    """Take a submission, inside the boundary."""
    work = partial(_work, interaction, form, custom_id=custom_id, deps=deps)
    await boundary.answer(interaction, name=form.name, observe=deps.observe, work=work)


async def _work(interaction: discord.Interaction[Any], form: Form, *, custom_id: str, deps: Deps) -> Card:
    """Do what was ordered, if there is a reason and the word is the right one."""
    match = form.template.fullmatch(custom_id)
    state = match.groupdict() if match else {}
    if form.about is not None:
        await form.about(interaction, deps, state["id"])
    typed = _typed(dict(interaction.data or {}))
    # Keyboards of phones begin with a capital letter, so the case says nothing.
    if form.typed is not None and typed.get(_WORD, "").casefold() != state[form.typed].casefold():
        raise Refused(Reason.NOT_CONFIRMED)
    # What is typed here is kept for good and shown to everybody; somebody may have pasted more than they meant to.
    reason = cut(masked(typed.get(_REASON, "")), LONGEST)
    if len(reason) < SHORTEST:
        raise Refused(Reason.NO_REASON)
    return await form.work(interaction, deps, reason=reason, **state)


def _typed(data: Mapping[str, Any]) -> dict[str, str]:
    """What was typed, by field, as one line without the white space around it."""
    fields = [label.get("component", {}) for label in data.get("components", ())]
    return {str(field.get("custom_id")): one_line(str(field.get("value", ""))) for field in fields}
