"""Asking for a tag."""

from dataclasses import replace

from bot.domain.catalog import Catalog
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


def by_pull_request(catalog: Catalog) -> Catalog:
    """The same catalog, where prod takes changes by pull request."""
    prod = replace(catalog.environments["prod"], pull_requests=True)
    return replace(catalog, environments={**catalog.environments, "prod": prod})
