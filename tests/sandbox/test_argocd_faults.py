"""Every switch of the Argo CD stand-in does what it says, and lets go when it is set back."""

import asyncio
from typing import Any

import httpx
import pytest

from sandbox.argocd import Argocd
from sandbox.world import World

PROD = "/api/v1/applications/tiketi-prod"


def state_of(world: World) -> dict[str, Any]:
    state = world.application("prod").operation_state
    assert state is not None
    return state


async def start(api: httpx.AsyncClient, world: World) -> None:
    """Release to production and ask for the sync."""
    released = world.release("prod", "backend")
    world.tick()
    answer = await api.post(f"{PROD}/sync", json={"revision": released.manifest.sha, "retryStrategy": {"limit": 0}})
    assert answer.status_code == 200


async def test_the_controller_takes_its_time(api: httpx.AsyncClient, world: World) -> None:
    faults = world.application("prod").faults
    faults.accept_ticks, faults.run_ticks = 4, 3
    await start(api, world)
    phases = []
    for _ in range(9):
        world.tick()
        app = (await api.get(PROD)).json()
        phases.append(app["status"].get("operationState", {}).get("phase"))
    assert phases == [None, None, None, "Running", "Running", "Running", "Running", "Succeeded", "Succeeded"]


async def test_a_foreign_operation_runs(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").faults.run_ticks = 1000
    world.operate("prod", username="minji")
    for _ in range(5):
        world.tick()
    answer = await api.post(f"{PROD}/sync", json={})
    assert answer.json()["message"] == "another operation is already in progress"
    app = (await api.get(PROD)).json()
    assert app["operation"]["initiatedBy"] == {"username": "minji"}
    world.application("prod").faults.run_ticks = 1
    await world.settle()
    assert (await api.post(f"{PROD}/sync", json={})).status_code == 200


async def test_a_sync_is_accepted_and_the_connection_cut(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    argocd.faults.sync_cut = True
    infos = [{"name": "chatops.request-id", "value": "01J6A"}]
    with pytest.raises(httpx.RemoteProtocolError):
        await api.post(f"{PROD}/sync", json={"infos": infos})
    assert (await api.get(PROD)).json()["operation"]["info"] == infos
    await world.settle()
    assert [sync.info for sync in world.syncs] == [{"chatops.request-id": "01J6A"}]


async def test_a_sync_is_lost_with_an_error(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    argocd.faults.sync_lost = True
    answer = await api.post(f"{PROD}/sync", json={})
    assert (answer.status_code, answer.json()["code"]) == (500, 13)
    assert "operation" not in (await api.get(PROD)).json()


async def test_head_moves_between_two_reads(api: httpx.AsyncClient, argocd: Argocd) -> None:
    argocd.faults.head_moves = 1
    revisions = []
    for _ in range(2):
        before = (await api.get(PROD)).json()["status"]["sync"]["revision"]
        await api.get(f"{PROD}/managed-resources")
        revisions.append((before, (await api.get(PROD)).json()["status"]["sync"]["revision"]))
    (first, moved), (second, stayed) = revisions
    assert first != moved == second == stayed


async def test_the_source_changes_between_approval_and_sync(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").spec["source"]["path"] = "k8s/overlays/staging"
    app = (await api.get(PROD)).json()
    assert app["spec"]["source"]["path"] == "k8s/overlays/staging"
    assert (await api.post(f"{PROD}/sync", json={})).json()["operation"]["sync"]["source"] == app["spec"]["source"]


async def test_a_window_that_closes_parks_what_runs(api: httpx.AsyncClient, world: World) -> None:
    await start(api, world)
    world.application("prod").faults.window_closed = True
    for _ in range(4):
        world.tick()
    assert (state_of(world)["phase"], state_of(world)["message"]) == (
        "Running",
        "Sync operation blocked by sync window",
    )
    world.application("prod").faults.window_closed = False
    await world.settle()
    assert (state_of(world)["phase"], len(world.syncs)) == ("Succeeded", 1)


async def test_a_commit_goes_unnoticed_until_a_refresh(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").faults.deaf = True
    released = world.release("prod", "backend")
    await world.settle()
    app = (await api.get(PROD)).json()
    assert (app["status"]["sync"]["status"], app["status"]["sync"]["revision"]) != ("OutOfSync", released.manifest.sha)
    app = (await api.get(f"{PROD}?refresh=hard&project=tiketi")).json()
    assert (app["status"]["sync"]["status"], app["status"]["sync"]["revision"]) == ("OutOfSync", released.manifest.sha)


async def test_a_refresh_never_returns_or_runs_out_of_time(
    api: httpx.AsyncClient, argocd: Argocd, world: World
) -> None:
    world.application("prod").faults.refresh_hangs = True
    with pytest.raises(httpx.ReadTimeout):
        await api.get(f"{PROD}?refresh=normal", timeout=0.05)
    assert (await api.get(PROD)).status_code == 200
    world.application("prod").faults.refresh_hangs = False
    argocd.faults.refresh_expires = True
    answer = await api.get(f"{PROD}?refresh=normal")
    message = "application refresh deadline exceeded"
    assert (answer.status_code, answer.json()) == (500, {"error": message, "code": 2, "message": message})


async def test_a_server_stops_although_a_refresh_hangs(world: World) -> None:
    world.application("prod").faults.refresh_hangs = True
    async with Argocd(world) as server, httpx.AsyncClient(base_url=server.url) as client:
        headers = {"Authorization": f"Bearer {server.token}"}
        asking = asyncio.create_task(client.get(f"{PROD}?refresh=normal", headers=headers, timeout=5))
        await world.until(lambda: server.requests)
        await server.stop()
        with pytest.raises(httpx.HTTPError):
            await asking


@pytest.mark.parametrize(("status", "code"), [(401, 16), (403, 7), (500, 2), (503, 14)])
async def test_every_request_fails(api: httpx.AsyncClient, argocd: Argocd, status: int, code: int) -> None:
    argocd.faults.status = status
    for path in (PROD, f"{PROD}/managed-resources", "/api/v1/applications"):
        answer = await api.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    argocd.faults.status = None
    assert (await api.get(PROD)).status_code == 200


async def test_health_stays_that_of_before_the_sync(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").faults.stale = True
    await start(api, world)
    await world.settle()
    for path in (PROD, f"{PROD}?refresh=normal"):
        status = (await api.get(path)).json()["status"]
        assert status["operationState"]["phase"] == "Succeeded"
        assert status["reconciledAt"] < status["operationState"]["finishedAt"]
    assert [notice.trigger for notice in world.notices if notice.application == "tiketi-prod"] == []
    world.application("prod").faults.stale = False
    await world.settle()
    status = (await api.get(PROD)).json()["status"]
    assert status["reconciledAt"] >= status["operationState"]["finishedAt"]


async def test_a_retry_is_running_although_it_has_finished(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").faults.retries = 2
    await start(api, world)
    seen = []
    while "operation" in (app := (await api.get(PROD)).json()):
        if "finishedAt" in (state := app["status"].get("operationState", {})):
            seen.append((state["phase"], state["retryCount"], state["message"].partition(". ")[2].partition(" at ")[0]))
        world.tick()
    assert seen == [("Running", 1, "Retrying attempt #1"), ("Running", 2, "Retrying attempt #2")]
    assert state_of(world)["phase"] == "Succeeded"


async def test_an_operation_is_stuck_until_it_is_terminated(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").faults.stuck = True
    await start(api, world)
    for _ in range(10):
        world.tick()
    app = (await api.get(PROD)).json()
    state = app["status"]["operationState"]
    assert (state["phase"], "finishedAt" in state, "syncResult" in state) == ("Succeeded", False, False)
    assert "operation" in app
    assert (await api.post(f"{PROD}/sync", json={})).json()["code"] == 9
    await api.delete(f"{PROD}/operation")
    await world.settle()
    assert state_of(world)["phase"] == "Failed"
    assert "operation" not in (await api.get(PROD)).json()


async def test_a_sync_fails_with_a_message_and_applies_nothing(api: httpx.AsyncClient, world: World) -> None:
    message = 'one or more objects failed to apply, reason: admission webhook "x" denied the request'
    world.application("prod").faults.sync_error = message
    await start(api, world)
    await world.settle()
    state = (await api.get(PROD)).json()["status"]["operationState"]
    assert (state["phase"], state["message"], world.syncs) == ("Failed", message, [])
    assert {item["status"] for item in state["syncResult"]["resources"]} == {"SyncFailed"}
    assert [notice.trigger for notice in world.notices] == ["on-operation"]


async def test_lists_are_null(api: httpx.AsyncClient, argocd: Argocd) -> None:
    argocd.faults.items_null = True
    for path in ("/api/v1/applications", f"{PROD}/managed-resources"):
        assert (await api.get(path)).json()["items"] is None


async def test_answers_are_slow(api: httpx.AsyncClient, argocd: Argocd) -> None:
    argocd.faults.slow = 5
    with pytest.raises(httpx.ReadTimeout):
        await api.get(PROD, timeout=0.05)
