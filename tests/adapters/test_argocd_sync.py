"""Asking for a sync: exactly what is sent, what every answer means, and that nothing is ever sent twice."""

import pytest
from aiohttp import web

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import (
    Automated,
    Deleting,
    Forbidden,
    InProgress,
    Missing,
    OrderUncertain,
    TokenRejected,
    Unreachable,
    WindowClosed,
)
from bot.domain.catalog import Catalog
from bot.domain.contents import Resource
from bot.domain.events import Phase
from bot.domain.reasons import Reason
from sandbox.world import World
from tests.adapters.conftest import PROD, Calls, Scripted, connected

TICKETS = Resource(group="apps", kind="Deployment", namespace="tiketi", name="ticket-service")
REQUEST_ID = "019aab5f2c7e0123456789ab"


async def order(argocd: ArgoCD, world: World, *, application: str = PROD) -> None:
    await argocd.sync(
        application,
        revision=world.git.head("main").sha,
        resources=(TICKETS,),
        request_id=REQUEST_ID,
        approved_by=("discord:11", "discord:12"),
        requested_by="discord:10",
    )


def posts(server: Scripted) -> int:
    return len([request for request in server.requests if request.method == "POST"])


async def test_sends_exactly_this(argocd: ArgoCD, server: Scripted, world: World, calls: Calls) -> None:
    released = world.release("prod", "ticket-service")

    await order(argocd, world)

    (request,) = server.requests
    assert (request.method, request.path, dict(request.query)) == ("POST", f"/api/v1/applications/{PROD}/sync", {})
    assert request.headers["content-type"] == "application/json"
    assert request.body == {
        "project": "tiketi",
        "revision": released.manifest.sha,
        "prune": False,
        "dryRun": False,
        "strategy": {"hook": {"force": False}},
        "resources": [{"group": "apps", "kind": "Deployment", "name": "ticket-service", "namespace": "tiketi"}],
        "retryStrategy": {"limit": 0},
        "infos": [
            {"name": "chatops.request-id", "value": REQUEST_ID},
            {"name": "chatops.requested-by", "value": "discord:10"},
            {"name": "chatops.approved-by", "value": "discord:11,discord:12"},
        ],
    }
    assert calls.seen == [("argocd", "sync", "ok")]


async def test_names_nobody_where_nobody_had_to_approve(argocd: ArgoCD, server: Scripted, world: World) -> None:
    await argocd.sync(
        PROD,
        revision=world.git.head("main").sha,
        resources=(TICKETS,),
        request_id=REQUEST_ID,
        approved_by=(),
        requested_by="hyunwoo",
    )

    (body,) = server.received("POST")
    assert body["infos"] == [
        {"name": "chatops.request-id", "value": REQUEST_ID},
        {"name": "chatops.requested-by", "value": "hyunwoo"},
    ]


async def test_the_operation_is_found_again_by_its_request_id(argocd: ArgoCD, world: World) -> None:
    released = world.release("prod", "ticket-service")
    world.release("prod", "backend")
    await argocd.read(PROD, refresh="normal")

    await argocd.sync(
        PROD,
        revision=released.manifest.sha,
        resources=(TICKETS,),
        request_id=REQUEST_ID,
        approved_by=(),
        requested_by="discord:10",
    )

    accepted = await argocd.read(PROD)
    assert (accepted.pending, accepted.pending_request_id, accepted.operation) == (True, REQUEST_ID, None)
    await world.until(lambda: world.applications[PROD].phase == "Succeeded")
    done = await argocd.read(PROD)
    assert (done.pending, done.pending_request_id) == (False, None)
    assert done.operation is not None
    assert done.operation.request_id == REQUEST_ID
    assert done.operation.phase is Phase.SUCCEEDED
    assert done.operation.revision == released.manifest.sha != done.revision
    assert done.operation.services == frozenset({"ticket-service"})
    assert done.operation.source_digest == done.source_digest
    assert done.operation.initiated_by == "proj:tiketi:chatops"
    assert [(sync.resources, sync.info["chatops.request-id"]) for sync in world.syncs] == [
        (("Deployment/ticket-service",), REQUEST_ID)
    ]


@pytest.mark.parametrize("revision", ["main", "5f0c9d1", "5F0C9D1E6A0B4A7F2D3C8B9E1F00AA11BB22CC33", ""])
async def test_a_revision_that_argocd_would_choose_is_not_sent(argocd: ArgoCD, server: Scripted, revision: str) -> None:
    with pytest.raises(ValueError, match="not a full commit id"):
        await argocd.sync(
            PROD, revision=revision, resources=(TICKETS,), request_id="x", approved_by=(), requested_by="y"
        )
    assert server.requests == []


async def test_a_selection_of_everything_is_not_sent(argocd: ArgoCD, server: Scripted, world: World) -> None:
    with pytest.raises(ValueError, match="would sync everything"):
        await argocd.sync(
            PROD,
            revision=world.git.head("main").sha,
            resources=(),
            request_id="x",
            approved_by=(),
            requested_by="y",
        )
    assert server.requests == []


async def test_a_cut_connection_is_uncertain_and_not_repeated(
    argocd: ArgoCD, server: Scripted, world: World, calls: Calls
) -> None:
    server.faults.sync_cut = True

    with pytest.raises(OrderUncertain):
        await order(argocd, world)

    assert posts(server) == 1
    assert calls.seen == [("argocd", "sync", "outcome_unknown")]
    assert (await argocd.read(PROD)).pending_request_id == REQUEST_ID


async def test_a_server_error_is_uncertain_and_not_repeated(argocd: ArgoCD, server: Scripted, world: World) -> None:
    server.faults.sync_lost = True

    with pytest.raises(OrderUncertain) as caught:
        await order(argocd, world)

    assert posts(server) == 1
    assert caught.value.log.startswith("500: ")
    assert not (await argocd.read(PROD)).pending


async def test_no_answer_in_time_is_uncertain(server: Scripted, world: World, catalog: Catalog) -> None:
    server.faults.slow = 30

    async with connected(server, catalog, token=server.token, timeout=0.1) as argocd:
        with pytest.raises(OrderUncertain):
            await order(argocd, world)

    assert posts(server) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"text": "<html>logged out</html>", "content_type": "text/html"},
        {"text": '{"metadata":'},
        {"text": "<html>502 Bad Gateway</html>", "status": 502},
        {"text": '{"error":"x","code":14,"message":"x"}', "status": 503},
        {"text": '{"error":"x","code":4,"message":"x"}', "status": 504},
        {"text": '{"error":"x","code":1,"message":"x"}', "status": 408},
    ],
)
async def test_an_answer_that_settles_nothing_is_uncertain(
    argocd: ArgoCD, server: Scripted, world: World, answer: dict[str, object]
) -> None:
    server.method, server.answers = "POST", [web.Response(**answer)]  # type: ignore[arg-type]

    with pytest.raises(OrderUncertain):
        await order(argocd, world)

    assert posts(server) == 1


@pytest.mark.parametrize("status", [302, 429])
async def test_an_answer_before_argocd_is_a_plain_failure(
    argocd: ArgoCD, server: Scripted, world: World, status: int
) -> None:
    server.method, server.answers = "POST", [web.Response(status=status)]

    with pytest.raises(Unreachable):
        await order(argocd, world)

    assert posts(server) == 1


async def test_a_connection_never_made_is_a_plain_failure(server: Scripted, world: World, catalog: Catalog) -> None:
    url = server.url
    await server.stop()
    async with connected(server, catalog, token=server.token, url=url) as argocd:
        with pytest.raises(Unreachable) as caught:
            await order(argocd, world)
    assert caught.value.reason is Reason.ARGOCD_UNREACHABLE


async def test_refused_while_another_operation_runs(argocd: ArgoCD, world: World) -> None:
    world.operate("prod")
    with pytest.raises(InProgress):
        await order(argocd, world)
    await world.until(lambda: world.applications[PROD].operation is None)
    await order(argocd, world)


async def test_refused_outside_the_windows(argocd: ArgoCD, world: World) -> None:
    world.applications[PROD].faults.window_closed = True
    with pytest.raises(WindowClosed):
        await order(argocd, world)
    world.applications[PROD].faults.window_closed = False
    await order(argocd, world)


async def test_refused_where_argocd_syncs_by_itself(argocd: ArgoCD, world: World) -> None:
    with pytest.raises(Automated):
        await order(argocd, world, application="tiketi-staging")
    await order(argocd, world)


async def test_refused_while_deleting(argocd: ArgoCD, world: World) -> None:
    world.applications[PROD].deleted_at = "2026-08-22T10:00:00Z"
    with pytest.raises(Deleting):
        await order(argocd, world)
    world.applications[PROD].deleted_at = None
    await order(argocd, world)


async def test_refused_without_the_right(server: Scripted, world: World, catalog: Catalog) -> None:
    reader = server.accounts.issue("reader", actions=("get",))
    async with connected(server, catalog, token=reader) as narrow:
        with pytest.raises(Forbidden) as caught:
            await order(narrow, world)
    assert "sub: proj:tiketi:reader" in caught.value.log  # for the log
    assert "reader" not in str(caught.value)  # and for nothing else
    async with connected(server, catalog, token=server.token) as wide:
        await order(wide, world)


async def test_refused_with_a_revoked_token(argocd: ArgoCD, server: Scripted, world: World) -> None:
    server.accounts.revoke(server.token)
    with pytest.raises(TokenRejected):
        await order(argocd, world)


async def test_refused_for_an_application_that_is_missing(argocd: ArgoCD, world: World) -> None:
    with pytest.raises(Missing):
        await order(argocd, world, application="nope")
