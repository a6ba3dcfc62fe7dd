"""Actions, rights and events of the stand-in."""

from typing import Any

import httpx
import pytest

from sandbox.argocd import Argocd
from sandbox.world import World
from tests.sandbox.conftest import PROD, get

NOON = "2026-08-22T12:00:00Z"
RESTART = {
    "name": "tiketi-prod",
    "namespace": "tiketi",
    "resourceName": "backend",
    "version": "v1",
    "group": "apps",
    "kind": "Deployment",
    "action": "restart",
    "project": "tiketi",
}


async def act(api: httpx.AsyncClient, **changes: Any) -> tuple[int, Any]:
    """The answer to a restart of backend, or to what the changes make of it."""
    answer = await api.post(f"{PROD}/resource/actions/v2", json=RESTART | changes)
    return answer.status_code, answer.json()


async def test_a_restart_replaces_every_pod_and_marks_the_template(api: httpx.AsyncClient, world: World) -> None:
    backend = world.deployment("prod", "backend")
    before, image = {pod.name for pod in backend.pods}, backend.image
    assert await act(api) == (200, {})
    await world.settle()
    assert before.isdisjoint(pod.name for pod in backend.pods)
    assert (len(backend.pods), backend.image, backend.restarted_at) == (3, image, NOON)
    assert world.syncs == []
    assert (await get(api))["status"]["sync"]["status"] == "Synced"  # the annotation is nobody's desired state


@pytest.mark.parametrize(
    ("changes", "status", "message"),
    [
        (
            {"resourceName": "nope"},
            400,
            "Deployment apps nope not found as part of application tiketi-prod",
        ),
        (
            {"kind": "Service", "action": "restart", "group": ""},
            403,
            "permission denied: applications, action//Service/restart",
        ),
        ({"action": "scale"}, 403, "permission denied: applications, action/apps/Deployment/scale, tiketi/tiketi-prod"),
    ],
)
async def test_what_is_not_there_or_not_allowed(
    api: httpx.AsyncClient, changes: dict[str, str], status: int, message: str
) -> None:
    code, body = await act(api, **changes)
    assert code == status
    assert body["message"].startswith(message)


async def test_a_restart_is_lost_or_its_answer_is(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    backend = world.deployment("prod", "backend")
    argocd.faults.action_lost = True
    assert (await act(api))[0] == 500
    assert backend.restarted_at is None
    argocd.faults.action_lost, argocd.faults.action_cut = False, True
    with pytest.raises(httpx.RemoteProtocolError):
        await act(api)
    assert backend.restarted_at == NOON


@pytest.mark.parametrize(
    ("right", "value"),
    [
        ("applications/get/tiketi/tiketi-prod", "yes"),
        ("applications/sync/tiketi/tiketi-prod", "yes"),
        ("applications/delete/tiketi/tiketi-prod", "no"),
        ("logs/get/tiketi/tiketi-prod", "yes"),
        ("exec/create/tiketi/tiketi-prod", "no"),
        ("applications/sync/other/tiketi-prod", "no"),
    ],
)
async def test_rights_can_be_asked_for(api: httpx.AsyncClient, right: str, value: str) -> None:
    assert await get(api, f"/api/v1/account/can-i/{right}") == {"value": value}


async def test_a_sync_leaves_its_events(api: httpx.AsyncClient, world: World) -> None:
    before = len((await get(api, f"{PROD}/events"))["items"])
    revision = world.release("prod", "backend").manifest.sha
    world.tick()
    await api.post(f"{PROD}/sync", json={"revision": revision})
    await world.settle()
    items = (await get(api, f"{PROD}/events"))["items"][before:]
    assert [(item["reason"], item["message"]) for item in items] == [
        ("OperationStarted", f"proj:tiketi:chatops initiated sync to {revision}"),
        ("OperationCompleted", f"Sync operation to {revision} succeeded"),
    ]
    assert {item["involvedObject"]["name"] for item in items} == {"tiketi-prod"}
