"""Asking for a tag."""

from bot.domain.operations import Operation, OperationKind
from bot.services import operations
from tests.services.house import HYUNWOO, TICKETS, Bot


async def asked(bot: Bot, tag: str, *, environment: str = "prod", service: str | None = TICKETS) -> Operation:
    """Hyunwoo asks for a tag."""
    return await operations.request(
        bot.database,
        kind=OperationKind.DEPLOY,
        environment=environment,
        service=service,
        actor=HYUNWOO,
        catalog=bot.catalog,
        now=bot.clock(),
        tag=tag,
    )
