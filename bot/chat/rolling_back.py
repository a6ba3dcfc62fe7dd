"""Rolling back: the plan, the buttons of its ways, and the form that asks why before anything is ordered.

The plan is shown by /rollback and by the button on cards of what went wrong. It is made anew when a form is submitted,
so an old plan cannot bring back what is no longer possible.
"""

import re
from functools import partial
from typing import Any

import discord

from bot.cards import answers, rollback
from bot.cards.base import Card
from bot.chat import boundary, forms
from bot.chat.buttons import Kind
from bot.chat.deps import Deps
from bot.chat.forms import Form
from bot.domain.operations import OperationState, Way
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason, Refused
from bot.services import operations

PREPARED = frozenset(OperationState) - {OperationState.REQUESTED}
PREPARE_SECONDS = 20.0
_PLACE = r"(?P<place>[0-9a-f]{12})"
_TAG = r"(?P<tag>(?P<short>[0-9a-f]{7,40})-\d{8}-\d{6})"
_CHOICE = rf"(?P<way>tag|revert|history)(?P<emergency>!?)%s:{_PLACE}:{_TAG}"
_PLAN = re.compile(f"chatops:plan:{_PLACE}")
_WAY = re.compile("chatops:rollback:(?P<choice>" + _CHOICE % r"\??" + ")")
_ONCE = re.compile("chatops:rolling:" + _CHOICE % "")
_TWICE = re.compile("chatops:rolling:" + _CHOICE % r"(?P<again>\?)")


async def _show(interaction: discord.Interaction[Any], deps: Deps, *, place: str) -> None:
    """Roll back, on the card of what went wrong: shows the plan."""
    work = partial(_found, interaction, deps, place=place)
    await boundary.answer(interaction, name="rollback_plan", observe=deps.observe, work=work)


async def _found(interaction: discord.Interaction[Any], deps: Deps, *, place: str) -> Card:
    environment, service = _find(deps, place)
    return await plan(interaction, deps, environment=environment, service=service)


async def _take(
    interaction: discord.Interaction[Any], deps: Deps, *, choice: str, way: str, place: str, **_state: str
) -> None:
    """One of the ways of a plan: asks why, and for a release that was itself rolled back also whether it is meant."""
    form = partial(_form, interaction, deps, choice=choice, way=Way(way), place=place)
    await boundary.ask(interaction, name="rollback", observe=deps.observe, form=form)


async def _form(
    interaction: discord.Interaction[Any], deps: Deps, *, choice: str, way: Way, place: str
) -> discord.ui.Modal:
    environment, service = _find(deps, place)
    may = partial(deps.gate.expect, interaction, capability=Capability.ROLLBACK, environment=environment)
    await may(service=_moved(way, service))
    custom_id = f"chatops:rolling:{choice}"
    form = forms.find(FORMS, custom_id)
    assert form is not None  # noqa: S101 - whatever is a choice of a button is one of a form
    return forms.modal(
        form,
        custom_id,
        title=f"Roll back {service} → {environment}",
        label="Why? It stands on the card and in the lock",
        placeholder="payments fail since 02:10",
    )


async def plan(
    interaction: discord.Interaction[Any], deps: Deps, *, environment: str, service: str, tag: str | None = None
) -> Card:
    """The plan, for whoever may roll back here."""
    await deps.gate.require(interaction, capability=Capability.ROLLBACK, environment=environment, service=service)
    found = await deps.planner.plan(environment=environment, service=service, tag=tag)
    return rollback.plan(found, environment=deps.catalog.environments[environment], catalog=deps.catalog)


async def order(
    interaction: discord.Interaction[Any],
    deps: Deps,
    *,
    reason: str,
    way: str,
    emergency: str,
    place: str,
    tag: str,
    again: str = "",
    **_state: str,
) -> Card:
    """One submission: the gate, the order, and what becomes of it as soon as it has been prepared."""
    environment, service = _find(deps, place)
    may = partial(deps.gate.require, interaction, capability=Capability.ROLLBACK, environment=environment)
    actor = await may(service=_moved(Way(way), service))
    asked = await deps.planner.order(
        environment=environment,
        service=service,
        tag=tag,
        way=Way(way),
        why=reason,
        actor=actor,
        now=deps.clock(),
        emergency=bool(emergency),
        told_twice=bool(again),
    )
    operation = await operations.ended(deps.database, asked.id, states=PREPARED, seconds=PREPARE_SECONDS)
    return answers.deploy(operation, mention=deps.catalog.environments[environment].mention, url=None)


KINDS = (Kind(template=_PLAN, press=_show), Kind(template=_WAY, press=_take))
FORMS = (
    Form(name="rollback", template=_ONCE, work=order),
    Form(name="rollback", template=_TWICE, work=order, typed="short"),
)


def _find(deps: Deps, place: str) -> tuple[str, str]:
    """The environment and the service of a fingerprint; refuses one that the topology no longer has."""
    for environment in deps.catalog.environments:
        for service in deps.catalog.services:
            if rollback.place_id(environment, service) == place:
                return environment, service
    raise Refused(Reason.UNKNOWN_SERVICE)


def _moved(way: Way, service: str) -> str | None:
    """The service that a way moves; None for that of Argo CD's history, which moves all of them."""
    return None if way is Way.HISTORY else service
