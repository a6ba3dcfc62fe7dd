"""What Argo CD refuses, and how: transport, tokens, projects, and the order of a sync's checks, word for word."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from sandbox.argocd import Argocd
from sandbox.world import World

SHA = "5f0c9d1e6a0b4a7f2d3c8b9e1f00aa11bb22cc33"
PROD = "/api/v1/applications/tiketi-prod"
STAGING = "/api/v1/applications/tiketi-staging"


def problem(code: int, message: str) -> dict[str, Any]:
    return {"error": message, "code": code, "message": message}


@pytest.mark.parametrize("content_type", [None, "application/json; charset=utf-8", "text/plain"])
async def test_the_content_type_is_compared_exactly(api: httpx.AsyncClient, content_type: str | None) -> None:
    del api.headers["Content-Type"]
    headers = {"Content-Type": content_type} if content_type else {}
    for method, path in (("POST", f"{PROD}/sync"), ("DELETE", f"{PROD}/operation")):
        answer = await api.request(method, path, headers=headers)
        assert (answer.status_code, answer.text) == (415, "Invalid content type\n")
        assert answer.headers["Content-Type"].startswith("text/plain")


async def test_unknown_fields_do_nothing_and_names_match_in_any_case(api: httpx.AsyncClient, world: World) -> None:
    answer = await api.post(f"{PROD}/sync", json={"dry_run": True, "PROJECT": "tiketi", "Revision": SHA, "prune": None})
    assert answer.status_code == 200
    assert answer.json()["operation"]["sync"]["revision"] == SHA
    assert "dryRun" not in answer.json()["operation"]["sync"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"dryRun":"true"}',
            "json: cannot unmarshal string into Go struct field ApplicationSyncRequest.dryRun of type bool",
        ),
        (
            b'{"retryStrategy":{"limit":"0"}}',
            "json: cannot unmarshal string into Go struct field RetryStrategy.retryStrategy.limit of type int64",
        ),
        (
            b'{"resources":"all"}',
            "json: cannot unmarshal string into Go struct field ApplicationSyncRequest.resources of type "
            "[]v1alpha1.SyncOperationResource",
        ),
        (b"{", "unexpected EOF"),
        (b"<html>", "invalid character '<' looking for beginning of value"),
    ],
)
async def test_a_value_of_the_wrong_type_is_refused(api: httpx.AsyncClient, body: bytes, message: str) -> None:
    answer = await api.post(f"{PROD}/sync", content=body)
    assert (answer.status_code, answer.json()) == (400, problem(3, message))


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/applications"])
async def test_an_unknown_path_below_api_is_plain_text(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.text) == (404, "Not Found\n")
    assert (await api.put(PROD)).status_code == 405


async def test_any_other_path_is_the_page(api: httpx.AsyncClient) -> None:
    assert (
        (await api.get("/applications", headers={"Accept": "text/html"}))
        .headers["Content-Type"]
        .startswith("text/html")
    )
    assert (await api.get("/applications", headers={"Accept": "application/json"})).status_code == 404


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic YTpi"])
async def test_without_a_token_there_is_no_session(api: httpx.AsyncClient, header: str) -> None:
    answer = await api.get(PROD, headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (401, problem(16, "no session information"))
    assert (await api.get("/api/v1/session/userinfo", headers={"Authorization": header})).json() == {}
    assert (await api.get("/api/version", headers={"Authorization": header})).json() == {"Version": "v3.5.1+109ca7c"}


async def test_a_revoked_token_is_unknown(api: httpx.AsyncClient, argocd: Argocd) -> None:
    assert (await api.get("/api/v1/session/userinfo")).json() == {
        "loggedIn": True,
        "username": "proj:tiketi:chatops",
        "iss": "argocd",
    }
    argocd.accounts.revoke(argocd.token)
    issued = "JWT token for role 'chatops' issued at '2026-08-01T09:00:00Z'"
    message = f"invalid session: {issued} does not exist in project 'tiketi'"
    answer = await api.get(PROD)
    assert (answer.status_code, answer.json()) == (401, problem(16, message))


async def test_missing_and_forbidden_differ_only_with_a_project(api: httpx.AsyncClient, argocd: Argocd) -> None:
    other = {"Authorization": f"Bearer {argocd.accounts.issue('staging', actions=['get'], applications='*-staging')}"}
    denied, missing = problem(7, "permission denied"), problem(5, 'applications.argoproj.io "nope" not found')
    cases = [
        ("/api/v1/applications/nope", {}, 403, denied),
        ("/api/v1/applications/nope?project=tiketi", {}, 404, missing),
        ("/api/v1/applications/nope?project=other", {}, 403, denied),
        (PROD, other, 403, denied),
        (f"{PROD}?project=tiketi", other, 403, denied),
    ]
    for path, headers, status, body in cases:
        answer = await api.get(path, headers=headers)
        assert (path, answer.status_code, answer.json()) == (path, status, body)
    assert (await api.get(STAGING, headers=other)).status_code == 200
    assert [
        item["metadata"]["name"] for item in (await api.get("/api/v1/applications", headers=other)).json()["items"]
    ] == ["tiketi-staging"]


async def test_the_right_to_sync_is_its_own(api: httpx.AsyncClient, argocd: Argocd, world: World) -> None:
    developer = argocd.accounts.issue("developer", actions=["get"])
    headers = {"Authorization": f"Bearer {developer}"}
    whom = "sub: proj:tiketi:developer, iat: 2026-08-01T09:00:00Z"
    message = f"permission denied: applications, sync, tiketi/tiketi-prod, {whom}"
    for method, path in (("POST", f"{PROD}/sync"), ("DELETE", f"{PROD}/operation")):
        answer = await api.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()) == (403, problem(7, message))
    asked = [
        (await api.get(f"/api/v1/account/can-i/{question}", headers=headers)).json()["value"]
        for question in (
            "applications/get/tiketi/tiketi-prod",
            "applications/sync/tiketi/tiketi-prod",
            "applications/get/other/x",
            "logs/get/tiketi/tiketi-prod",
        )
    ]
    assert asked == ["yes", "no", "no", "yes"]
    assert world.syncs == []


async def test_a_closed_window_is_said_before_the_missing_right(
    api: httpx.AsyncClient, argocd: Argocd, world: World
) -> None:
    world.application("prod").faults.window_closed = True
    developer = argocd.accounts.issue("developer", actions=["get"])
    answer = await api.post(f"{PROD}/sync", headers={"Authorization": f"Bearer {developer}"})
    assert (answer.status_code, answer.json()) == (403, problem(7, "cannot sync: blocked by sync window"))
    now = world.timeline.now()
    closed, open_ = ((now + timedelta(days=days)).isoweekday() % 7 for days in (-1, 3))
    deny = {"kind": "deny", "schedule": f"0 18 * * {closed}", "duration": "60h", "manualSync": False}
    assert (await api.get(f"{PROD}/syncwindows")).json() == {
        "activeWindows": [deny],
        "assignedWindows": [deny],
        "canSync": False,
    }
    world.application("prod").faults.window_closed = False
    deny["schedule"] = f"0 18 * * {open_}"
    assert (await api.get(f"{PROD}/syncwindows")).json() == {"assignedWindows": [deny], "canSync": True}


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("day", range(7))
@pytest.mark.parametrize("hour", [0, 5, 6, 17, 18, 23])
def test_a_window_is_in_force_exactly_when_it_is_said_to_be(world: World, day: int, hour: int, closed: bool) -> None:
    now = datetime(2026, 1, 5 + day, hour, tzinfo=UTC)
    app = world.application("prod")
    app.faults.window_closed = closed
    said = app.windows(at=now)
    [window] = said["assignedWindows"]
    weekday = int(window["schedule"].removeprefix("0 18 * * "))
    days = [now.replace(hour=18) - timedelta(days=ago) for ago in range(8)]
    begun = [moment for moment in days if moment <= now and moment.isoweekday() % 7 == weekday]
    in_force = any(now < moment + timedelta(hours=60) for moment in begun)
    assert (in_force, said["canSync"], "activeWindows" in said) == (closed, not closed, closed)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (STAGING, {"revision": SHA}, f"Cannot sync to {SHA}: auto-sync currently set to develop"),
        (
            STAGING,
            {"manifests": ["{}"]},
            "cannot use local sync when Automatic Sync Policy is enabled unless for dry run",
        ),
        (
            PROD,
            {"revision": "foo"},
            "error resolving repo revision: rpc error: code = Unknown desc = unable to resolve 'foo' to a commit SHA",
        ),
    ],
)
async def test_what_argo_cd_will_not_sync(
    api: httpx.AsyncClient, path: str, body: dict[str, Any], message: str
) -> None:
    answer = await api.post(f"{path}/sync", json=body)
    assert (answer.status_code, answer.json()) == (400, problem(9, message))


async def test_a_deleted_application_does_not_sync(api: httpx.AsyncClient, world: World) -> None:
    world.application("prod").deleted_at = "2026-08-22T11:00:00Z"
    answer = await api.post(f"{PROD}/sync", json={})
    assert (answer.status_code, answer.json()) == (400, problem(9, "application is deleting"))


async def test_there_is_one_slot_for_an_operation(api: httpx.AsyncClient, world: World) -> None:
    world.operate("prod")
    for _ in range(2):  # once requested, once running
        answer = await api.post(f"{PROD}/sync", json={"revision": SHA})
        assert (answer.status_code, answer.json()) == (400, problem(9, "another operation is already in progress"))
        world.tick()
    await world.settle()
    assert [sync.initiated_by for sync in world.syncs] == ["admin"]


async def test_nothing_can_be_terminated_before_the_controller_began(api: httpx.AsyncClient, world: World) -> None:
    nothing = problem(3, "Unable to terminate operation. No operation is in progress")
    answer = await api.delete(f"{PROD}/operation")
    assert (answer.status_code, answer.json()) == (400, nothing)
    world.operate("prod")
    answer = await api.delete(f"{PROD}/operation")
    assert (answer.status_code, answer.json()) == (400, nothing)
    world.tick()
    answer = await api.delete(f"{PROD}/operation")
    assert (answer.status_code, answer.json()) == (200, {})
    assert world.application("prod").phase == "Terminating"
    world.tick()
    state = world.application("prod").operation_state
    assert state is not None
    assert (state["phase"], state["message"], world.syncs) == ("Failed", "Operation terminated", [])


async def test_everything_that_was_asked_is_recorded_without_the_token(api: httpx.AsyncClient, argocd: Argocd) -> None:
    await api.get(f"{PROD}?project=tiketi")
    await api.post(f"{PROD}/sync", json={"project": "tiketi", "dryRun": True})
    first, second = argocd.requests
    assert (first.method, first.path, first.query, first.body) == ("GET", PROD, {"project": "tiketi"}, None)
    assert (second.method, second.path, second.body) == ("POST", f"{PROD}/sync", {"project": "tiketi", "dryRun": True})
    assert "authorization" not in second.headers
    assert second.headers["content-type"] == "application/json"
    assert argocd.received("POST", "/sync") == [{"project": "tiketi", "dryRun": True}]
