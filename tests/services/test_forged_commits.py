"""What is synced is what was consented to, whatever somebody who may push puts into the branch and takes back again."""

from collections.abc import Mapping
from dataclasses import replace

from bot.domain.catalog import Catalog
from bot.domain.operations import Operation, OperationState
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.services.house import TICKETS, Bot, bot_in
from tests.services.outside import Interrupted, Outside
from tests.services.tagging import asked, by_pull_request

Config = Mapping[str, Mapping[str, str]]


def push(world: World, config: Config, *, tag: str | None = None, trailer: str = "") -> str:
    """Mallory pushes to the branch of prod: this configuration, and perhaps a tag."""
    overlay = world.overlay("prod")
    changed = replace(overlay, tags={**overlay.tags, TICKETS: tag or overlay.tags[TICKETS]}, config=config)
    message = f"tidy up\n\nChatops-Operation: {trailer}" if trailer else "tidy up"
    return world.commit_overlay("prod", changed, message=message, login="mallory").sha


def configs(world: World) -> tuple[Config, Config]:
    """The configuration of prod, and one that nobody has seen."""
    config = world.overlay("prod").config
    return config, {**config, TICKETS: {"LOG_LEVEL": "debug"}}


async def refused(bot: Bot, operation: Operation, *, written: str) -> None:
    """The commit is taken for the operation's own, and not synced."""
    assert (operation.state, operation.written) == (OperationState.APPROVED, written)
    ended = await bot.step(operation)
    assert (ended.state, ended.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
    assert bot.outside.argocd.received("POST") == []


async def test_a_commit_that_passes_for_the_bots_own_is_not_synced(
    bot: Bot, world: World, earlier: str, argocd: Interrupted
) -> None:
    plain, evil = configs(world)
    waiting = await bot.step(await asked(bot, earlier))
    forged = push(world, evil, tag=earlier, trailer=waiting.id)
    push(world, plain)
    approved = await bot.approve(waiting)
    await refused(bot, await bot.step(approved), written=forged)
    assert [outcome for _, action, outcome, _ in await bot.audit() if action == "deploy"][-3:] == [
        "writing",
        "written",
        "refused",
    ]


async def test_what_came_in_between_the_look_and_the_commit_is_not_synced(
    bot: Bot, world: World, earlier: str, outside: Outside
) -> None:
    plain, evil = configs(world)
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    outside.github.faults.meanwhile = [lambda: push(world, evil)]
    written = await bot.step(approved)
    own = world.git.head("main").sha
    push(world, plain)
    await refused(bot, written, written=own)


async def test_what_a_pull_request_was_merged_onto_is_not_synced(
    outside: Outside, world: World, database_url: str, catalog: Catalog, earlier: str
) -> None:
    async with bot_in(outside, database_url, catalog=by_pull_request(catalog)) as bot:
        plain, evil = configs(world)
        waiting = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
        push(world, evil)
        merged = outside.github.pulls.merge(1)
        push(world, plain)
        await refused(bot, await bot.step(waiting), written=merged)
