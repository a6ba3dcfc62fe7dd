"""Everything that is in the way at once: people are told of each, in one order, and the first decides."""

from dataclasses import replace
from datetime import timedelta

from bot.cards import obstacles as cards
from bot.domain.freezes import Frozen
from bot.domain.operations import OperationKind
from bot.domain.reasons import SENTENCES, Reason
from bot.services import obstacles
from tests.services.freezing import froze, thawed
from tests.services.house import TICKETS, Bot
from tests.services.locking import locked, refusal, unlocked
from tests.services.stopping import resumed, stopped


async def test_each_is_told_for_what_it_holds_and_the_first_decides(bot: Bot) -> None:
    operation = await bot.request()
    strict = (await locked(bot, service=TICKETS, blocks_rollbacks=True)).lock
    bot.clock.advance(timedelta(minutes=1))
    wide = (await locked(bot)).lock
    await locked(bot, service="backend")
    freeze = (await froze(bot)).freeze
    stop = (await stopped(bot)).stop
    frozen = Frozen(freeze=freeze, until=freeze.ends)

    async with bot.database.reading() as connection:
        found = {
            kind: await obstacles.all_at(connection, kind, environment="prod", service=TICKETS, now=bot.clock())
            for kind in OperationKind
        }
        for kind, told in found.items():
            first = await obstacles.at(connection, kind, environment="prod", service=TICKETS, now=bot.clock())
            assert first == (told[0] if told else None)
        hotfix = replace(operation, hotfix="payments fail")
        assert await obstacles.all_of(connection, hotfix, now=bot.clock()) == (stop, wide, strict)
        assert await obstacles.all_of(connection, operation, now=bot.clock()) == (stop, wide, strict, frozen)
    assert found == {
        OperationKind.DEPLOY: (stop, wide, strict, frozen),
        OperationKind.ROLLBACK: (stop, strict),
        OperationKind.RESTART: (stop,),
        OperationKind.REFRESH: (stop,),
        OperationKind.RERUN: (stop,),
        OperationKind.TERMINATE: (),
    }


async def test_a_refusal_tells_three_of_them_and_counts_the_rest(bot: Bot) -> None:
    freeze = (await froze(bot)).freeze
    wide = (await locked(bot)).lock
    own = (await locked(bot, service=TICKETS)).lock
    stop = (await stopped(bot)).stop
    frozen = Frozen(freeze=freeze, until=freeze.ends)

    four = await refusal(bot.request())
    assert four is not None
    lines = [line for one in (stop, wide, own) for line in (cards.told(one), cards.way_out(one))]
    more = "And 1 more: `/locks` and `/freeze list` show them."
    assert four.sentence == f"{SENTENCES[Reason.STOPPED]} " + "\n".join([*lines, more])

    await resumed(bot)
    three = await refusal(bot.request())
    assert three is not None
    lines = [line for one in (wide, own, frozen) for line in (cards.told(one), cards.way_out(one))]
    assert three.sentence == f"{SENTENCES[Reason.LOCKED]} " + "\n".join(lines)

    await unlocked(bot)
    await unlocked(bot, service=TICKETS)
    one = await refusal(bot.request())
    assert (one and one.reason) is Reason.FROZEN
    await thawed(bot, freeze)
    assert await refusal(bot.request()) is None
