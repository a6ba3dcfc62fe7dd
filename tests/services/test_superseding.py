"""A newer request takes the place of one that waits, and of nothing that goes on."""

from dataclasses import replace

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.operations import OperationKind, OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, operations
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in, requiring
from tests.services.outside import Outside
from tests.services.rolling import chosen, ordered, seen
from tests.services.tagging import asked


async def test_a_newer_request_takes_the_place_of_one_that_waits(bot: Bot, world: World, earlier: str) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    older = await bot.propose(SORA)
    asking = await asked(bot, earlier)
    assert await bot.operation(older.id) == older  # It is not known yet whether the newer one can be done.
    newer = await bot.step(asking)

    gone, consent = await bot.operation(older.id), await bot.approval(older.id)
    assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.SUPERSEDED)
    assert (consent.state, consent.decided_by) == (ApprovalState.SUPERSEDED, "hyunwoo")
    assert (await bot.audit())[2:] == [
        ("discord:21", "deploy", "requested", None),
        ("chatops", "deploy", "superseded", "superseded"),
        ("chatops", "deploy", "waiting", None),
    ]
    row = (await bot.table("audit"))[3]
    assert (row["operation_id"], row["correlation"], row["roles"]) == (older.id, f"operation:{newer.id}", None)
    for decide in (approvals.grant, approvals.withdraw):
        with pytest.raises(Refused) as refused:
            await decide(bot.database, older.id, actor=SORA, now=bot.clock())
        assert refused.value.reason is Reason.SUPERSEDED
    assert newer.state is OperationState.WAITING
    assert (await bot.approve(newer, actor=SORA)).state is OperationState.APPROVED


async def test_a_newer_request_that_cannot_be_done_takes_no_votes(
    bot: Bot, world: World, outside: Outside, database_url: str
) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    async with bot_in(outside, database_url, catalog=requiring(bot.catalog, 2)) as two:
        older = await two.approve(await two.propose(SORA), actor=MINJI)
        refused = await two.step(await asked(two, "0000000-20260101-000000"))
        assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.TAG_UNKNOWN)

        assert await two.operation(older.id) == older
        assert [vote.person for vote in (await two.approval(older.id)).votes] == [MINJI.id]
        done = await two.approve(older, actor=replace(MINJI, id=24))
        assert done.state is OperationState.APPROVED


async def test_what_is_approved_while_a_newer_request_is_prepared_goes_on(bot: Bot, world: World, earlier: str) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    older = await bot.propose(SORA)
    asking = await asked(bot, earlier)
    approved = await bot.approve(older)

    refused = await bot.step(asking)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.ALREADY_OPEN)
    assert (await bot.followed(await bot.step(approved))).state is OperationState.SUCCEEDED


async def test_a_hotfix_takes_the_place_of_what_is_prepared_at_once_and_of_what_waits_later(
    bot: Bot, world: World, earlier: str
) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    older = await bot.propose(SORA)
    preparing = await asked(bot, earlier)
    hotfix = await operations.request(
        bot.database,
        kind=OperationKind.DEPLOY,
        environment="prod",
        service=TICKETS,
        actor=SORA,
        catalog=bot.catalog,
        now=bot.clock(),
        hotfix="payments fail",
    )
    assert (await bot.operation(preparing.id)).reason is Reason.HOTFIX_INSTEAD
    assert await bot.operation(older.id) == older
    assert (await bot.step(hotfix)).state is OperationState.WAITING
    assert (await bot.operation(older.id)).reason is Reason.HOTFIX_INSTEAD


async def test_the_pipelines_own_request_gives_way_and_is_not_made_again(bot: Bot, world: World) -> None:
    await bot.committed(world.release("prod", TICKETS, login="hyunwoo"))
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    [own] = await bot.operations()
    await bot.step(own)

    newer = await bot.propose(SORA)
    await seen(bot)

    assert [(one.id, one.state) for one in await bot.operations()] == [
        (own.id, OperationState.SUPERSEDED),
        (newer.id, OperationState.WAITING),
    ]
    assert newer.release_id == own.release_id  # The release card shows the newer one.


@pytest.mark.parametrize("state", [OperationState.REQUESTED, OperationState.APPROVED, OperationState.RUNNING])
async def test_what_goes_on_keeps_its_place(bot: Bot, world: World, state: OperationState) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    older = await bot.request(HYUNWOO)
    if state is not OperationState.REQUESTED:
        older = await bot.approve(await bot.step(older), actor=MINJI)
    if state is OperationState.RUNNING:
        older = await bot.step(older)
    assert older.state is state

    with pytest.raises(Refused) as refused:
        await bot.request(SORA)

    assert refused.value.reason is Reason.ALREADY_OPEN
    assert await bot.operation(older.id) == older


async def test_other_targets_and_a_way_back_keep_their_place(bot: Bot, world: World) -> None:
    first = await bot.deployed()
    await bot.deployed()
    world.release("prod", "backend", login="hyunwoo")
    await seen(bot)
    other = await bot.propose(SORA, service="backend")
    back = await ordered(bot, first)
    assert {other.state, back.state} == {OperationState.WAITING}

    with pytest.raises(Refused) as refused:
        await bot.request(SORA)

    assert refused.value.reason is Reason.ALREADY_OPEN
    assert [await bot.operation(one.id) for one in (other, back)] == [other, back]
    again = await chosen(bot, first)
    assert await bot.operation(back.id) == back
    assert (await bot.step(again)).state is OperationState.WAITING
    assert (await bot.operation(back.id)).reason is Reason.SUPERSEDED
