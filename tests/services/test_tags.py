"""/tags and /registry check beyond what a journey can show: time that is up, and what Amazon ECR will delete."""

from collections.abc import AsyncIterator, Iterator

import pytest
from pydantic import SecretStr

from bot.adapters.github import GitHub
from bot.adapters.registry_ecr import EcrRegistry
from bot.adapters.registry_oci import OciRegistry
from bot.cards.registry import Threat
from bot.domain.lifecycle import Expiry
from bot.domain.reasons import Reason
from bot.services import registry_checks, tags
from bot.services.tags import TagReader
from sandbox.registry import Registry
from tests import amazon
from tests.services.house import TICKETS, Bot
from tests.services.looks import look

REPOSITORY = "tiketi-ticket-service"


@pytest.fixture
async def github(bot: Bot) -> AsyncIterator[GitHub]:
    """GitHub, asked by somebody who may."""
    server = bot.outside.github
    adapter = GitHub(
        url=server.url, repository=bot.catalog.repository, token=lambda: SecretStr(server.token), retries=0
    )
    yield adapter
    await adapter.aclose()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of AWS."""
    for name, value in amazon.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with amazon.served() as url:
        yield url


async def test_commits_that_come_too_late_are_not_waited_for(
    bot: Bot, github: GitHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "COMMIT_SECONDS", 0.1)
    bot.outside.github.faults.slow = 2.0
    prod = bot.catalog.environments["prod"]
    async with Registry(bot.outside.world.images) as server:
        registry = OciRegistry(url=server.url)
        reader = TagReader(database=bot.database, catalog=bot.catalog, registry=registry, github=github)
        found = await reader.tags(TICKETS, environments=[prod], alone=True, now=bot.outside.clock())
        await registry.aclose()
    assert (len(found.rows), found.unread, found.origins) == (1, 1, {})
    assert [place.usage for place in found.places] == [None]  # nobody has looked yet


async def test_a_commit_is_asked_for_once_in_a_while(bot: Bot, github: GitHub) -> None:
    prod, server = bot.catalog.environments["prod"], bot.outside.github
    async with Registry(bot.outside.world.images) as images:
        registry = OciRegistry(url=images.url)
        reader = TagReader(database=bot.database, catalog=bot.catalog, registry=registry, github=github)
        shown = [await reader.tags(TICKETS, environments=[prod], alone=True, now=bot.outside.clock()) for _ in range(2)]
        await registry.aclose()
    assert shown[0] == shown[1]
    assert [origin.subject for origin in shown[0].origins.values()] == ["feat: tiketi"]
    assert len(server.requests) == 1


async def test_an_image_that_runs_and_will_be_deleted_is_named(bot: Bot, github: GitHub, aws: str) -> None:
    await look(bot, "prod")
    await look(bot, "staging")
    tag = bot.outside.world.overlay("prod").tags[TICKETS]
    registry = EcrRegistry(account=amazon.ACCOUNT, region=amazon.REGION, endpoint_url=aws)
    reader = TagReader(database=bot.database, catalog=bot.catalog, registry=registry, github=github)
    with amazon.repository(aws, REPOSITORY) as client:
        amazon.push(client, REPOSITORY, tag)
        amazon.keep(client, REPOSITORY, 2)
        now, prod = bot.outside.clock(), bot.catalog.environments["prod"]
        found = await registry_checks.standings(reader, environments=[prod], now=now)
    await registry.aclose()

    standings = {one.service: one for one in found}
    mine = standings.pop(TICKETS)
    assert (mine.tags, mine.mutable, mine.rules, mine.unclear, mine.denied) == (1, True, 1, 0, ())
    assert mine.threats == (Threat(tag=tag, environments=("prod",), expiry=Expiry(priority=1, pushes=2)),)
    reasons = {one.refused.reason for one in standings.values() if one.refused}
    assert (len(standings), reasons) == (4, {Reason.REGISTRY_REPOSITORY_UNKNOWN})
