"""Rights for one service: everything that they are good for, and that they are good for nothing else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from discord import Embed
from simcord.backend import serializers
from simcord.enums import InteractionType

from bot.cards.rollback import place_id
from bot.domain.events import RunStatus
from bot.domain.permissions import OF_SERVICES, Capability
from bot.domain.reasons import Reason
from bot.services import bulk, freezes, glass, locks
from bot.storage import releases as release_rows
from tests.cards import story
from tests.chat import orders, policy
from tests.chat.desk import Desk, Press
from tests.chat.desk import desk as move_in
from tests.chat.orders import ID, SERVICE, WHY
from tests.chat.town import Town

OTHER, TICKETER = "backend", "ticketer"
HELD = frozenset({TICKETER})
GRANTS = {"*": {Capability.VIEW: HELD}, f"prod/{SERVICE}": dict.fromkeys(OF_SERVICES, HELD)}
ABOUT_ALL = {"All that wait", "Approve these …"}
ROWS = [row.order for row in policy.table() if any(capability in OF_SERVICES for capability, _ in row.needs)]


@pytest.fixture
async def desk(town: Town, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    """The bot, where one role may everything that can be granted for a service, and looks everywhere."""
    async with move_in(town, monkeypatch, more=GRANTS) as place:
        yield place


async def order(name: str, desk: Desk, environment: str, service: str | None) -> Press:
    """An order about a service, or without one about all of them or the environment."""
    await desk.forget()
    database, now, somebody = desk.deps.database, desk.town.clock(), desk.actor("developer")
    press = await orders.order(name)(desk, environment)
    match name:
        case "/unlock":
            await desk.forget()
            known = {"environment": environment, "service": service}
            await locks.lock(database, **known, actor=somebody, reason=WHY, now=now)  # type: ignore[arg-type]
        case "/freeze remove":
            await desk.forget()
            ends = f"{now + timedelta(days=1):%FT%H:%M}"
            wanted = freezes.Wanted(environment=environment, service=service, reason=WHY, ends=ends)
            added = await freezes.add(database, wanted, catalog=desk.deps.catalog, actor=somebody, now=now)
            return replace(press, options={"freeze": added.freeze.id, "reason": WHY})
        case "Approve" | "Reject" | "Reject, its form" | "Break glass" | "Break glass, its form" | "Acknowledge":
            await desk.forget()
            await orders.asked(desk, environment, scope=service)
            if name == "Acknowledge":
                await glass.smash(database, ID, actor=somebody, reason=WHY, now=now)
        case "Run again" if service == OTHER:
            return await run_of_another(desk, environment)
    if press.command:
        options = {name: value for name, value in press.options.items() if name != "service"}
        always = "service" in press.options
        return replace(press, options=options | ({"service": service or "all"} if service or always else {}))
    here = place_id(environment, SERVICE)
    there = place_id(environment, service or SERVICE)
    return replace(press, button=press.button.replace(here, there), form=press.form.replace(here, there))


async def run_of_another(desk: Desk, environment: str) -> Press:
    """The button on the card of another service's failed run."""
    await desk.forget()
    run = replace(story.run(RunStatus.COMPLETED, "failure", environment=environment), service=OTHER)
    told = replace(story.told([run], environment=environment), service=OTHER)
    async with desk.town.database.transaction() as connection:
        stored = await release_rows.change(
            connection,
            environment=environment,
            service=OTHER,
            source_revision=told.source_revision,
            now=desk.town.clock(),
            step=lambda _empty: told,
        )
    return Press(button=f"chatops:rerun:{stored.id}:17203344901:1")


def about(name: str) -> list[str | None]:
    """What else an order can be about: another service, and where it can all of them."""
    whole = ("/deploy", "/lock", "/unlock", "/freeze add", "/freeze remove")
    return [OTHER, None] if name in whole or name in DECISIONS else [OTHER]


DECISIONS = {"Approve", "Reject", "Reject, its form", "Break glass", "Break glass, its form", "Acknowledge"}


async def test_each_order_about_the_service_passes_and_about_anything_else_does_not(desk: Desk) -> None:
    expected, found = {}, {}
    for name in ROWS:
        if name in ABOUT_ALL:
            continue
        for environment in ("prod", "staging"):
            for service in [SERVICE, *about(name)]:
                press = await order(name, desk, environment, service)
                found[name, environment, service] = await desk.press(TICKETER, press)
                may = (environment, service) == ("prod", SERVICE)
                expected[name, environment, service] = None if may else Reason.MISSING_ROLE
    assert found == expected
    assert len(ROWS) > 15


async def test_what_moves_or_decides_more_than_the_service_needs_the_right_to_all(desk: Desk) -> None:
    place, tag = place_id("prod", SERVICE), story.TAG
    history = [
        Press(button=f"chatops:rollback:history:{place}:{tag}"),
        Press(form=f"chatops:rolling:history:{place}:{tag}", typed={"reason": WHY}),
    ]
    assert [await desk.press(TICKETER, press) for press in history] == [Reason.MISSING_ROLE] * 2
    assert [await desk.press("approver", press) for press in history] == [None, None]
    await desk.forget()
    await orders.asked(desk, "prod", scope=SERVICE)
    found = await bulk.waiting(desk.deps.database, "prod", actor=desk.actor("nobody"), now=desk.town.clock())
    several = [Press(button="chatops:waiting:prod"), Press(button=f"chatops:all:prod:{bulk.fingerprint(found)}")]
    assert [await desk.press(TICKETER, press) for press in several] == [Reason.MISSING_ROLE] * 2
    assert [await desk.press("approver", press) for press in several] == [None, None]


async def test_what_left_the_topology_is_ended_by_the_right_to_the_environment(desk: Desk) -> None:
    now, somebody = desk.town.clock(), desk.actor("developer")
    await locks.lock(desk.deps.database, environment="prod", service="gone", actor=somebody, reason=WHY, now=now)
    unlock = Press(command="/unlock", options={"environment": "prod", "service": "gone", "reason": WHY})
    assert await desk.press(TICKETER, unlock) is Reason.MISSING_ROLE
    assert await desk.press("approver", unlock) is None
    await orders.asked(desk, "prod", scope="gone")
    reject = Press(form=f"chatops:reject:{ID}", typed={"reason": WHY})
    assert await desk.press(TICKETER, reject) is Reason.MISSING_ROLE
    assert await desk.press("approver", reject) is None


async def test_can_and_help_say_what_may_be_done_where(desk: Desk) -> None:
    asked = {"member": str(desk.people[TICKETER].id), "action": "deploy", "environment": "prod"}
    titles = []
    for more in ({}, {"service": SERVICE}, {"service": OTHER}, {"service": SERVICE, "action": "view"}):
        embed = await shown(desk, "/can", asked | more)
        titles.append((embed.title, (embed.description or "").split(" belongs")[0]))
    assert titles == [
        ("ticketer may not deploy on prod", "`prod:deploy`"),
        ("ticketer may deploy on prod/ticket-service", "`prod/ticket-service:deploy`"),
        ("ticketer may not deploy on prod/backend", "`prod/backend:deploy`"),
        ("ticketer may look at prod", "`prod:view`"),
    ]
    whole = (await shown(desk, "/can", asked)).description or ""
    assert whole.split(". ")[-1] == "They have it for **ticket-service** alone: ask with `service`."
    [field] = (await shown(desk, "/help", {})).fields
    rights = ", ".join(word for word in Capability if word in OF_SERVICES)
    assert (field.value or "").split("\n") == [
        "**dev** view",
        "**staging** view",
        "**prod** view",
        f"**prod/ticket-service** {rights}",
    ]


async def shown(desk: Desk, command: str, options: dict[str, str]) -> Embed:
    """The embed of an answer to the ticketer, whom Discord sends along as a member where they are an option."""
    backend, guild, ticketer = desk.town.env.backend, desk.town.guild.id, desk.people[TICKETER].id
    data = desk.order(command, options)
    member = backend.get_member(guild, ticketer)
    known = serializers.member_payload(backend, backend.get_guild(guild), member, with_user=False)
    data["resolved"]["members"] = {str(ticketer): {**known, "permissions": "0"}}
    result = await desk.send(TICKETER, InteractionType.APPLICATION_COMMAND, data)
    assert result.response is not None
    [embed] = result.response.embeds
    return embed
