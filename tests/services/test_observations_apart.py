"""Environments on clusters and Argo CDs of their own: each is asked at its own place, and waits for no other."""

import dataclasses

from bot.adapters.argocd import ArgoCD
from bot.domain.catalog import Catalog
from bot.services.observations import Observer
from sandbox.argocd import Argocd
from sandbox.faults import ClusterFaults
from sandbox.world import World
from tests.services.house import TICKETS, Bot, bot_in
from tests.services.looks import noticed
from tests.services.outside import Outside
from tests.services.waiting import working


async def test_a_dead_cluster_delays_no_other(bot: Bot, outside: Outside, world: World) -> None:
    outside.cluster.faults_of["cluster-prod"] = ClusterFaults(slow=60)
    async with working(bot.observer.run()):
        await noticed(bot, world.application("staging").revision, environment="staging")
        for _ in range(3):
            released = world.release("staging", TICKETS)
            world.tick()
            await bot.hint("staging")
            await noticed(bot, released.manifest.sha, environment="staging")
        assert (await bot.known("prod")).observed_at is None


async def test_each_environment_is_read_from_its_own_argocd(
    outside: Outside, world: World, database_url: str, catalog: Catalog
) -> None:
    async with (
        Argocd(world, applications=["tiketi-dev"]) as laptop,
        bot_in(outside, database_url, catalog=catalog) as bot,
    ):
        other = ArgoCD(
            url=laptop.url, token=lambda: laptop.token, project=catalog.project, services=tuple(catalog.services)
        )
        places = {**catalog.environments, "dev": dataclasses.replace(catalog.environments["dev"], argocd="laptop")}
        observer = Observer(
            bot.database,
            argocds={"main": bot.argocd, "laptop": other},
            clusters=bot.clusters,
            catalog=dataclasses.replace(catalog, environments=places),
            clock=bot.clock,
        )
        for place in places.values():
            assert await observer.observe(place) is not None
        await other.aclose()

    assert {request.path.split("/")[4] for request in laptop.requests} == {"tiketi-dev"}
    assert {request.path.split("/")[4] for request in outside.argocd.requests} == {"tiketi-staging", "tiketi-prod"}
