"""Rows that cannot be read and words that should not have been typed: nothing safe is kept from happening by them."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services import obstacles, stops, tending
from bot.storage import schema
from sandbox.world import World
from tests.services.freezing import froze, thawed
from tests.services.house import MINJI, SORA, TICKETS, Bot
from tests.services.locking import locked, refusal, unlocked
from tests.services.stopping import resumed, stopped
from tests.services.test_bulk import listed, press
from tests.services.test_bulk import waiting as waiting  # the fixture of five requests

TOKEN = "ghp_" + "a1B2" * 9


async def damage(bot: Bot, table: str) -> None:
    """Make every document of a table unreadable."""
    async with bot.database.transaction() as connection:
        await connection.execute(update(schema.metadata.tables[table]).values(document="{"))


async def test_a_damaged_operation_keeps_nobody_from_stopping(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    await bot.propose(SORA)
    await damage(bot, "operations")
    with pytest.raises(ValueError, match="validation error"):
        await stopped(bot)  # who is told of it cannot be read; that it is stopped is written
    assert await stops.standing(bot.database) is not None


@pytest.mark.parametrize("table", ["locks", "approvals", "freezes"])
async def test_a_damaged_row_does_not_end_what_looks_after_the_rest(bot: Bot, world: World, table: str) -> None:
    world.release("prod", TICKETS)
    await bot.propose(SORA)
    await locked(bot, service="backend")
    await froze(bot, service="backend")
    await damage(bot, table)
    bot.clock.advance(timedelta(hours=5))
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())


@pytest.mark.parametrize("damaged", [["approvals"], ["approvals", "operations"]])
async def test_a_request_that_cannot_be_read_keeps_no_other_one_open(
    bot: Bot, waiting: list[Operation], damaged: list[str]
) -> None:
    first, *others = waiting
    for name in damaged:
        table = schema.metadata.tables[name]
        mine = table.c.id == first.id if name == "operations" else table.c.operation_id == first.id
        async with bot.database.transaction() as connection:
            await connection.execute(update(table).where(mine).values(document="{"))
    bot.clock.advance(timedelta(hours=5))
    with capture_logs() as said:
        await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())
    assert [(await bot.operation(one.id)).state for one in others] == [OperationState.EXPIRED] * 4
    assert {row["outcome"] for row in await bot.table("audit") if row["operation_id"] == first.id} == {
        "requested",
        "waiting",
    }
    assert {line["event"] for line in said} == {"approvals.unreadable"}


async def test_what_looks_like_a_secret_is_not_kept_of_what_people_type(bot: Bot) -> None:
    await locked(bot, reason=f"the token is {TOKEN}")
    await unlocked(bot, MINJI, reason=f"no, {TOKEN}")
    freeze = (await froze(bot, reason=TOKEN)).freeze
    await thawed(bot, freeze, reason=TOKEN)
    await stopped(bot, reason=TOKEN)
    await resumed(bot, reason=TOKEN)
    for name in schema.metadata.tables:
        assert TOKEN not in json.dumps(await bot.table(name), default=str), name


async def test_the_roles_of_who_stops_freezes_and_locks_are_in_the_trail(bot: Bot) -> None:
    await locked(bot)
    await unlocked(bot)
    await thawed(bot, (await froze(bot)).freeze)
    await stopped(bot)
    await resumed(bot)
    said = [(row["action"], row["outcome"], row["roles"]) for row in await bot.table("audit")]
    assert said == [
        ("lock", "locked", "[]"),
        ("unlock", "unlocked", "[]"),
        ("freeze", "added", "[]"),
        ("freeze", "removed", "[]"),
        ("stop", "stopped", "[]"),
        ("resume", "resumed", "[]"),
    ]


async def test_a_reason_that_nobody_can_see_is_none(bot: Bot) -> None:
    refused = await refusal(locked(bot, reason="\u200b"))
    assert (refused and refused.reason) is Reason.NO_REASON
    await locked(bot)
    refused = await refusal(unlocked(bot, MINJI, reason="\u200b \u2060"))
    assert (refused and refused.reason) is Reason.NO_REASON


async def test_what_is_held_is_left_out_of_what_is_approved_at_once(bot: Bot, waiting: list[object]) -> None:
    await locked(bot, service="backend")
    shown, why = await listed(bot, MINJI)
    assert {service for service, reason in why.items() if reason is Reason.LOCKED} == {"backend"}
    granted = await press(bot, MINJI, shown)
    assert granted is not None
    assert len(granted) == len(waiting) - 1


async def test_a_freeze_gives_time_only_to_what_it_holds(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    asked = await bot.propose(SORA)
    ends = (await bot.approval(asked.id)).expires_at
    bot.clock.advance(timedelta(minutes=50))
    await thawed(bot, (await froze(bot, service="backend")).freeze)
    assert (await bot.approval(asked.id)).expires_at == ends
    await thawed(bot, (await froze(bot, service=TICKETS)).freeze)
    assert (await bot.approval(asked.id)).expires_at > ends
    assert (await bot.operation(asked.id)).state is OperationState.WAITING


async def test_a_hot_fix_does_not_pass_a_freeze_that_cannot_be_read(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    asked = await bot.propose(SORA)
    await froze(bot)
    await damage(bot, "freezes")
    hotfix = replace(asked, hotfix="payments fail")
    async with bot.database.reading() as connection:
        found = await obstacles.in_the_way(connection, hotfix, now=bot.clock())
    assert getattr(found, "until", "") is None
