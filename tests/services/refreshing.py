"""Refreshes of an environment that Hyunwoo asks for, and that wait for a worker."""

from bot.domain.operations import Operation, OperationKind
from bot.services import operations
from tests.services.house import HYUNWOO, Bot


async def refreshes(bot: Bot, number: int, *, environment: str = "prod") -> list[Operation]:
    """That many of them; the second one is a hard one."""
    return [
        await operations.request(
            bot.database,
            kind=OperationKind.REFRESH,
            environment=environment,
            service=None,
            actor=HYUNWOO,
            catalog=bot.catalog,
            now=bot.clock(),
            hard=index == 1,  # one of them: there may not be more in so short a time
        )
        for index in range(number)
    ]
