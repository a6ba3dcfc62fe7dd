"""Consent to several requests by one press: to those that were shown and no others, each by its own rules."""

import asyncio
from dataclasses import replace

import pytest

from bot.domain.approvals import Approval, ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason
from bot.services import approvals, bulk
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in, requiring
from tests.services.outside import Outside


@pytest.fixture
async def waiting(bot: Bot, world: World) -> list[Operation]:
    """All five services wait; Sora asked for backend, Hyunwoo for the others and wrote everything."""
    for service in bot.catalog.services:
        world.release("prod", service, login="hyunwoo")
    askers = {service: SORA if service == "backend" else HYUNWOO for service in bot.catalog.services}
    return [await bot.propose(actor, service=service) for service, actor in askers.items()]


async def listed(bot: Bot, actor: Actor) -> tuple[str, dict[str, Reason | None]]:
    """The fingerprint that a person is shown, and of every service why it would not count."""
    found = await bulk.waiting(bot.database, "prod", actor=actor, now=bot.clock())
    return bulk.fingerprint(found), {one.operation.subject: one.refused for one in found}


async def press(bot: Bot, actor: Actor, shown: str) -> list[Approval] | None:
    return await bulk.grant_all(bot.database, "prod", shown=shown, actor=actor, now=bot.clock())


async def states(bot: Bot) -> dict[str, OperationState]:
    return {operation.subject: operation.state for operation in await bot.operations()}


async def test_one_press_counts_for_all_that_were_shown(bot: Bot, waiting: list[Operation]) -> None:
    shown, why = await listed(bot, MINJI)
    granted = await press(bot, MINJI, shown)

    assert why == {operation.subject: None for operation in waiting}
    assert granted is not None
    assert [(one.operation_id, one.state) for one in granted] == [(one.id, ApprovalState.GRANTED) for one in waiting]
    assert set((await states(bot)).values()) == {OperationState.APPROVED}
    assert [row[:3] for row in await bot.audit()][10:] == [("discord:22", "approve", "granted")] * 5
    assert (await press(bot, MINJI, shown), (await listed(bot, MINJI))[1]) == (None, {})


async def test_ones_own_are_left_out_and_named(bot: Bot, waiting: list[Operation]) -> None:
    shown, why = await listed(bot, SORA)
    assert why == {
        operation.subject: Reason.OWN_REQUEST if operation.subject == "backend" else None for operation in waiting
    }

    granted = await press(bot, SORA, shown)

    assert granted is not None
    assert {one.service for one in granted} == {*bot.catalog.services} - {"backend"}
    assert (await states(bot))["backend"] is OperationState.WAITING
    assert set((await listed(bot, HYUNWOO))[1].values()) == {Reason.OWN_REQUEST}
    assert await press(bot, HYUNWOO, (await listed(bot, HYUNWOO))[0]) is None


@pytest.mark.parametrize("change", ["one more", "one less", "another content", "expired", "made up"])
async def test_another_list_than_was_shown_counts_for_nothing(
    bot: Bot, world: World, waiting: list[Operation], change: str
) -> None:
    if change == "one more":
        await approvals.withdraw(bot.database, waiting[1].id, actor=HYUNWOO, now=bot.clock())
    shown, _ = await listed(bot, MINJI)
    match change:
        case "one more":
            await bot.propose(HYUNWOO, service=waiting[1].subject)
        case "one less":
            await approvals.withdraw(bot.database, waiting[1].id, actor=HYUNWOO, now=bot.clock())
        case "another content":
            world.release("prod", TICKETS, login="hyunwoo")
            await bot.propose(HYUNWOO)
        case "expired":
            first = await bot.approval(waiting[0].id)
            bot.clock.advance(first.expires_at - bot.clock())
        case "made up":
            shown = "0" * 16
    before = await states(bot)

    assert await press(bot, MINJI, shown) is None

    assert await states(bot) == before
    assert "approve" not in [row[1] for row in await bot.audit()]
    assert (await listed(bot, MINJI))[0] != shown


async def test_where_two_are_needed_each_list_counts_once(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    async with bot_in(outside, database_url, catalog=requiring(catalog, 2)) as bot:
        for service in ("backend", TICKETS):
            world.release("prod", service, login="hyunwoo")
            await bot.propose(HYUNWOO, service=service)
        first = await press(bot, MINJI, (await listed(bot, MINJI))[0])
        mine = (await listed(bot, MINJI))[1]
        second = await press(bot, SORA, (await listed(bot, SORA))[0])

    assert first is not None
    assert second is not None
    assert [one.state for one in (*first, *second)] == [ApprovalState.PENDING] * 2 + [ApprovalState.GRANTED] * 2
    assert set(mine.values()) == {Reason.ALREADY_VOTED}


async def test_a_press_takes_no_more_than_a_list_can_show(bot: Bot, waiting: list[Operation]) -> None:
    found = await bulk.waiting(bot.database, "prod", actor=MINJI, now=bot.clock())
    many = [replace(found[0], approval=replace(found[0].approval, id=str(number))) for number in range(12)]

    assert bulk.within_reach(many) == many[: bulk.AT_ONCE]
    assert bulk.fingerprint(many) == bulk.fingerprint(many[: bulk.AT_ONCE]) != bulk.fingerprint(many[1:])


@pytest.mark.storage
async def test_of_many_presses_at_once_one_counts(bot: Bot, waiting: list[Operation]) -> None:
    crowd = [Actor(id=1000 + number, name=f"p{number}", guild_id=1, role_ids=frozenset()) for number in range(50)]
    shown, _ = await listed(bot, MINJI)
    single = approvals.grant(bot.database, waiting[2].id, actor=MINJI, now=bot.clock())

    told = await asyncio.gather(single, *(press(bot, actor, shown) for actor in crowd), return_exceptions=True)

    counted = [one for one in told[1:] if one is not None]
    votes = [len((await bot.approval(operation.id)).votes) for operation in waiting]
    if isinstance(told[0], Approval) and not counted:
        assert votes == [0, 0, 1, 0, 0]  # The single press was first, and the list another one from then on.
    else:
        assert len(counted) == 1
        assert votes == [1] * 5
