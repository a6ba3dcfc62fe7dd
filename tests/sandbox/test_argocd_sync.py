"""The life of a sync as a reader of the API sees it, whole and partial, and what is told of a diff."""

import json
from typing import Any

import httpx
import pytest

from sandbox.argocd import Argocd
from sandbox.world import World

PROD = "/api/v1/applications/tiketi-prod"
INFOS = [{"name": "chatops.request-id", "value": "01J6A"}]


async def get(api: httpx.AsyncClient, path: str = f"{PROD}?project=tiketi") -> dict[str, Any]:
    answer = await api.get(path)
    assert answer.status_code == 200
    body = answer.json()
    assert isinstance(body, dict)
    return body


async def test_an_idle_application_with_a_newer_head(api: httpx.AsyncClient, world: World) -> None:
    released = world.release("prod", "backend")
    world.tick()
    app = await get(api)
    source = {
        "repoURL": "https://github.com/ORGANIZATION/project-ticketing.git",
        "path": "k8s/overlays/prod",
        "targetRevision": "main",
    }
    destination = {"server": "https://kubernetes.default.svc", "namespace": "tiketi"}
    assert app["metadata"]["name"] == "tiketi-prod"
    assert (app["spec"]["source"], app["spec"]["destination"], app["spec"]["project"]) == (
        source,
        destination,
        "tiketi",
    )
    assert "automated" not in app["spec"]["syncPolicy"]
    assert app["status"]["sync"] == {
        "status": "OutOfSync",
        "comparedTo": {"source": source, "destination": destination},
        "revision": released.manifest.sha,
    }
    assert "operation" not in app
    assert app["status"]["operationState"]["phase"] == "Succeeded"
    [changed] = [item for item in app["status"]["resources"] if item["status"] != "Synced"]
    assert changed == {
        "group": "apps",
        "version": "v1",
        "kind": "Deployment",
        "namespace": "tiketi",
        "name": "backend",
        "status": "OutOfSync",
        "health": {"status": "Healthy"},
    }
    [listed] = (await get(api, "/api/v1/applications?name=tiketi-prod"))["items"]
    assert not any("health" in item for item in listed["status"]["resources"])
    for item in app["status"]["resources"]:
        item.pop("health", None)
    assert listed == app


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


async def test_the_diff_is_four_states_of_each_object(api: httpx.AsyncClient, world: World) -> None:
    released = world.release("prod", "backend")
    world.tick()
    items = (await get(api, f"{PROD}/managed-resources"))["items"]
    assert len(items) == 15
    changed = [item for item in items if item["normalizedLiveState"] != item["predictedLiveState"]]
    assert [(item["group"], item["kind"], item["namespace"], item["name"]) for item in changed] == [
        ("apps", "Deployment", "tiketi", "backend")
    ]
    assert [item for item in items if item.get("modified")] == changed
    states = {name: json.loads(changed[0][name]) for name in ("targetState", "liveState", "predictedLiveState")}
    images = [state["spec"]["template"]["spec"]["containers"][0]["image"] for state in states.values()]
    assert [image.endswith(released.tag) for image in images] == [True, False, True]
    assert states["targetState"]["metadata"]["labels"]["app.kubernetes.io/name"] == "backend"
    assert states["liveState"]["status"]["availableReplicas"] == 3
    [service] = (await get(api, f"{PROD}/managed-resources?kind=Service&name=backend"))["items"]
    assert service["kind"] == "Service"


async def test_a_new_config_map_is_to_be_created_and_the_old_one_to_be_pruned(
    api: httpx.AsyncClient, world: World
) -> None:
    text = world.git.head("main").tree["k8s/overlays/prod/kustomization.yaml"]
    changed = text.replace("LOG_LEVEL=info", "LOG_LEVEL=debug", 1)
    world.commit_overlay("prod", changed, message="chore: talk more", login="minji")
    world.tick()
    items = (await get(api, f"{PROD}/managed-resources"))["items"]
    found = {
        item["name"]: (item["targetState"] == "null", item["liveState"] == "null")
        for item in items
        if item.get("modified")
    }
    config = next(name for name, sides in found.items() if sides == (False, True))
    old = next(name for name, sides in found.items() if sides == (True, False))
    assert found == {config: (False, True), old: (True, False), "backend": (False, False)}
    assert config.startswith("backend-config-")
    assert (await get(api))["status"]["health"]["status"] == "Missing"
    await api.post(f"{PROD}/sync", json={"prune": False})
    await world.settle()
    app = await get(api)
    [skipped] = [i for i in app["status"]["operationState"]["syncResult"]["resources"] if i["status"] != "Synced"]
    assert (skipped["name"], skipped["status"], skipped["message"]) == (
        old,
        "PruneSkipped",
        "ignored (requires pruning)",
    )
    assert (app["status"]["sync"]["status"], app["status"]["health"]["status"]) == ("OutOfSync", "Healthy")


async def test_the_tree_shows_replica_sets_and_pods(api: httpx.AsyncClient, world: World) -> None:
    tree = await get(api, f"{PROD}/resource-tree")
    kinds = [node["kind"] for node in tree["nodes"]]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "ConfigMap": 5,
        "Service": 5,
        "Deployment": 5,
        "ReplicaSet": 5,
        "Pod": 15,
    }
    world.commit_tag("backend", "prod", tag="0000000-20260105-143022")
    world.tick()
    await api.post(f"{PROD}/sync", json={})
    await world.settle()
    [waiting] = [
        node
        for node in (await get(api, f"{PROD}/resource-tree"))["nodes"]
        if node["kind"] == "Pod" and node["health"]["status"] == "Degraded"
    ]
    assert waiting["info"][0] == {"name": "Status Reason", "value": "ImagePullBackOff"}
    assert waiting["health"]["message"].startswith("Back-off pulling image ")


async def test_a_revision_has_an_author_and_manifests(api: httpx.AsyncClient, world: World) -> None:
    released = world.release("prod", "backend", subject="fix: hold a seat")
    about = await get(api, f"{PROD}/revisions/{released.source.sha}/metadata")
    assert about == {
        "author": "hyunwoo <hyunwoo@users.noreply.github.com>",
        "date": "2026-08-22T12:00:00Z",
        "message": "fix: hold a seat\n",
    }
    found = [json.loads(text) for text in (await get(api, f"{PROD}/manifests?revision=main"))["manifests"]]
    assert len(found) == 15
    missing = await api.get(f"{PROD}/manifests?revision={'f' * 40}")
    assert (missing.status_code, missing.json()["code"]) == (500, 2)


async def test_a_list_can_be_cut_to_fields(api: httpx.AsyncClient, argocd: Argocd) -> None:
    fields = "items.metadata.name,items.status.sync.status,items.status.reconciledAt,metadata.resourceVersion"
    body = await get(api, f"/api/v1/applications?projects=tiketi&fields={fields}")
    assert body == {
        "items": [
            {"metadata": {"name": name}, "status": {"sync": {"status": "Synced"}}}
            for name in ("tiketi-dev", "tiketi-prod", "tiketi-staging")
        ]
    }
    assert (await get(api, f"/api/v1/applications?projects=other&fields={fields}")) == {"items": None}
