"""The watch hints at what changed, at nothing else, and is opened again whatever ends it."""

from collections import Counter
from datetime import timedelta

import pytest

from bot.services.watches import Watch
from tests.services.house import Bot
from tests.services.outside import Interrupted
from tests.services.waiting import eventually, working


def watch(bot: Bot, told: Counter[str], *, environments: tuple[str, ...] = ("staging", "prod")) -> Watch:
    """A watch that is not running yet."""
    return Watch(
        bot.database,
        name="main",
        argocd=bot.argocd,
        environments=[bot.catalog.environments[name] for name in environments],
        clock=bot.clock,
        observe=lambda _name, outcome: told.update([outcome]),
        pause=timedelta(seconds=0.02),
    )


async def hinted(bot: Bot) -> set[str]:
    """The environments that shall be read."""
    return {row["environment"] for row in await bot.table("applications") if row["hinted_at"] is not None}


async def forget(bot: Bot) -> None:
    """Every hinted environment is read."""
    for name in await hinted(bot):
        await bot.observer.observe(bot.catalog.environments[name])


async def test_everything_is_hinted_once_and_then_what_changes(bot: Bot) -> None:
    told: Counter[str] = Counter()
    async with working(watch(bot, told).run()):
        await eventually(lambda: _is(bot, {"staging", "prod"}))
        await forget(bot)
        bot.outside.world.operate("prod")
        await eventually(lambda: _is(bot, {"prod"}))
        await forget(bot)
        bot.outside.world.operate("dev")  # is not among them
        bot.outside.world.operate("staging")
        await eventually(lambda: _is(bot, {"staging"}))
    assert told == {"listed": 1, "changed": 4}


@pytest.mark.parametrize("fault", ["cut", "error", "token"])
async def test_what_happened_while_it_was_away_is_found_by_listing_again(
    bot: Bot, argocd: Interrupted, fault: str
) -> None:
    told: Counter[str] = Counter()
    async with working(watch(bot, told).run()):
        await eventually(lambda: _is(bot, {"staging", "prod"}))
        await forget(bot)
        if fault == "cut":
            argocd.faults.stream_cut = 0
        elif fault == "error":
            argocd.faults.stream_error = (14, 503, "Service Unavailable", "etcd is away")
        else:
            argocd.faults.stream_cut, argocd.faults.status = 0, 401

        async def ended() -> bool:
            return told[{"cut": "ended", "error": "argocd_unreachable", "token": "argocd_token"}[fault]] > 0

        await eventually(ended)
        bot.outside.world.operate("prod")
        argocd.faults.stream_cut = argocd.faults.stream_error = argocd.faults.status = None
        await eventually(lambda: _is(bot, {"prod"}))


async def test_an_application_that_is_gone_is_looked_for(bot: Bot) -> None:
    told: Counter[str] = Counter()
    async with working(watch(bot, told).run()):
        await eventually(lambda: _is(bot, {"staging", "prod"}))
        await forget(bot)
        del bot.outside.world.applications["tiketi-prod"]
        await eventually(lambda: _is(bot, {"prod"}))


async def _is(bot: Bot, names: set[str]) -> bool:
    return await hinted(bot) == names
