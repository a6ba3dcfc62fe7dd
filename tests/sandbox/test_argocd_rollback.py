"""A rollback to an entry of an Application's history: what it becomes, what it leaves, what it is refused for."""

from typing import Any

import httpx
import pytest

from sandbox.argocd import Argocd
from sandbox.world import World
from tests.sandbox.conftest import PROD, get

STAGING = "/api/v1/applications/tiketi-staging"
BUSY = (400, 9, "another operation is already in progress")


def asked(entry: int, **more: Any) -> dict[str, Any]:
    return {"id": entry, "prune": False, "dryRun": False, "project": "tiketi", **more}


async def outcome(answer: httpx.Response) -> tuple[int, int, str]:
    """Status, gRPC code and words of a refusal."""
    body = answer.json()
    assert body["error"] == body["message"]
    return answer.status_code, body["code"], body["message"]


async def roll_back(api: httpx.AsyncClient, entry: int, **more: Any) -> tuple[int, int, str]:
    return await outcome(await api.post(f"{PROD}/rollback", json=asked(entry, **more)))


async def test_the_life_of_a_rollback(api: httpx.AsyncClient, world: World) -> None:
    first = await world.deploy("prod", "backend")
    newer = await world.deploy("prod", "backend")
    before = (await get(api))["status"]["history"]
    assert [entry["id"] for entry in before] == [0, 1, 2]
    world.syncs.clear()

    answer = await api.post(f"{PROD}/rollback", json=asked(1))
    operation = {
        "sync": {
            "revision": first.manifest.sha,
            "source": before[1]["source"],
            "syncStrategy": {"apply": {}},
            "syncOptions": ["CreateNamespace=true"],
        },
        "initiatedBy": {"username": "proj:tiketi:chatops"},
        "retry": {},
    }
    accepted = answer.json()
    assert (answer.status_code, accepted["operation"]) == (200, operation)
    assert "operationState" not in accepted["status"]
    assert [event["message"] for event in (await get(api, f"{PROD}/events"))["items"]][-1] == (
        "proj:tiketi:chatops initiated rollback to 1"
    )
    assert await roll_back(api, 1) == BUSY
    assert await outcome(await api.post(f"{PROD}/sync", json={"project": "tiketi"})) == BUSY

    await world.settle()
    status = (await get(api))["status"]
    state = status["operationState"]
    assert (state["operation"], state["phase"]) == (operation, "Succeeded")
    assert (state["syncResult"]["revision"], state["message"]) == (
        first.manifest.sha,
        "successfully synced (all tasks run)",
    )
    entry = {
        "id": 3,
        "revision": first.manifest.sha,
        "source": before[1]["source"],
        "deployStartedAt": state["startedAt"],
        "deployedAt": state["finishedAt"],
        "initiatedBy": {"username": "proj:tiketi:chatops"},
    }
    assert status["history"] == [*before, entry]
    assert (status["sync"]["status"], status["sync"]["revision"]) == ("OutOfSync", newer.manifest.sha)
    assert status["health"]["status"] == "Healthy"
    assert world.deployment("prod", "backend").image.endswith(first.tag)
    [sync] = world.syncs
    assert (sync.revision, sync.partial, sync.info, sync.initiated_by) == (
        first.manifest.sha,
        False,
        {},
        "proj:tiketi:chatops",
    )

    await api.post(f"{PROD}/sync", json={"project": "tiketi"})  # A sync that names no revision goes forward again.
    await world.settle()
    assert world.deployment("prod", "backend").image.endswith(newer.tag)
    assert world.application("prod").sync_status == "Synced"


async def test_the_entrys_own_source_counts_whatever_is_asked_for_today(api: httpx.AsyncClient, world: World) -> None:
    await world.deploy("prod", "backend")
    app = world.application("prod")
    source = dict(app.spec["source"])
    app.spec["source"]["path"] = "k8s/overlays/moved"
    world.tick()
    assert (app.sync_status, [item["type"] for item in app.conditions]) == ("Unknown", ["ComparisonError"])
    answer = await api.post(f"{PROD}/rollback", json=asked(0))
    assert answer.json()["operation"]["sync"]["source"] == source
    await world.settle()
    assert (app.phase, [(entry["id"], entry["source"]) for entry in app.history]) == (
        "Succeeded",
        [(0, source), (1, source), (2, source)],
    )
    assert world.deployment("prod", "backend").image.endswith(world.overlay("staging").tags["backend"])


async def test_history_keeps_ten_entries_and_their_ids_grow(api: httpx.AsyncClient, world: World) -> None:
    revisions = [(await world.deploy("prod", "backend")).manifest.sha for _ in range(12)]
    kept = (await get(api))["status"]["history"]
    assert [(entry["id"], entry["revision"]) for entry in kept] == list(enumerate(revisions, start=1))[2:]
    assert await roll_back(api, 2) == (400, 3, "application argocd/tiketi-prod does not have deployment with id 2")
    assert (await api.post(f"{PROD}/rollback", json=asked(3))).status_code == 200
    await world.settle()
    kept = (await get(api))["status"]["history"]
    assert [entry["id"] for entry in kept] == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert kept[-1]["revision"] == revisions[2]  # The entry it came from is gone.
    assert await roll_back(api, 3) == (400, 3, "application argocd/tiketi-prod does not have deployment with id 3")

    world.application("prod").spec["revisionHistoryLimit"] = 0
    await world.deploy("prod", "backend")
    assert (await get(api))["status"]["history"] == []


async def test_what_it_is_refused_for(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    unknown = "application argocd/tiketi-prod does not have deployment with id 99"
    assert await roll_back(api, 99) == (400, 3, unknown)
    automated = (400, 9, "rollback cannot be initiated when auto-sync is enabled")
    assert await outcome(await api.post(f"{STAGING}/rollback", json=asked(0))) == automated
    app = world.application("prod")
    app.deleted_at = "2026-08-22T11:59:00Z"
    assert await roll_back(api, 0) == (400, 9, "application is deleting")
    app.deleted_at = None
    source = app.history[0].pop("source")
    old = "cannot rollback to revision deployed with Argo CD v0.11 or lower. sync to revision instead."
    assert await roll_back(api, 0) == (400, 9, old)
    app.history[0]["source"] = source
    wrong = "json: cannot unmarshal string into Go struct field ApplicationRollbackRequest.id of type int64"
    assert await outcome(await api.post(f"{PROD}/rollback", json=asked(0) | {"id": "0"})) == (400, 3, wrong)
    missing = 'grpc: error while marshaling: proto: required field "id" not set'
    assert await outcome(await api.post(f"{PROD}/rollback", json={"project": "tiketi"})) == (500, 13, missing)
    nowhere = await api.post("/api/v1/applications/nope/rollback", json=asked(0))
    assert await outcome(nowhere) == (404, 5, 'applications.argoproj.io "nope" not found')
    argocd.faults.status = 503
    assert (await roll_back(api, 0))[:2] == (503, 14)
    argocd.faults.status = None

    reader = argocd.accounts.issue("developer", actions=["get"])
    api.headers["Authorization"], mine = f"Bearer {reader}", api.headers["Authorization"]
    assert await roll_back(api, 0) == (403, 7, "permission denied")
    assert await roll_back(api, 99) == (403, 7, "permission denied")
    api.headers["Authorization"] = mine
    assert (app.operation, world.syncs) == (None, [])
    assert (await api.post(f"{PROD}/rollback", json=asked(0))).status_code == 200


async def test_a_closed_window_parks_it_until_it_opens(api: httpx.AsyncClient, world: World) -> None:
    first = await world.deploy("prod", "backend")
    await world.deploy("prod", "backend")
    world.syncs.clear()
    app = world.application("prod")
    app.faults.window_closed = True
    assert (await api.post(f"{PROD}/rollback", json=asked(1))).status_code == 200
    for _ in range(6):
        world.tick()
    state = (await get(api))["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Running", "Sync operation blocked by sync window")
    assert (world.syncs, "syncResult" in state, "finishedAt" in state) == ([], False, False)
    app.faults.window_closed = False
    await world.settle()
    assert ([sync.revision for sync in world.syncs], app.phase) == ([first.manifest.sha], "Succeeded")


async def test_a_parked_one_that_is_terminated_ends_when_the_window_opens(api: httpx.AsyncClient, world: World) -> None:
    await world.deploy("prod", "backend")
    world.syncs.clear()
    app, before = world.application("prod"), [dict(entry) for entry in world.application("prod").history]
    app.faults.window_closed = True
    await api.post(f"{PROD}/rollback", json=asked(0))
    for _ in range(3):
        world.tick()
    assert (await api.delete(f"{PROD}/operation?project=tiketi")).json() == {}
    for _ in range(6):
        world.tick()
    document = await get(api)
    state = document["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Terminating", "operation is terminating.")
    assert "operation" in document
    assert await roll_back(api, 0) == BUSY
    app.faults.window_closed = False
    await world.settle()
    assert app.operation_state is not None
    assert (app.operation_state["phase"], app.operation_state["message"]) == ("Failed", "Operation terminated")
    assert (app.operation, app.history, world.syncs) == (None, before, [])


async def test_a_dry_run_leaves_no_entry_and_pruning_is_asked_for(api: httpx.AsyncClient, world: World) -> None:
    await world.deploy("prod", "backend")
    image = world.deployment("prod", "backend").image
    answer = await api.post(f"{PROD}/rollback", json=asked(0, dryRun=True, prune=True))
    sync = answer.json()["operation"]["sync"]
    assert (sync["dryRun"], sync["prune"]) == (True, True)
    await world.settle()
    app = world.application("prod")
    assert (app.phase, [entry["id"] for entry in app.history]) == ("Succeeded", [0, 1])
    assert (world.deployment("prod", "backend").image, app.sync_status) == (image, "Synced")


@pytest.mark.parametrize("fault", ["rollback_cut", "rollback_lost"])
async def test_the_answer_does_not_tell_whether_it_runs(
    api: httpx.AsyncClient, argocd: Argocd, world: World, fault: str
) -> None:
    await world.deploy("prod", "backend")
    world.syncs.clear()
    setattr(argocd.faults, fault, True)
    if fault == "rollback_cut":
        with pytest.raises(httpx.RemoteProtocolError):
            await api.post(f"{PROD}/rollback", json=asked(0))
    else:
        assert await roll_back(api, 0) == (500, 13, "etcdserver: request timed out")
    setattr(argocd.faults, fault, False)
    await world.settle()
    ids = [entry["id"] for entry in (await get(api))["status"]["history"]]
    expected = ([0, 1, 2], 1) if fault == "rollback_cut" else ([0, 1], 0)
    assert (ids, len(world.syncs)) == expected
