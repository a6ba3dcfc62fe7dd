"""Two versions of a service: what a tag or an environment means, and what is not known."""

import pytest

from bot.domain.comparisons import Version
from bot.domain.reasons import Reason, Refused
from bot.services.comparisons import Comparer
from sandbox.world import World
from tests.services.house import TICKETS, Bot
from tests.services.outside import Outside


@pytest.fixture
def comparer(bot: Bot) -> Comparer:
    """It, on the bot's rows."""
    return Comparer(database=bot.database, catalog=bot.catalog, github=bot.rerunner.github)


async def looked(bot: Bot) -> None:
    """Every environment was read."""
    for environment in bot.catalog.environments.values():
        await bot.observer.observe(environment)


async def test_an_environment_means_what_runs_there_and_not_what_git_asks_for(
    bot: Bot, world: World, comparer: Comparer
) -> None:
    released = world.release("prod", TICKETS, subject="fix: seats (#7)")
    await looked(bot)
    running = world.deployment("prod", TICKETS).image.rpartition(":")[2]

    found = await comparer.compare(service=TICKETS, base="prod", head=released.tag)

    assert (found.base, found.head) == (Version(tag=running, environment="prod"), Version(tag=released.tag))
    assert (found.found.head, [one.subject for one in found.found.gained.commits]) == (
        released.source.sha,
        ["fix: seats", f"chore: all services {running}"],
    )


@pytest.mark.parametrize(
    ("base", "reason", "detail"),
    [
        ("prod", Reason.RUNNING_UNKNOWN, "(prod)"),
        ("latest", Reason.VERSION_UNKNOWN, ""),
        ("0123456-20260822-120000", Reason.COMMIT_GONE, "(0123456-20260822-120000)"),
        ("abcdef0-20260822-120000", Reason.COMMIT_GONE, "(abcdef0-20260822-120000)"),
    ],
    ids=["nobody looked", "no tag", "no commit", "a branch of that name"],
)
async def test_what_is_not_known_is_named(
    world: World, comparer: Comparer, base: str, reason: Reason, detail: str
) -> None:
    world.git.branches["abcdef0"] = world.git.head("main").sha
    tag = world.tag_of(world.git.head("main").sha)
    with pytest.raises(Refused) as caught:
        await comparer.compare(service=TICKETS, base=base, head=tag)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)


async def test_an_image_that_names_no_commit_cannot_be_compared(bot: Bot, world: World, comparer: Comparer) -> None:
    world.push_image(TICKETS, "prod", revision=world.git.head("main").sha, tag="hotfix")
    world.commit_tag(TICKETS, "prod", tag="hotfix")
    world.tick()
    world.operate("prod")
    await world.settle()
    await looked(bot)
    with pytest.raises(Refused) as caught:
        await comparer.compare(service=TICKETS, base="prod", head="prod")
    assert caught.value.reason is Reason.RUNNING_UNKNOWN


async def test_nothing_in_common(world: World, comparer: Comparer) -> None:
    head = world.git.head("main").sha
    world.git.branches.pop("orphan", None)
    other = world.git.commit("orphan", {"x": "y"}, message="x", login="minji", at=world.timeline.after()).sha
    with pytest.raises(Refused) as caught:
        await comparer.compare(service=TICKETS, base=world.tag_of(head), head=world.tag_of(other))
    assert caught.value.reason is Reason.UNRELATED


async def test_a_silent_github_is_said_with_an_id(world: World, outside: Outside, comparer: Comparer) -> None:
    outside.github.faults.status = 503
    tag = world.tag_of(world.git.head("main").sha)
    with pytest.raises(Refused) as caught:
        await comparer.compare(service=TICKETS, base=tag, head=tag)
    assert caught.value.reason is Reason.GITHUB_UNREACHABLE
    assert len(caught.value.log_id) == 8


async def test_tags_are_those_of_the_service_where_one_may_look(bot: Bot, world: World, comparer: Comparer) -> None:
    first = world.release("prod", TICKETS)
    await bot.committed(first)
    second = world.release("staging", TICKETS)
    await bot.committed(second, environment="staging")
    await bot.committed(world.release("prod", "backend"), service="backend")

    assert set(await comparer.tags(service=TICKETS, environments=["prod", "staging"])) == {first.tag, second.tag}
    assert await comparer.tags(service=TICKETS, environments=["prod"]) == [first.tag]
    assert await comparer.tags(service="nothing", environments=["prod"]) == []
