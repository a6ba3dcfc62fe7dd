"""Breaking the glass: the operation goes by one person alone, nothing else is bypassed, and nobody can overlook it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards.base import Card
from bot.domain.approvals import Approval, ApprovalState, Group
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from bot.services import approvals, glass, tending
from bot.services.views import Gallery
from bot.storage import approvals as rows
from bot.storage import cards
from sandbox.world import World
from tests.services.freezing import froze
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.locking import locked, refusal
from tests.services.outside import Outside
from tests.services.stopping import stopped

WHY = "payments **fail**, nobody answers @everyone"
ROLE, HOUR = 400, timedelta(hours=1)


@pytest.fixture
def catalog(catalog: Catalog) -> Catalog:
    """Three people of a group that nobody is in have to consent to what goes to prod."""
    nobody = (Group(name="security", roles=frozenset({501})),)
    prod = replace(
        catalog.environments["prod"],
        mention=ROLE,
        required_approvals=3,
        approval_groups=nobody,
        break_glass=frozenset({ROLE}),
    )
    return replace(catalog, environments={**catalog.environments, "prod": prod})


@pytest.fixture
async def waiting(bot: Bot, world: World) -> Operation:
    """A deploy of hyunwoo's commit that sora asked for."""
    world.release("prod", TICKETS, login="hyunwoo")
    return await bot.propose(SORA)


async def smash(bot: Bot, operation: Operation) -> Approval:
    return await glass.smash(bot.database, operation.id, actor=SORA, reason=WHY, now=bot.clock())


async def message(bot: Bot, operation: Operation, number: int) -> Card | None:
    """What the alerts channel shows under this number."""
    gallery = Gallery(database=bot.database, catalog=bot.catalog, guild_id=1, releases_channel=30, alerts_channel=31)
    found = await gallery.card(f"glass:{operation.id}:{number}", now=bot.clock())
    assert found is None or found[0] == 31
    return found and found[1]


async def messages(bot: Bot, operation: Operation) -> list[int]:
    """The numbers of the messages that were begun."""
    begin = f"glass:{operation.id}:"
    keys = [row["key"] for row in await bot.table("cards")]
    return sorted(int(key.removeprefix(begin)) for key in keys if key.startswith(begin))


async def pass_by(bot: Bot, hours: float) -> None:
    bot.clock.advance(hours * HOUR)
    await tending.tend(bot.database, catalog=bot.catalog, now=bot.clock())


async def test_who_asked_lets_it_go_alone_and_it_is_deployed(bot: Bot, waiting: Operation) -> None:
    broken = await smash(bot, waiting)
    done = await bot.followed(await bot.step(await bot.operation(waiting.id)))

    assert done.state is OperationState.SUCCEEDED
    assert broken == await bot.approval(waiting.id)
    assert (broken.state, broken.decided_by, [vote.person for vote in broken.votes]) == (
        ApprovalState.GRANTED,
        "sora",
        [SORA.id],
    )
    assert broken.broken is not None
    assert broken.broken.reason == WHY
    row = next(row for row in await bot.table("audit") if row["action"] == "break_glass")
    assert (row["actor"], row["outcome"], row["detail"], row["digest"]) == (
        "discord:23",
        "granted",
        WHY,
        broken.digest,
    )
    shown = await message(bot, waiting, 0)
    assert shown is not None
    assert (shown.title, shown.mention) == (f"🚨 {TICKETS} → prod · sora broke the glass", ROLE)
    assert "payments \\*\\*fail\\*\\*, nobody answers \\@everyone" in shown.description
    assert [button.custom_id for button in shown.buttons] == [f"chatops:review:{waiting.id}"]


async def test_what_has_changed_is_not_deployed_and_asked_again(bot: Bot, world: World, waiting: Operation) -> None:
    await smash(bot, waiting)
    world.release("prod", TICKETS)

    after = await bot.step(await bot.operation(waiting.id))

    assert (after.state, after.reason) == (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
    again = await bot.step((await bot.operations())[-1])
    assert (await bot.approval(again.id)).state is ApprovalState.PENDING
    assert await messages(bot, waiting) == [0]  # It was broken all the same.


async def test_a_stop_a_lock_and_a_freeze_hold(bot: Bot, waiting: Operation) -> None:
    told = []
    for hold in (froze, locked, stopped):
        await hold(bot)
        refused = await refusal(smash(bot, waiting))
        told.append(refused and refused.reason)

    assert told == [Reason.FROZEN, Reason.LOCKED, Reason.STOPPED]
    assert await bot.operation(waiting.id) == waiting
    assert await messages(bot, waiting) == []


async def test_a_lock_that_comes_between_holds_the_worker(bot: Bot, waiting: Operation) -> None:
    await smash(bot, waiting)
    await locked(bot)

    after = await bot.step(await bot.operation(waiting.id))

    assert (after.state, after.reason) == (OperationState.REFUSED, Reason.LOCKED)


async def test_it_is_refused_without_a_reason_twice_and_too_late(bot: Bot, waiting: Operation) -> None:
    empty = await refusal(glass.smash(bot.database, waiting.id, actor=SORA, reason=" \u200b", now=bot.clock()))
    late = (await bot.approval(waiting.id)).expires_at
    over = await refusal(glass.smash(bot.database, waiting.id, actor=SORA, reason=WHY, now=late))
    unknown = await refusal(glass.smash(bot.database, "0" * 24, actor=SORA, reason=WHY, now=bot.clock()))
    await smash(bot, waiting)
    twice = await refusal(smash(bot, waiting))
    vote = await refusal(approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock()))

    assert [one and one.reason for one in (empty, over, unknown, twice, vote)] == [
        Reason.NO_REASON,
        Reason.EXPIRED,
        Reason.SUPERSEDED,
        Reason.ALREADY_DECIDED,
        Reason.ALREADY_DECIDED,
    ]


async def test_another_person_reviews_it_and_the_cards_say_so(bot: Bot, waiting: Operation) -> None:
    early = await refusal(glass.review(bot.database, waiting.id, actor=MINJI, now=bot.clock()))
    await smash(bot, waiting)
    own = await refusal(glass.review(bot.database, waiting.id, actor=SORA, now=bot.clock()))
    author = await refusal(glass.review(bot.database, waiting.id, actor=HYUNWOO, now=bot.clock()))
    await glass.review(bot.database, waiting.id, actor=MINJI, now=bot.clock())
    again = await refusal(glass.review(bot.database, waiting.id, actor=HYUNWOO, now=bot.clock()))

    assert [one and one.reason for one in (early, own, author, again)] == [
        Reason.NOTHING_TO_REVIEW,
        Reason.OWN_GLASS,
        Reason.OWN_REQUEST,
        Reason.NOTHING_TO_REVIEW,
    ]
    assert (await bot.audit())[-1] == ("discord:22", "break_glass", "reviewed", None)
    shown = await message(bot, waiting, 0)
    assert shown is not None
    assert (shown.title, shown.mention, shown.buttons) == (
        f"🚨 {TICKETS} → prod · broken glass, reviewed by minji",
        None,
        (),
    )
    due = {card.key for card in await cards.due(bot.database, now=bot.clock(), limit=50)}
    assert {f"glass:{waiting.id}:0", f"release:{waiting.release_id}"} <= due
    await pass_by(bot, 100)
    assert await messages(bot, waiting) == [0]


async def test_people_are_reminded_until_somebody_has_reviewed_it(
    bot: Bot, outside: Outside, database_url: str, catalog: Catalog, waiting: Operation
) -> None:
    await smash(bot, waiting)
    told = []
    for hours in (3.9, 0.2, 19.8, 0.2, 23.9, 24):
        async with bot_in(outside, database_url, catalog=catalog) as life:  # A restart before each look.
            await pass_by(life, hours)
            await pass_by(life, 0)
        told.append(await messages(bot, waiting))

    assert told == [[0], [0, 1], [0, 1], [0, 1, 2], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
    older, newest = [await message(bot, waiting, number) for number in (3, 4)]
    assert older is None  # What was not posted yet is told by the newest.
    assert newest is not None
    assert (newest.title, newest.mention) == (f"🚨 {TICKETS} → prod · broken glass is not reviewed yet", ROLE)
    assert [row[2] for row in await bot.audit()].count("reminded") == 4

    await glass.review(bot.database, waiting.id, actor=MINJI, now=bot.clock())
    await pass_by(bot, 100)
    assert await messages(bot, waiting) == [0, 1, 2, 3, 4]


async def test_those_that_were_missed_are_one_and_they_have_no_end(bot: Bot, waiting: Operation) -> None:
    await smash(bot, waiting)
    await pass_by(bot, 100)
    assert await messages(bot, waiting) == [0, 5]

    for _ in range(3):
        await pass_by(bot, 24 * 30)
    shown = await message(bot, waiting, 95)
    assert await messages(bot, waiting) == [0, 5, 35, 65, 95]
    assert shown is not None
    assert (shown.title, shown.mention) == (f"🚨 {TICKETS} → prod · broken glass is not reviewed yet", ROLE)
    assert "looks at it and acknowledges it. People are reminded until then." in shown.description


@pytest.mark.storage
async def test_of_many_at_once_one_reviews_and_one_reminds(
    bot: Bot, outside: Outside, database_url: str, catalog: Catalog, waiting: Operation
) -> None:
    await smash(bot, waiting)
    bot.clock.advance(5 * HOUR)
    async with bot_in(outside, database_url, catalog=catalog) as other:
        lives = [bot.database, other.database] * 10
        await asyncio.gather(*(glass.tend(database, now=bot.clock()) for database in lives))
        assert [row[2] for row in await bot.audit()].count("reminded") == 1
        async with bot.database.reading() as connection:
            assert [one.id for one in await rows.unreviewed(connection)] == [waiting.id]

        crowd = [replace(MINJI, id=1000 + number, name=f"p{number}") for number in range(20)]
        told = await asyncio.gather(
            *(
                refusal(glass.review(database, waiting.id, actor=actor, now=bot.clock()))
                for database, actor in zip(lives, crowd, strict=True)
            )
        )

    assert sorted(str(one and one.reason) for one in told) == ["None", *["nothing_to_review"] * 19]
    async with bot.database.reading() as connection:
        assert await rows.unreviewed(connection) == []
