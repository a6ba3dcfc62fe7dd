"""What Discord offers to whom: by the topology file, and never a permission."""

from collections.abc import AsyncIterator
from functools import partial

import discord
import pytest
from simcord import SetupError

import cogs
from bot.chat.client import build_client
from bot.domain.permissions import Capability
from bot.domain.reasons import Reason
from tests.chat import policy
from tests.chat.desk import Desk, Press
from tests.chat.desk import desk as move_in
from tests.chat.town import Town

RESTART = Press(command="/restart", options={"environment": "staging", "service": "ticket-service"})


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, which nobody outside answers."""
    async with move_in(town, monkeypatch) as place:
        yield place


async def register(desk: Desk, *, hide_without: str | None) -> dict[str, int | None]:
    """Start the bot with that line in its topology file; what it registers each command with."""
    make = partial(cogs.make, hide_without=hide_without)

    async def load() -> str | None:
        return None

    async def store(_value: str) -> None: ...

    await desk.town.env.restart_bot(build_client(desk.deps, make_cogs=make, load_marker=load, store_marker=store))
    body = [request.json for request in desk.town.env.http_requests if request.method == "PUT"][-1]
    assert isinstance(body, list)
    return {command["name"]: command["default_member_permissions"] for command in body}


async def test_what_needs_more_than_view_is_hidden_and_nothing_without_the_line(desk: Desk) -> None:
    nothing = await register(desk, hide_without=None)
    some = await register(desk, hide_without="manage_messages")
    most = await register(desk, hide_without="administrator")

    more = {
        row.order.split()[0].strip("/")
        for row in policy.table()
        if row.order in policy.commands() and any(capability is not Capability.VIEW for capability, _ in row.needs)
    }
    assert nothing == dict.fromkeys(nothing)
    assert some == {name: 0x2000 if name in more else None for name in nothing}
    assert most == {name: 0x8 if name in more else None for name in nothing}
    assert {"deploy", "stop", "freeze", "audit"} < more
    assert {"status", "can", "help"} < set(nothing) - more


async def test_seeing_a_command_is_no_permission_and_not_seeing_it_takes_none_away(desk: Desk) -> None:
    await register(desk, hide_without="manage_messages")
    town, (viewer, developer) = desk.town, (desk.people["viewer"], desk.people["developer"])
    moderators = town.guild.create_role("Moderators", permissions=discord.Permissions(manage_messages=True))
    roles = [*town.env.backend.get_member(town.guild.id, viewer.id).role_ids, moderators.id]
    town.env.backend.edit_member(town.guild.id, viewer.id, {"role_ids": roles})

    await viewer.slash(town.releases, "restart", **RESTART.options)
    offered = desk.audited.copy()
    with pytest.raises(SetupError, match="default-member-permissions"):
        await developer.slash(town.releases, "restart", **RESTART.options)

    assert offered == [Reason.MISSING_ROLE]
    assert await desk.press("viewer", RESTART) is Reason.MISSING_ROLE
    assert await desk.press("developer", RESTART) is None
