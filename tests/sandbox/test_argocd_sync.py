"""The life of a sync as a reader of the API sees it, whole and partial."""

from typing import Any

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.conftest import PROD, get

INFOS = [{"name": "chatops.request-id", "value": "01J6A"}]


async def test_the_life_of_a_full_sync(api: httpx.AsyncClient, world: World) -> None:
    released = world.release("prod", "backend")
    world.tick()
    sha = released.manifest.sha
    body = {
        "project": "tiketi",
        "revision": sha,
        "retryStrategy": {"limit": 0},
        "infos": INFOS,
        "strategy": {"hook": {}},
    }
    answer = await api.post(f"{PROD}/sync", json=body)
    operation = {
        "sync": {
            "revision": sha,
            "source": (await get(api))["spec"]["source"],
            "syncStrategy": {"hook": {}},
            "syncOptions": ["CreateNamespace=true"],
        },
        "initiatedBy": {"username": "proj:tiketi:chatops"},
        "info": INFOS,
        "retry": {},
    }
    accepted = answer.json()  # t0
    assert (answer.status_code, accepted["operation"]) == (200, operation)
    assert "operationState" not in accepted["status"]

    world.tick()  # t1
    app = await get(api)
    started = app["status"]["operationState"].pop("startedAt")
    assert (app["operation"], app["status"]["operationState"]) == (
        operation,
        {"operation": operation, "phase": "Running"},
    )

    world.tick()  # t2
    app = await get(api)
    state = app["status"]["operationState"]
    assert (state["phase"], state["message"], "operation" in app) == ("Running", "one or more tasks are running", True)
    assert (state["syncResult"]["revision"], len(state["syncResult"]["resources"])) == (sha, 15)
    assert [item for item in state["syncResult"]["resources"] if "configured" in item["message"]] == [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": "tiketi",
            "name": "backend",
            "status": "Synced",
            "message": "deployment.apps/backend configured",
            "hookPhase": "Running",
            "syncPhase": "Sync",
            "images": [f"{world.topology.registry}/tiketi-backend:{released.tag}"],
        }
    ]

    world.tick()  # t3
    app = await get(api)
    state = app["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Succeeded", "successfully synced (all tasks run)")
    assert "operation" not in app
    assert app["status"]["reconciledAt"] < state["finishedAt"]
    entry = app["status"]["history"][-1]
    assert (entry["id"], entry["revision"], entry["deployStartedAt"]) == (1, sha, started)

    world.tick()  # t4
    app = await get(api)
    assert app["status"]["reconciledAt"] >= state["finishedAt"]
    assert (app["status"]["sync"]["status"], app["status"]["health"]["status"]) == ("Synced", "Progressing")
    await world.settle()
    assert (await get(api))["status"]["health"]["status"] == "Healthy"
    [sync] = world.syncs
    assert (sync.revision, sync.partial, sync.initiated_by) == (sha, False, "proj:tiketi:chatops")
    assert sync.info == {"chatops.request-id": "01J6A"}


async def test_a_partial_sync_moves_only_its_resources_and_leaves_no_history(
    api: httpx.AsyncClient, world: World
) -> None:
    for service in ("backend", "ticket-service"):
        world.release("prod", service)
    world.tick()
    app = await get(api)
    sha, before = app["status"]["sync"]["revision"], app["status"]["history"]
    resources = [{"group": "apps", "kind": "Deployment", "name": "backend", "namespace": "tiketi"}]
    await api.post(f"{PROD}/sync", json={"project": "tiketi", "revision": sha, "resources": resources})
    await world.settle()
    app = await get(api)
    assert app["status"]["operationState"]["message"] == "successfully synced (all tasks run)"
    assert [item["name"] for item in app["status"]["operationState"]["syncResult"]["resources"]] == ["backend"]
    assert (app["status"]["history"], app["status"]["sync"]["status"]) == (before, "OutOfSync")
    assert [item["name"] for item in app["status"]["resources"] if item["status"] == "OutOfSync"] == ["ticket-service"]
    assert [(sync.resources, sync.partial) for sync in world.syncs] == [(("Deployment/backend",), True)]
    assert world.deployment("prod", "ticket-service").generation == 1


async def test_resources_that_match_nothing_succeed_with_nothing(api: httpx.AsyncClient, world: World) -> None:
    resources = [{"group": "", "kind": "Deployment", "name": "backend", "namespace": "tiketi"}]
    await api.post(f"{PROD}/sync", json={"resources": resources})
    await world.settle()
    state = (await get(api))["status"]["operationState"]
    assert (state["phase"], state["message"]) == ("Succeeded", "successfully synced (no more tasks)")
    assert (state["syncResult"]["resources"], [sync.resources for sync in world.syncs]) == ([], [()])


async def test_a_pinned_revision_is_deployed_whatever_head_does(api: httpx.AsyncClient, world: World) -> None:
    released = world.release("prod", "backend")
    world.tick()
    await api.post(f"{PROD}/sync", json={"revision": released.manifest.sha})
    newer = world.release("prod", "backend")
    await world.settle()
    app = await get(api)
    assert app["status"]["operationState"]["syncResult"]["revision"] == released.manifest.sha
    assert (app["status"]["sync"]["status"], app["status"]["sync"]["revision"]) == ("OutOfSync", newer.manifest.sha)
    assert world.deployment("prod", "backend").image.endswith(released.tag)


async def test_without_a_revision_the_branch_is_resolved_at_the_call(api: httpx.AsyncClient, world: World) -> None:
    released = world.release("prod", "backend")
    answer = await api.post(f"{PROD}/sync", content=b"")
    assert answer.json()["operation"]["sync"]["revision"] == released.manifest.sha
    assert answer.json()["operation"]["retry"]["limit"] == 3


async def test_a_revision_that_does_not_exist_is_accepted_and_fails_later(api: httpx.AsyncClient, world: World) -> None:
    sha = "f" * 40
    assert (await api.post(f"{PROD}/sync", json={"revision": sha})).status_code == 200
    await world.settle()
    state = (await get(api))["status"]["operationState"]
    assert (state["phase"], "syncResult" in state, world.syncs) == ("Error", False, [])
    assert state["message"].startswith(
        "ComparisonError: Failed to load target state: failed to generate manifest for source 1 of 1: rpc error: "
        f"code = Internal desc = Failed to checkout revision {sha}"
    )


async def test_a_dry_run_takes_the_slot_and_changes_nothing(api: httpx.AsyncClient, world: World) -> None:
    world.release("prod", "backend")
    world.tick()
    await api.post(f"{PROD}/sync", json={"dryRun": True})
    await world.settle()
    app = await get(api)
    assert (app["status"]["operationState"]["phase"], app["status"]["sync"]["status"]) == ("Succeeded", "OutOfSync")
    assert (len(app["status"]["history"]), world.deployment("prod", "backend").generation) == (1, 1)


@pytest.mark.parametrize(
    ("options", "expected"), [({}, None), ({"items": ["ServerSideApply=true"]}, ["ServerSideApply=true"])]
)
async def test_given_sync_options_replace_the_applications_own(
    api: httpx.AsyncClient, options: dict[str, Any], expected: list[str] | None
) -> None:
    answer = await api.post(f"{PROD}/sync", json={"syncOptions": options})
    assert answer.json()["operation"]["sync"].get("syncOptions") == expected
