"""What has changed since people consented to it is asked again as it is now, with fresh consent and not for ever."""

import pytest

from bot.cards import changes
from bot.domain.approvals import ApprovalState
from bot.domain.operations import Operation, OperationKind, OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import approvals
from bot.services.own_requests import AGAIN
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot
from tests.services.outside import configure
from tests.services.rolling import WHY, ordered, seen
from tests.services.tagging import asked


async def again(bot: Bot, operation: Operation) -> Operation:
    """What is asked in place of an operation whose content turns out to have changed, put before people."""
    gone = await bot.step(operation)
    assert (gone.state, gone.reason) == (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
    newest = (await bot.operations())[-1]
    assert (newest.state, newest.before, newest.content) == (OperationState.REQUESTED, operation.content, None)
    return await bot.step(newest)


async def test_a_deploy_that_changed_is_asked_again_and_needs_fresh_consent(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    first = await bot.approved()
    configure(world)

    second = await again(bot, first)

    assert (second.state, second.requested_by, second.asked_again) == (OperationState.WAITING, HYUNWOO.id, 1)
    assert second.release_id == first.release_id
    assert first.content is not None
    assert second.content is not None
    assert (
        changes.since(second, catalog=bot.catalog).split("\n")[1].startswith("• also ConfigMap/ticket-service-config")
    )
    assert (await bot.approval(second.id)).votes == ()
    assert (await bot.approval(first.id)).state is ApprovalState.GRANTED  # Spent on nothing, and never on this.
    with pytest.raises(Refused) as refused:
        await approvals.grant(bot.database, first.id, actor=SORA, now=bot.clock())
    assert refused.value.reason is Reason.ALREADY_DECIDED
    done = await bot.followed(await bot.step(await bot.approve(second)))
    assert done.state is OperationState.SUCCEEDED
    assert world.syncs[-1].revision == second.content.revision


async def test_a_request_that_waits_is_asked_again_when_git_asks_for_another_image(bot: Bot, world: World) -> None:
    older = world.release("prod", TICKETS, login="hyunwoo")
    first = await bot.propose(SORA)
    newer = world.release("prod", TICKETS, login="hyunwoo")
    await bot.committed(newer)
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")

    gone, second = await bot.operations()  # And the pipeline does not ask for the same.
    assert (gone.id, gone.state, gone.reason) == (first.id, OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
    waiting = await bot.step(second)
    await bot.observer.observe(bot.catalog.environments["prod"])

    assert await bot.operations() == [gone, waiting]
    assert (waiting.state, waiting.requested_name) == (OperationState.WAITING, "sora")
    first_line = changes.since(waiting, catalog=bot.catalog).split("\n")[1]
    assert first_line == f"• **{TICKETS}** would run `{older.tag}` → `{newer.tag}`"


async def test_what_keeps_changing_is_left_to_people(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    current = await bot.approved()
    for number in range(AGAIN):
        configure(world, str(number))
        current = await bot.approve(await again(bot, current))
    configure(world, "once more")

    refused = await bot.step(current)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
    assert len(await bot.operations()) == 1 + AGAIN


async def test_what_is_there_already_is_not_put_before_people(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    approved = await bot.approved()
    world.release("prod", TICKETS, login="hyunwoo")
    assert (await bot.step(approved)).reason is Reason.CHANGED_SINCE
    world.operate("prod")
    await world.settle()

    refused = await bot.step((await bot.operations())[-1])

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.NOTHING_TO_DEPLOY)


async def test_what_the_pipeline_asked_is_left_to_people(bot: Bot, world: World) -> None:
    await bot.committed(world.release("prod", TICKETS, login="hyunwoo"))
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    [own] = await bot.operations()
    approved = await bot.approve(await bot.step(own))
    configure(world)

    refused = await bot.step(approved)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
    assert len(await bot.operations()) == 1


async def test_a_tag_that_is_written_is_left_to_people(bot: Bot, world: World, earlier: str) -> None:
    written = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
    assert written.written is not None
    configure(world)

    refused = await bot.step(written)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
    assert len(await bot.operations()) == 1


async def test_a_way_back_that_changed_is_asked_again_with_its_reason(bot: Bot, world: World) -> None:
    first = await bot.deployed()
    await bot.deployed()
    await seen(bot)
    approved = await bot.approve(await ordered(bot, first, emergency=True), actor=MINJI)
    configure(world)

    second = await again(bot, approved)

    assert (second.state, second.kind, second.tag) == (OperationState.WAITING, OperationKind.ROLLBACK, first)
    assert second.rollback == approved.rollback
    assert second.rollback is not None
    assert (second.rollback.why, second.rollback.emergency) == (WHY, True)
