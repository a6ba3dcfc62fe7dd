"""A newer request takes the place of one that waits, and of nothing that goes on."""

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import approvals
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot
from tests.services.rolling import chosen, ordered, seen
from tests.services.tagging import asked


async def test_a_newer_request_takes_the_place_of_one_that_waits(bot: Bot, world: World, earlier: str) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    older = await bot.propose(SORA)
    newer = await bot.step(await asked(bot, earlier))

    gone, consent = await bot.operation(older.id), await bot.approval(older.id)
    assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.SUPERSEDED)
    assert (consent.state, consent.decided_by) == (ApprovalState.SUPERSEDED, "hyunwoo")
    assert (await bot.audit())[2:4] == [
        ("discord:21", "deploy", "superseded", "superseded"),
        ("discord:21", "deploy", "requested", None),
    ]
    for decide in (approvals.grant, approvals.withdraw):
        with pytest.raises(Refused) as refused:
            await decide(bot.database, older.id, actor=SORA, now=bot.clock())
        assert refused.value.reason is Reason.SUPERSEDED
    assert newer.state is OperationState.WAITING
    assert (await bot.approve(newer, actor=SORA)).state is OperationState.APPROVED


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
    assert (await chosen(bot, first)).state is OperationState.REQUESTED
    assert (await bot.operation(back.id)).reason is Reason.SUPERSEDED
