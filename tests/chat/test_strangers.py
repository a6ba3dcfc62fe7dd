"""Whoever is no member of the guild, or no person, gives no order; whoever sees nothing is offered nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from discord import app_commands
from simcord.enums import InteractionType

from bot.chat import buttons
from bot.chat.components import KINDS
from bot.domain.reasons import Reason
from bot.services import locks
from tests.cards import places
from tests.chat import orders, policy
from tests.chat.desk import Change, Desk, Press
from tests.chat.desk import desk as move_in
from tests.chat.orders import failed_run, frozen, runs_well
from tests.chat.town import Town

TABLE = policy.table()
NUMBERS = ("0", "-1", str(2**64), *("9" * length for length in (10, 11, 12, 18, 19, 20, 63, 64)))
ODD = (*NUMBERS, "1 OR 1=1", "\uff11\uff12", "\x00", "", "../x", "<@1>", "\xe9", "1:1")


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, which nobody outside answers."""
    async with move_in(town, monkeypatch) as place:
        yield place


def _elsewhere(payload: dict[str, Any]) -> None:
    """In another guild, whose member has roles with the very same ids."""
    payload["guild_id"] = "77"


def _alone(payload: dict[str, Any]) -> None:
    """In a direct message, where there are no members."""
    del payload["guild_id"]
    payload["user"] = payload.pop("member")["user"]
    payload |= {"context": 1, "authorizing_integration_owners": {"0": "0"}}


def _among_friends(payload: dict[str, Any]) -> None:
    """With an app that they installed for themselves, in a private channel."""
    _alone(payload)
    payload |= {"context": 2, "authorizing_integration_owners": {"1": payload["user"]["id"]}}


def _by_themselves(payload: dict[str, Any]) -> None:
    """With an app that they installed for themselves, in the very guild, with all their roles."""
    payload["authorizing_integration_owners"] = {"1": payload["member"]["user"]["id"]}


def _by_somebody_else(payload: dict[str, Any]) -> None:
    """On a message of an app that somebody else installed for themselves, and another guild for itself."""
    payload["authorizing_integration_owners"] = {"1": "88", "0": "77"}


def _by_the_guild(payload: dict[str, Any]) -> None:
    """With the app that the guild installed, and that they have installed for themselves as well."""
    owners = {"0": payload["guild_id"], "1": payload["member"]["user"]["id"]}
    payload["authorizing_integration_owners"] = owners


def _by_a_program(payload: dict[str, Any]) -> None:
    payload["member"]["user"]["bot"] = True


def _before_the_rules(payload: dict[str, Any]) -> None:
    payload["member"]["pending"] = True


_OUTSIDE = (_elsewhere, _alone, _by_themselves)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_elsewhere, Reason.WRONG_PLACE),
        (_alone, Reason.WRONG_PLACE),
        (_among_friends, Reason.WRONG_PLACE),
        (_by_themselves, Reason.WRONG_PLACE),
        (_by_somebody_else, Reason.WRONG_PLACE),
        (_by_the_guild, None),
        (_by_a_program, Reason.NOT_A_PERSON),
        (_before_the_rules, Reason.MEMBERSHIP_PENDING),
    ],
)
async def test_strangers_give_no_order(desk: Desk, change: Change, reason: Reason | None) -> None:
    found = {}
    for row in TABLE:
        role = next(one for one in policy.ROLES if policy.refusal(row, environment="staging", role=one) is None)
        press = await orders.order(row.order)(desk, "staging")
        found[row.order] = await desk.press(role, press, change=change)
        await desk.forget()
    # Where they may give orders, what another person asked for is still not theirs to withdraw.
    own = {"Withdraw": Reason.NOT_YOUR_REQUEST} if reason is None else {}
    assert found == dict.fromkeys((row.order for row in TABLE), reason) | own


async def test_strangers_hear_of_no_place_whether_it_exists(desk: Desk) -> None:
    heard = {
        await desk.press("developer", Press(command="/pods", options=options), change=_elsewhere)
        for options in (
            {"environment": "nowhere", "service": "backend"},
            {"environment": "prod", "service": "nothing"},
            {"environment": "prod", "service": "backend"},
        )
    }
    assert heard == {Reason.WRONG_PLACE}


async def test_a_command_of_another_guild_is_none_of_ours(desk: Desk) -> None:
    """Discord says whose command it is: one that was not registered by the bot does not run."""
    data = desk.order("/deploy", {"environment": "prod", "service": "backend"}) | {"guild_id": "77"}
    result = await desk.send("developer", InteractionType.APPLICATION_COMMAND, data, change=_elsewhere)
    assert result.response is not None
    assert result.response.embeds[0].title == "Something broke in the bot"
    assert desk.seen == []
    assert [type(error) for error in desk.town.env.errors] == [app_commands.CommandNotFound]


async def locked(desk: Desk) -> None:
    """Somebody has locked the service."""
    await locks.lock(
        desk.deps.database,
        environment="prod",
        service=places.SERVICES[2],
        actor=desk.actor("approver"),
        reason="incident",
        now=desk.town.clock(),
    )


async def test_nothing_is_offered_to_who_may_see_nothing(desk: Desk) -> None:
    """Every option of every command that completes, with everything chosen before it; the developer is offered some."""
    for environment in policy.ENVIRONMENTS:
        await runs_well(desk, environment)
    await orders.asked(desk, "prod")
    await frozen(desk, "prod")
    await failed_run(desk, "staging")
    await locked(desk)
    offered: dict[tuple[str, str], list[int]] = {}
    for name, command in desk.commands().items():
        for option in command.parameters:
            if not option.autocomplete:
                continue
            chosen = {"environment": "prod", "service": places.SERVICES[2]}
            data = desk.order(name, chosen | {option.display_name: ""}, focused=option.display_name)
            kind = InteractionType.APPLICATION_COMMAND_AUTOCOMPLETE
            results = [await desk.send(role, kind, data) for role in ("nobody", "developer", "approver")]
            results += [await desk.send("developer", kind, data, change=one) for one in _OUTSIDE]
            results.append(await desk.send("developer", kind, data, change=_by_the_guild))
            offered[name, option.display_name] = [len(one.autocomplete_choices or []) for one in results]
    assert len(offered) > 30
    assert {found[0] for found in offered.values()} == {0}
    assert {number for found in offered.values() for number in found[3:6]} == {0}
    assert [found[6] for found in offered.values()] == [found[1] for found in offered.values()]
    nothing = {option for option, found in offered.items() if not any(found)}
    assert nothing == {("/deploy", "revision"), ("/validate", "revision"), ("/logs", "container")}


@pytest.mark.parametrize("role", ["nobody", "approver"])
async def test_ids_that_nobody_made_are_refused_or_unknown(desk: Desk, role: str) -> None:
    """Every part of every button and form id, changed as somebody might who made it up; nothing breaks for who may."""
    answered = {"refused", "expired"} | ({"done"} if role == "approver" else set())
    for name in orders.OTHERS:
        press = await orders.order(name)(desk, "staging")
        parts = (press.button or press.form).split(":")
        for place in range(1, len(parts)):
            for odd in ODD:
                forged = ":".join([*parts[:place], odd, *parts[place + 1 :]])
                if len(forged) > 100:
                    continue
                desk.seen.clear()
                kind, data = (
                    (InteractionType.MESSAGE_COMPONENT, {"custom_id": forged, "component_type": 2})
                    if press.button
                    else (InteractionType.MODAL_SUBMIT, {"custom_id": forged, "components": []})
                )
                await desk.send(role, kind, data)
                assert len(desk.seen) == 1, forged
                assert desk.seen[0] in answered, forged
                assert press.form or (buttons.find(KINDS, forged) is not None) == (desk.seen != ["expired"])
        await desk.forget()


@pytest.mark.parametrize("odd", ["0", str(2**63), str(2**64 - 1), "9" * 30])
async def test_a_member_with_an_odd_id_and_odd_roles_has_no_rights(desk: Desk, odd: str) -> None:
    """Ids are numbers of any size to the bot; the library takes roles up to 64 bits."""
    press = await orders.order("/status")(desk, "prod")

    def change(payload: dict[str, Any]) -> None:
        payload["member"]["user"]["id"] = odd
        payload["member"]["roles"] = [str(min(int(odd), 2**64 - 1))]

    assert await desk.press("developer", press, change=change) is Reason.MISSING_ROLE
