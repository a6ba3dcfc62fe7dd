"""A re-run of ticket-service: chosen, asked for, taken a step further, and what reached GitHub."""

from bot.domain.operations import Operation, OperationKind
from bot.domain.permissions import Actor
from bot.services import operations, runs
from bot.services.runs import Chosen
from tests.services.house import HYUNWOO, TICKETS, Bot
from tests.services.outside import Outside


async def chosen(bot: Bot, *, everything: bool = False, environment: str = "prod") -> Chosen:
    """What /rerun chooses."""
    return await runs.latest(bot.database, service=TICKETS, environments=[environment], everything=everything)


async def asked(bot: Bot, what: Chosen, *, actor: Actor = HYUNWOO) -> Operation:
    """Somebody asks for it."""
    return await operations.request(
        bot.database,
        kind=OperationKind.RERUN,
        environment=what.environment,
        service=what.service,
        actor=actor,
        catalog=bot.catalog,
        now=bot.clock(),
        release_id=what.release_id,
        rerun=what.rerun,
    )


async def step(bot: Bot, operation: Operation) -> Operation:
    """One step, and what the row says then."""
    await bot.rerunner.step(operation)
    return await bot.operation(operation.id)


def orders(outside: Outside) -> list[str]:
    """The last words of the paths of the orders that reached GitHub."""
    return [request.path.rpartition("/")[2] for request in outside.github.requests if request.method == "POST"]
