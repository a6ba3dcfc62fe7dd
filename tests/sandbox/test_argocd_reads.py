"""What Argo CD tells of an Application: itself, its differences, its tree, its revisions."""

import json

import httpx

from sandbox.argocd import Argocd
from sandbox.world import World
from tests.sandbox.conftest import PROD, get


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
