"""People behind a request who are not in the identity map: they are named, and where the topology says so, refused."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.adapters import github_comparisons
from bot.domain.approvals import UNMAPPED, ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import approvals, bulk, glass
from bot.services.views import Gallery
from sandbox.github_shapes import Pull
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in
from tests.services.letterbox import deliver, pipeline
from tests.services.outside import Outside
from tests.services.rolling import ordered


@pytest.fixture
async def bot(outside: Outside, database_url: str, catalog: Catalog) -> AsyncIterator[Bot]:
    """A bot that knows who Hyunwoo is on GitHub, and nobody else."""
    async with bot_in(outside, database_url, catalog=replace(catalog, logins={HYUNWOO.id: "hyunwoo"})) as bot:
        yield bot


def refusing(bot: Bot) -> Bot:
    """The same bot, where nobody may approve on prod what unknown people made, or may have made."""
    prod = replace(bot.catalog.environments["prod"], refuse_unknown=True, refuse_unsure=True)
    catalog = replace(bot.catalog, environments={**bot.catalog.environments, "prod": prod})
    steps = replace(bot.deployer.steps, catalog=catalog)
    return replace(bot, catalog=catalog, deployer=replace(bot.deployer, steps=steps))


async def unknown(bot: Bot, operation: Operation) -> tuple[tuple[str, ...], bool]:
    """Who is named, and whether there may be others."""
    approval = await bot.approval(operation.id)
    return approval.unmapped, approval.unsure


async def refused_to(bot: Bot, operation: Operation, *, login: str | None = None) -> Reason:
    """Why Minji's consent does not count."""
    with pytest.raises(Refused) as refused:
        await approvals.grant(
            bot.database, operation.id, actor=MINJI, now=bot.clock(), logins={MINJI.id: login} if login else {}
        )
    return refused.value.reason


async def test_who_wrote_started_or_merged_it_is_named_and_bots_are_not(
    bot: Bot, outside: Outside, world: World
) -> None:
    first = world.commit_source(TICKETS, branch="main", login="Octocat", subject="fix: prices")
    outside.github.brought[first.sha] = Pull(number=7, title="Fix", login="x", merger="Hubot")
    world.commit_source(TICKETS, branch="main", login="dependabot[bot]", subject="build: bump")
    world.release("prod", TICKETS, login="hyunwoo")

    waiting = await bot.propose(HYUNWOO)

    assert await unknown(bot, waiting) == (("hubot", "octocat"), False)
    assert (await bot.approve(waiting)).state is OperationState.APPROVED  # It is told, and refused to nobody.


async def test_whoever_was_mapped_after_the_request_was_made_cannot_approve_it_either(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="Minji")
    waiting = await bot.propose(HYUNWOO)

    assert await refused_to(bot, waiting, login="minji") is Reason.OWN_REQUEST
    own = await bulk.waiting(bot.database, "prod", actor=MINJI, now=bot.clock(), logins={MINJI.id: "minji"})
    assert [one.refused for one in own] == [Reason.OWN_REQUEST]
    assert (await bot.approve(waiting, actor=SORA)).state is OperationState.APPROVED


@pytest.mark.parametrize("who", ["nobody's address", "many"])
async def test_there_may_be_others_of_whom_nobody_knows_the_login(bot: Bot, world: World, who: str) -> None:
    logins = [f"user{number}" for number in range(UNMAPPED + 1)] if who == "many" else [""]
    for login in logins:
        world.commit_source(TICKETS, branch="main", login=login, subject="fix: prices")
    world.release("prod", TICKETS, login="hyunwoo")
    named = tuple(sorted(logins)[:UNMAPPED]) if who == "many" else ()

    assert await unknown(bot, await bot.propose(HYUNWOO)) == (named, True)


async def test_whom_a_run_reports_by_a_name_has_no_login(bot: Bot, world: World) -> None:
    script, box = pipeline(world)
    await script.run(TICKETS, "prod", author="Octo Cat", subject="fix: seats")
    early = await bot.propose(HYUNWOO)
    assert not (await bot.approval(early.id)).unsure
    await approvals.withdraw(bot.database, early.id, actor=HYUNWOO, now=bot.clock())
    await deliver(bot.database, box.empty(), at=bot.clock())
    await bot.take_in()

    assert (await bot.approval((await bot.propose(HYUNWOO)).id)).unsure


@pytest.mark.parametrize("early", [True, False], ids=["before", "after"])
async def test_who_is_reported_before_or_after_the_request_is_unknown_alike(
    bot: Bot, world: World, early: bool
) -> None:
    strict = refusing(bot)
    script, box = pipeline(world)
    ran = await script.run(TICKETS, "prod", author="hyunwoo", subject="fix: seats", fail_at="push")
    await script.rerun(ran, author="octocat")
    reports = box.empty()
    if early:
        await deliver(bot.database, reports, at=bot.clock())
        await bot.take_in()
    waiting = await strict.propose(SORA)
    assert await unknown(strict, waiting) == (("octocat",) if early else (), False)
    await deliver(bot.database, reports, at=bot.clock())
    await bot.take_in()

    with pytest.raises(Refused) as refused:
        await approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock(), logins=strict.catalog.logins)
    named = "" if early else "Not in the identity map: `octocat`."
    assert (refused.value.reason, refused.value.detail) == (Reason.UNKNOWN_AUTHORS, named)
    listed = await bulk.waiting(
        bot.database, "prod", actor=MINJI, now=bot.clock(), logins={**strict.catalog.logins, MINJI.id: "minji"}
    )
    assert [one.refused for one in listed] == [Reason.UNKNOWN_AUTHORS]
    mapped = {**strict.catalog.logins, 99: "octocat"}
    if not early:
        granted = await approvals.grant(bot.database, waiting.id, actor=MINJI, now=bot.clock(), logins=mapped)
        assert granted.state is ApprovalState.GRANTED


async def test_who_wrote_what_nobody_can_place_counts_as_behind_it(
    bot: Bot, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object, **__: object) -> None:
        """GitHub fails this one question and answers all others, which no fault of the stand-in does."""

    monkeypatch.setattr(github_comparisons, "_touching", silent)
    world.commit_source(TICKETS, branch="main", login="octocat", subject="fix: prices")
    world.release("prod", TICKETS, login="hyunwoo")

    assert await unknown(bot, await bot.propose(HYUNWOO)) == (("octocat",), True)


async def test_what_an_image_of_unknown_origin_replaces_tells_not_who_wrote_it(bot: Bot, world: World) -> None:
    """Nobody can say which commits lie between, so there may be anybody's."""
    world.commit_tag(TICKETS, "prod", tag="latest")
    world.tick()
    world.operate("prod")
    await world.settle()
    world.release("prod", TICKETS, login="hyunwoo")

    assert await unknown(bot, await bot.propose(HYUNWOO)) == ((), True)


@pytest.mark.parametrize("login", ["octocat", ""])
async def test_where_unknown_authors_are_refused_nobody_approves_and_the_glass_still_breaks(
    bot: Bot, world: World, login: str
) -> None:
    strict = refusing(bot)
    world.release("prod", TICKETS, login=login)
    world.release("prod", "backend", login="hyunwoo")
    waiting, other = await strict.propose(HYUNWOO), await strict.propose(HYUNWOO, service="backend")

    assert await refused_to(strict, waiting) is Reason.UNKNOWN_AUTHORS
    listed = await bulk.waiting(strict.database, "prod", actor=MINJI, now=strict.clock())
    assert {one.operation.id: one.refused for one in listed} == {waiting.id: Reason.UNKNOWN_AUTHORS, other.id: None}
    assert (await strict.approve(other)).state is OperationState.APPROVED  # Everybody behind it is known.

    granted = await glass.smash(strict.database, waiting.id, actor=MINJI, reason="down", now=strict.clock())
    assert granted.state is ApprovalState.GRANTED
    assert (await strict.operation(waiting.id)).state is OperationState.APPROVED


@pytest.mark.parametrize(("merger", "reason"), [("hyunwoo", None), ("octocat", Reason.UNKNOWN_AUTHORS)])
async def test_what_bots_made_is_refused_to_nobody_but_who_merged_it_has_to_be_known(
    bot: Bot, outside: Outside, world: World, merger: str, reason: Reason | None
) -> None:
    strict = refusing(bot)
    for login in ("renovate[bot]", "github-actions[bot]"):
        world.commit_source(TICKETS, branch="main", login=login, subject="build: bump")
    source = world.release("prod", TICKETS, login="dependabot[bot]").source
    outside.github.brought[source.sha] = Pull(number=7, title="Bump", login="dependabot[bot]", merger=merger)
    waiting = await strict.propose(SORA)

    assert await unknown(strict, waiting) == (() if reason is None else ("octocat",), False)
    if reason is None:
        assert HYUNWOO.id in (await strict.approval(waiting.id)).authors
        assert (await strict.approve(waiting)).state is OperationState.APPROVED
    else:
        assert await refused_to(strict, waiting) is reason


async def test_what_github_does_not_tell_is_refused_until_somebody_asks_again(
    bot: Bot, outside: Outside, world: World
) -> None:
    strict = refusing(bot)
    world.release("prod", TICKETS, login="hyunwoo")
    outside.github.faults.forbidden |= {"pulls"}
    waiting = await strict.propose(SORA)
    gallery = Gallery(database=bot.database, catalog=strict.catalog, guild_id=1, releases_channel=3, alerts_channel=4)
    found = await gallery.card(f"release:{waiting.release_id}", now=bot.clock())
    assert found is not None
    assert (
        "GitHub does not tell everybody who wrote or merged it, so nobody can approve it. "
        "`/deploy environment:prod service:ticket-service` asks again."
    ) in found[1].description
    assert await refused_to(strict, waiting) is Reason.UNKNOWN_AUTHORS

    outside.github.faults.forbidden -= {"pulls"}
    again = await strict.propose(SORA)
    assert (await strict.operation(waiting.id)).state is OperationState.SUPERSEDED
    assert await unknown(strict, again) == ((), False)
    assert (await strict.approve(again)).state is OperationState.APPROVED


async def test_once_they_are_in_the_map_a_new_request_can_be_approved(
    bot: Bot, outside: Outside, world: World, database_url: str
) -> None:
    strict = refusing(bot)
    world.release("prod", TICKETS, login="octocat")
    assert await refused_to(strict, await strict.propose(HYUNWOO)) is Reason.UNKNOWN_AUTHORS

    known = replace(strict.catalog, logins={**strict.catalog.logins, SORA.id: "octocat"})
    async with bot_in(outside, database_url, catalog=known) as later:
        (old,) = await later.operations()
        assert await refused_to(later, old) is Reason.UNKNOWN_AUTHORS  # The request is as it was made.
        await approvals.withdraw(later.database, old.id, actor=HYUNWOO, now=later.clock())
        new = await later.propose(HYUNWOO)
        assert await unknown(later, new) == ((), False)
        assert SORA.id in (await later.approval(new.id)).authors
        assert (await later.approve(new)).state is OperationState.APPROVED


async def test_going_back_in_an_emergency_is_refused_to_nobody(bot: Bot, world: World) -> None:
    """Who wrote the earlier image is no reason to keep a broken one."""
    first = world.release("prod", TICKETS, login="octocat").tag
    await bot.followed(await bot.running())
    await bot.deployed()
    await bot.observer.observe(bot.catalog.environments["prod"])
    strict = refusing(bot)

    waiting = await ordered(strict, first, emergency=True)
    assert (await strict.approval(waiting.id)).unmapped == ("octocat",)
    assert (await strict.approve(waiting)).state is OperationState.APPROVED
