"""Orders beside the sync of one service: everything at once, an end, a restart. Sent once, whatever is answered."""

import pytest

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import (
    Automated,
    DeploymentMissing,
    Forbidden,
    HistoryGone,
    NothingRunning,
    OrderUncertain,
)
from bot.domain.catalog import Catalog
from sandbox.world import World
from tests.adapters.conftest import PROD, Scripted, connected

LONG = 10**6


async def restart(argocd: ArgoCD, deployment: str = "backend") -> None:
    """Restart a Deployment of production."""
    await argocd.restart(PROD, namespace="tiketi", deployment=deployment)


async def test_a_sync_of_everything_names_no_objects(argocd: ArgoCD, server: Scripted, world: World) -> None:
    revision = world.application("prod").revision
    await argocd.sync(
        PROD, revision=revision, resources=None, request_id="01", approved_by=(), requested_by="discord:1"
    )
    assert server.received("POST") == [
        {
            "project": "tiketi",
            "revision": revision,
            "prune": False,
            "dryRun": False,
            "strategy": {"hook": {"force": False}},
            "retryStrategy": {"limit": 0},
            "infos": [
                {"name": "chatops.request-id", "value": "01"},
                {"name": "chatops.requested-by", "value": "discord:1"},
            ],
        }
    ]
    await world.settle()
    assert world.application("prod").history[-1]["revision"] == revision


async def test_an_operation_is_stopped_by_one_request(argocd: ArgoCD, server: Scripted, world: World) -> None:
    app = world.application("prod")
    app.faults.run_ticks = LONG
    world.operate("prod")
    world.tick()
    await argocd.terminate(PROD)
    assert app.phase == "Terminating"
    world.tick()
    assert (app.operation, app.phase) == (None, "Failed")
    [request] = [request for request in server.requests if request.method == "DELETE"]
    assert (request.path, dict(request.query)) == (f"/api/v1/applications/{PROD}/operation", {"project": "tiketi"})
    assert request.headers["content-type"] == "application/json"


async def test_what_has_not_begun_or_has_ended_cannot_be_stopped(argocd: ArgoCD, world: World) -> None:
    with pytest.raises(NothingRunning):
        await argocd.terminate(PROD)
    world.operate("prod")
    with pytest.raises(NothingRunning):
        await argocd.terminate(PROD)


async def test_a_lost_answer_leaves_a_stop_uncertain(argocd: ArgoCD, server: Scripted, world: World) -> None:
    world.application("prod").faults.run_ticks = LONG
    world.operate("prod")
    world.tick()
    server.faults.terminate_cut = True
    with pytest.raises(OrderUncertain):
        await argocd.terminate(PROD)
    assert world.application("prod").phase == "Terminating"
    assert len([request for request in server.requests if request.method == "DELETE"]) == 1


async def test_a_restart_marks_the_pods_and_is_no_difference(argocd: ArgoCD, server: Scripted, world: World) -> None:
    before = {pod.name for pod in world.deployment("prod", "backend").pods}
    await restart(argocd)
    await world.settle()
    assert not before & {pod.name for pod in world.deployment("prod", "backend").pods}
    assert not any(item.changed for item in (await argocd.read(PROD)).resources)
    assert server.received("POST", "resource/actions/v2") == [
        {
            "project": "tiketi",
            "namespace": "tiketi",
            "resourceName": "backend",
            "version": "v1",
            "group": "apps",
            "kind": "Deployment",
            "action": "restart",
            "resourceActionParameters": [],
        }
    ]


@pytest.mark.parametrize("fault", ["action_cut", "action_lost"])
async def test_a_lost_answer_leaves_a_restart_uncertain(argocd: ArgoCD, server: Scripted, fault: str) -> None:
    setattr(server.faults, fault, True)
    with pytest.raises(OrderUncertain):
        await restart(argocd)
    assert len(server.received("POST")) == 1


async def test_a_restart_is_refused(argocd: ArgoCD, server: Scripted, catalog: Catalog) -> None:
    with pytest.raises(DeploymentMissing):
        await restart(argocd, "nobody")
    narrow = server.accounts.issue("chatops", actions=("get", "sync"))
    async with connected(server, catalog, token=narrow) as other:
        with pytest.raises(Forbidden):
            await restart(other)


async def test_a_rollback_names_the_entry_and_is_sent_once(argocd: ArgoCD, server: Scripted, world: World) -> None:
    before = world.deployment("prod", "backend").image
    await world.deploy("prod", "backend")
    newest, oldest = await argocd.history(PROD)
    read = await argocd.read(PROD)
    assert [newest.source_digest, oldest.source_digest] == [read.source_digest] * 2
    server.faults.rollback_cut = True
    with pytest.raises(OrderUncertain):
        await argocd.rollback(PROD, entry=oldest.id)
    assert server.received("POST") == [{"id": oldest.id, "prune": False, "dryRun": False, "project": "tiketi"}]
    await world.settle()
    assert world.deployment("prod", "backend").image == before
    assert world.application("prod").history[-1]["revision"] == oldest.revision


async def test_a_rollback_that_cannot_be_says_why(argocd: ArgoCD) -> None:
    with pytest.raises(HistoryGone):
        await argocd.rollback(PROD, entry=99)
    with pytest.raises(Automated):
        await argocd.rollback("tiketi-staging", entry=0)
