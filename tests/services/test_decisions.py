"""Presses on Approve, Reject and Withdraw: one vote each, one winner, and nobody decides about their own."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest

from bot.domain.approvals import Approval, ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.permissions import Actor
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, own_requests
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in, requiring
from tests.services.letterbox import deliver, pipeline
from tests.services.outside import Outside


@pytest.fixture
async def waiting(bot: Bot, world: World) -> Operation:
    """A deploy of hyunwoo's commit that sora asked for."""
    world.release("prod", TICKETS, login="hyunwoo")
    return await bot.propose(SORA)


async def press(bot: Bot, operation: Operation, *, actor: Actor = MINJI, verb: str = "grant") -> Reason | ApprovalState:
    """What the person is told: the state of the approval, or why not."""
    verbs: dict[str, Callable[..., Awaitable[Approval]]] = {
        "grant": approvals.grant,
        "reject": partial(approvals.reject, why="The **queue** is full."),
        "withdraw": approvals.withdraw,
    }
    try:
        return (await verbs[verb](bot.database, operation.id, actor=actor, now=bot.clock())).state
    except Refused as refused:
        return refused.reason


async def withdrawn(bot: Bot, operation: Operation) -> None:
    """Make room: what was approved is asked again since it has changed, and taken back then."""
    if operation.state is OperationState.APPROVED:
        bot.outside.world.release("prod", TICKETS)
        assert (await bot.step(operation)).reason is Reason.CHANGED_SINCE
        again = await bot.step((await bot.operations())[-1])
        assert await press(bot, again, actor=SORA, verb="withdraw") is ApprovalState.WITHDRAWN


async def test_a_reject_ends_it(bot: Bot, waiting: Operation) -> None:
    told = await press(bot, waiting, actor=SORA, verb="reject")

    assert told is ApprovalState.REJECTED
    after, approval = await bot.operation(waiting.id), await bot.approval(waiting.id)
    assert (after.state, after.reason, after.detail) == (
        OperationState.REJECTED,
        Reason.REJECTED,
        "The **queue** is full.",
    )
    assert (approval.state, approval.decided_by) == (ApprovalState.REJECTED, "sora")
    assert (await bot.audit())[-1] == ("discord:23", "deploy", "rejected", "rejected")
    assert (await bot.request(SORA)).state is OperationState.REQUESTED  # The place is free again.


async def test_who_asked_takes_it_back(bot: Bot, waiting: Operation) -> None:
    told = [await press(bot, waiting, actor=actor, verb="withdraw") for actor in (MINJI, HYUNWOO, SORA, SORA)]

    assert told == [Reason.NOT_YOUR_REQUEST, Reason.NOT_YOUR_REQUEST, ApprovalState.WITHDRAWN, Reason.WITHDRAWN]
    after, approval = await bot.operation(waiting.id), await bot.approval(waiting.id)
    assert (after.state, after.reason, after.detail) == (OperationState.WITHDRAWN, Reason.WITHDRAWN, "")
    assert (approval.state, approval.decided_by) == (ApprovalState.WITHDRAWN, "sora")
    assert (await bot.audit())[2:] == [("discord:23", "deploy", "withdrawn", "withdrawn")]
    assert (await bot.request(SORA)).state is OperationState.REQUESTED  # The place is free again.


@pytest.mark.parametrize("author", [SORA, HYUNWOO], ids=["who asked", "who wrote the commit"])
async def test_nobody_consents_to_their_own(bot: Bot, waiting: Operation, author: Actor) -> None:
    refused = await press(bot, waiting, actor=author)
    granted = await press(bot, waiting, actor=MINJI)

    assert (refused, granted) == (Reason.OWN_REQUEST, ApprovalState.GRANTED)
    assert [vote.person for vote in (await bot.approval(waiting.id)).votes] == [MINJI.id]


async def test_who_wrote_it_may_become_known_after_the_request(bot: Bot, world: World) -> None:
    script, box = pipeline(world)
    await script.run(TICKETS, "prod", author="Minji-K", subject="fix: seats")
    waiting = await bot.propose(SORA)
    assert MINJI.id not in (await bot.approval(waiting.id)).authors
    await deliver(bot.database, box.empty(), at=bot.clock())
    await bot.take_in()

    with pytest.raises(Refused) as refused:
        await approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock(), logins={MINJI.id: "minji-k"})
    granted = await approvals.grant(
        bot.database, waiting.id, actor=HYUNWOO, now=bot.clock(), logins={HYUNWOO.id: "hyunwoo"}
    )

    assert refused.value.reason is Reason.OWN_REQUEST
    assert granted.state is ApprovalState.GRANTED


async def test_one_person_has_one_vote(outside: Outside, world: World, database_url: str, catalog: Catalog) -> None:
    async with bot_in(outside, database_url, catalog=requiring(catalog, 2)) as bot:
        world.release("prod", TICKETS, login="hyunwoo")
        waiting = await bot.propose(HYUNWOO)

        told = [await press(bot, waiting, actor=actor) for actor in (MINJI, MINJI, SORA, MINJI)]

        assert told == [
            ApprovalState.PENDING,
            Reason.ALREADY_VOTED,
            ApprovalState.GRANTED,
            Reason.ALREADY_DECIDED,
        ]
        assert [row[:3] for row in await bot.audit()] == [
            ("discord:21", "deploy", "requested"),
            ("chatops", "deploy", "waiting"),
            ("discord:22", "approve", "pending"),
            ("discord:23", "approve", "granted"),
        ]


@pytest.mark.parametrize(
    ("first", "reason"),
    [("grant", Reason.ALREADY_DECIDED), ("reject", Reason.ALREADY_DECIDED), ("withdraw", Reason.WITHDRAWN)],
)
async def test_what_is_decided_stays_decided(bot: Bot, waiting: Operation, first: str, reason: Reason) -> None:
    await press(bot, waiting, actor=SORA if first == "withdraw" else MINJI, verb=first)
    decided = await bot.operation(waiting.id)
    assert decided != waiting

    told = [await press(bot, waiting, verb=verb) for verb in ("grant", "reject")]
    told.append(await press(bot, waiting, actor=SORA, verb="withdraw"))

    assert told == [reason] * 3
    assert await bot.operation(waiting.id) == decided


async def test_a_press_comes_too_late(bot: Bot, waiting: Operation) -> None:
    approval = await bot.approval(waiting.id)
    bot.clock.advance(approval.expires_at - bot.clock() - timedelta(seconds=1))
    assert await approvals.expire_overdue(bot.database, now=bot.clock()) == 0

    bot.clock.advance(timedelta(seconds=1))
    told = [await press(bot, waiting, verb=verb) for verb in ("grant", "reject", "withdraw")]
    closed = [await approvals.expire_overdue(bot.database, now=bot.clock()) for _ in range(2)]
    told.append(await press(bot, waiting))

    assert (told, closed) == ([Reason.EXPIRED] * 4, [1, 0])
    after = await bot.operation(waiting.id)
    assert (after.state, after.reason) == (OperationState.EXPIRED, Reason.EXPIRED)
    assert (await bot.approval(waiting.id)).state is ApprovalState.EXPIRED
    assert (await bot.audit())[-1] == ("chatops", "deploy", "expired", "expired")


async def test_a_newer_image_voids_the_request(bot: Bot, world: World, waiting: Operation) -> None:
    world.release("prod", "backend")
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    assert await bot.operation(waiting.id) == waiting  # Somebody else's image is nobody's business.

    world.release("prod", TICKETS)
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")

    after = await bot.operation(waiting.id)
    assert (after.state, after.reason) == (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
    assert (await bot.approval(waiting.id)).state is ApprovalState.SUPERSEDED
    assert await press(bot, waiting) is Reason.SUPERSEDED


async def test_somebody_deployed_it_elsewhere(bot: Bot, world: World, waiting: Operation) -> None:
    world.operate("prod")
    await world.settle()

    await bot.observer.observe(bot.catalog.environments["prod"])

    after = await bot.operation(waiting.id)
    assert (after.state, after.reason) == (OperationState.SUPERSEDED, Reason.NOTHING_TO_DEPLOY)
    assert await press(bot, waiting) is Reason.SUPERSEDED


async def test_a_manifest_that_cannot_be_rendered_voids_nothing(bot: Bot, world: World, waiting: Operation) -> None:
    before = world.overlay("prod")
    world.commit_overlay("prod", "images: {", message="oops", login="minji")
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    broken = await bot.operation(waiting.id)
    world.commit_overlay("prod", before, message="revert", login="minji")
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")

    assert broken == await bot.operation(waiting.id) == waiting


async def test_a_read_from_before_the_request_voids_nothing(bot: Bot, world: World) -> None:
    earlier = await bot.observer.observe(bot.catalog.environments["prod"])
    world.release("prod", TICKETS)
    waiting = await bot.propose(SORA)

    assert earlier is not None
    async with bot.database.transaction() as connection:
        await own_requests.supersede_stale(connection, earlier, now=bot.clock())

    assert await bot.operation(waiting.id) == waiting


async def test_an_unknown_button_is_refused(bot: Bot) -> None:
    for asked in (
        approvals.get(bot.database, "0" * 24),
        approvals.grant(bot.database, "0" * 24, actor=MINJI, now=bot.clock()),
    ):
        with pytest.raises(Refused) as refused:
            await asked
        assert refused.value.reason is Reason.SUPERSEDED


@pytest.mark.storage
async def test_of_a_yes_and_a_no_at_once_one_counts(bot: Bot, world: World) -> None:
    for _ in range(10):
        world.release("prod", TICKETS, login="hyunwoo")
        waiting = await bot.propose(SORA)

        told = await asyncio.gather(press(bot, waiting, verb="grant"), press(bot, waiting, verb="reject"))

        after, approval = await bot.operation(waiting.id), await bot.approval(waiting.id)
        assert told.count(Reason.ALREADY_DECIDED) == 1
        assert (after.state, approval.state) in (
            (OperationState.APPROVED, ApprovalState.GRANTED),
            (OperationState.REJECTED, ApprovalState.REJECTED),
        )
        assert approval.state in told
        await withdrawn(bot, after)


@pytest.mark.storage
async def test_of_a_yes_and_a_withdrawal_at_once_one_counts(bot: Bot, world: World) -> None:
    for _ in range(10):
        world.release("prod", TICKETS, login="hyunwoo")
        waiting = await bot.propose(SORA)

        yes, never_mind = await asyncio.gather(press(bot, waiting), press(bot, waiting, actor=SORA, verb="withdraw"))

        after, approval = await bot.operation(waiting.id), await bot.approval(waiting.id)
        if after.state is OperationState.APPROVED:
            assert (yes, never_mind) == (ApprovalState.GRANTED, Reason.ALREADY_DECIDED)
            assert approval.state is ApprovalState.GRANTED
            await withdrawn(bot, after)
        else:
            assert (after.state, approval.state) == (OperationState.WITHDRAWN, ApprovalState.WITHDRAWN)
            assert never_mind is ApprovalState.WITHDRAWN
            assert yes in (Reason.WITHDRAWN, Reason.ALREADY_DECIDED)


@pytest.mark.storage
async def test_presses_and_reads_at_once_do_not_wait_for_each_other(bot: Bot, world: World) -> None:
    place = bot.catalog.environments["prod"]
    services = list(bot.catalog.services)
    for service in services:
        world.release("prod", service, login="hyunwoo")
    waiting = [await bot.propose(SORA, service=service) for service in services]

    async with asyncio.timeout(10):
        *_, told = await asyncio.gather(
            *(bot.observer.observe(place) for _ in range(5)),
            asyncio.gather(*(press(bot, operation) for operation in reversed(waiting))),
        )

    assert told == [ApprovalState.GRANTED] * len(services)
