"""Reading an Application: what comes out, and that it is one consistent read or none."""

from dataclasses import replace
from datetime import datetime

import pytest
from aiohttp import web

from bot.adapters.argocd import ArgoCD
from bot.adapters.argocd_errors import RefreshTimedOut, Unsettled
from bot.adapters.argocd_resources import ManagedResource
from bot.adapters.argocd_values import ApplicationRead
from bot.domain.catalog import Catalog
from bot.domain.contents import Resource
from bot.domain.events import Health, Phase, SyncStatus
from sandbox.world import World
from tests.adapters.conftest import PROD, Calls, Scripted, paths


def changed(read: ApplicationRead) -> list[ManagedResource]:
    return [entry for entry in read.resources if entry.changed]


async def test_reads_an_idle_application(argocd: ArgoCD, world: World, catalog: Catalog, calls: Calls) -> None:
    read = await argocd.read(PROD)

    app = world.applications[PROD]
    state = app.operation_state
    assert state is not None
    assert replace(read, resources=(), source_digest="", operation=None) == ApplicationRead(
        application=PROD,
        uid=app.uid,
        revision=world.git.head("main").sha,
        sync=SyncStatus.SYNCED,
        health=Health.HEALTHY,
        health_since=datetime.fromisoformat(app.health["lastTransitionTime"]),
        reconciled_at=datetime.fromisoformat(app.reconciled_at or ""),
        automated=False,
        deleting=False,
        source_digest="",
        operation=None,
        pending=False,
        pending_request_id=None,
        conditions=(),
        resource_health=dict.fromkeys(catalog.services, (Health.HEALTHY, "")),
        resources=(),
    )
    assert read.operation is not None
    assert (read.operation.phase, read.operation.revision) == (Phase.SUCCEEDED, read.revision)
    assert read.operation.finished_at == datetime.fromisoformat(state["finishedAt"])
    assert (read.operation.request_id, read.operation.services) == (None, None)
    assert read.operation.initiated_by == "admin"
    assert read.operation.source_digest == read.source_digest
    assert changed(read) == []
    assert {entry.service for entry in read.resources} == set(catalog.services)
    assert calls.seen == [
        ("argocd", "application", "ok"),
        ("argocd", "managed-resources", "ok"),
        ("argocd", "application", "ok"),
    ]


async def test_an_automated_application_says_so(argocd: ArgoCD, world: World) -> None:
    policy = world.applications["tiketi-staging"].spec["syncPolicy"]
    assert (await argocd.read("tiketi-staging")).automated
    policy["automated"] = {}
    assert (await argocd.read("tiketi-staging")).automated
    policy["automated"] = {"enabled": False, "selfHeal": True}
    assert not (await argocd.read("tiketi-staging")).automated


async def test_sends_what_argocd_insists_on(argocd: ArgoCD, server: Scripted) -> None:
    await argocd.read(PROD)

    assert paths(server) == ["", "/managed-resources", ""]
    assert [dict(request.query) for request in server.requests] == [{"project": "tiketi"}] * 3
    assert {request.headers["content-type"] for request in server.requests} == {"application/json"}


async def test_a_release_changes_one_deployment(argocd: ArgoCD, world: World, catalog: Catalog) -> None:
    before = world.overlay("prod").tags["ticket-service"]
    released = world.release("prod", "ticket-service")

    read = await argocd.read(PROD, refresh="normal")

    (found,) = changed(read)
    image = catalog.image_of("ticket-service")
    assert read.revision == released.manifest.sha
    assert found == ManagedResource(
        resource=Resource(group="apps", kind="Deployment", namespace="tiketi", name="ticket-service"),
        service="ticket-service",
        changed=True,
        desired_image=f"{image}:{released.tag}",
        live_image=f"{image}:{before}",
        state_digest=found.state_digest,
    )


async def test_the_digest_is_of_the_difference_alone(argocd: ArgoCD, world: World) -> None:
    world.release("prod", "ticket-service")
    one = changed(await argocd.read(PROD, refresh="normal"))
    world.deployment("prod", "ticket-service").pods[0].ready = False  # Its status and resource version are others now.
    assert changed(await argocd.read(PROD)) == one

    world.release("prod", "backend")
    assert [entry for entry in changed(await argocd.read(PROD, refresh="normal")) if entry.service != "backend"] == one

    world.commit_tag("ticket-service", "prod", tag="a1b2c3d-20260105-143022")
    (other,) = [
        entry for entry in changed(await argocd.read(PROD, refresh="normal")) if entry.service == "ticket-service"
    ]
    assert other.state_digest != one[0].state_digest


async def test_a_changed_configuration_is_a_new_object_of_its_service(argocd: ArgoCD, world: World) -> None:
    overlay = world.overlay("prod")
    config = {**overlay.config, "backend": {"LOG_LEVEL": "debug"}}
    world.commit_overlay("prod", replace(overlay, config=config), message="chore: talk more", login="minji")

    read = await argocd.read(PROD, refresh="normal")

    # The ConfigMap it replaces would only be pruned, which the bot never does, so that is no change.
    assert [(entry.resource.kind, entry.service) for entry in changed(read)] == [
        ("ConfigMap", "backend"),
        ("Deployment", "backend"),
    ]
    assert len([entry for entry in read.resources if entry.resource.kind == "ConfigMap"]) == 6


async def test_a_head_that_moves_while_looking_makes_it_look_again(
    argocd: ArgoCD, server: Scripted, world: World
) -> None:
    server.faults.head_moves = 2

    read = await argocd.read(PROD)

    assert read.revision == world.git.head("main").sha
    assert paths(server) == ["", *["/managed-resources", ""] * 3]


async def test_a_head_that_never_rests_is_given_up(argocd: ArgoCD, server: Scripted) -> None:
    server.faults.head_moves = 4

    with pytest.raises(Unsettled):
        await argocd.read(PROD)

    assert paths(server) == ["", *["/managed-resources", ""] * 4]


@pytest.mark.parametrize("kind", ["normal", "hard"])
async def test_a_refresh_compares_with_the_branch_first(
    argocd: ArgoCD, server: Scripted, world: World, kind: str
) -> None:
    world.applications[PROD].faults.deaf = True
    pushed = world.release("prod", "backend").manifest.sha

    assert (await argocd.read(PROD)).revision != pushed
    server.requests.clear()
    assert (await argocd.read(PROD, refresh="normal" if kind == "normal" else "hard")).revision == pushed
    assert [request.query.get("refresh") for request in server.requests] == [kind, None, None]


async def test_a_refresh_that_hangs_is_given_up_and_asked_for_once(
    argocd: ArgoCD, server: Scripted, world: World, calls: Calls
) -> None:
    world.applications[PROD].faults.refresh_hangs = True

    with pytest.raises(RefreshTimedOut):
        await argocd.read(PROD, refresh="normal", refresh_timeout=0.1)

    assert paths(server) == [""]
    assert (await argocd.read(PROD)).application == PROD
    assert calls.seen[0] == ("argocd", "refresh", "argocd_unreachable")


async def test_a_refresh_that_the_server_gives_up_has_timed_out_too(argocd: ArgoCD, server: Scripted) -> None:
    server.faults.refresh_expires = True

    with pytest.raises(RefreshTimedOut):
        await argocd.read(PROD, refresh="normal")


async def test_a_refresh_that_a_gateway_gives_up_has_timed_out_too(argocd: ArgoCD, server: Scripted) -> None:
    server.answers = [web.Response(status=504, text="<html>504 Gateway Time-out</html>")]

    with pytest.raises(RefreshTimedOut):
        await argocd.read(PROD, refresh="normal")


async def test_no_items_is_nothing_managed(argocd: ArgoCD, server: Scripted) -> None:
    server.faults.items_null = True

    assert (await argocd.read(PROD)).resources == ()


async def test_conditions_and_deletion_are_seen(argocd: ArgoCD, world: World) -> None:
    app = world.applications[PROD]
    app.conditions = [{"type": "ComparisonError", "message": "x" * 900}]
    app.deleted_at = "2026-08-22T10:00:00Z"

    read = await argocd.read(PROD)

    assert read.deleting
    assert read.conditions == (f"ComparisonError: {'x' * 483}",)


async def test_what_argocd_says_comes_without_secrets_and_accounts(argocd: ArgoCD, world: World) -> None:
    app = world.applications[PROD]
    app.faults.sync_error = 'User "system:serviceaccount:argocd:x" cannot patch {"env":[{"name":"PASS","value":"a"}]}'
    app.conditions = [{"type": "SyncError", "message": "sub: proj:tiketi:chatops, iat: 2026-08-01T09:00:00Z"}]
    world.release("prod", "backend")
    world.tick()
    world.operate("prod")
    await world.settle()
    shown = 'User [hidden] cannot patch {"env":[{"name":"PASS","value":"[hidden]"}]}'

    read = await argocd.read(PROD)

    assert read.operation is not None
    assert read.operation.message == shown
    assert {result.message for result in read.operation.results} == {shown}
    assert read.conditions == ("SyncError: sub: [hidden], iat: [hidden]",)


async def test_an_operation_that_retries_has_not_finished(argocd: ArgoCD, world: World) -> None:
    world.applications[PROD].faults.retries = 1
    world.operate("prod")
    await world.until(lambda: "finishedAt" in (world.applications[PROD].operation_state or {}))

    read = await argocd.read(PROD)

    assert read.pending
    assert read.operation is not None
    assert (read.operation.phase, read.operation.finished_at) == (Phase.RUNNING, None)
    assert "Retrying attempt #1" in read.operation.message


async def test_an_operation_that_is_stuck_holds_the_slot(argocd: ArgoCD, world: World) -> None:
    world.applications[PROD].faults.stuck = True
    world.operate("prod")
    await world.until(lambda: world.applications[PROD].phase == "Succeeded")

    read = await argocd.read(PROD)

    assert read.pending
    assert read.operation is not None
    assert (read.operation.phase, read.operation.finished_at) == (Phase.SUCCEEDED, None)
    assert read.operation.revision == read.revision


async def test_an_operation_from_elsewhere_has_another_source(argocd: ArgoCD, world: World) -> None:
    elsewhere = {**world.applications[PROD].spec["source"], "path": "k8s/overlays/staging"}
    world.operate("prod", source=elsewhere)
    await world.until(lambda: world.applications[PROD].phase is not None)
    read = await argocd.read(PROD)
    assert read.operation is not None
    assert read.operation.source_digest not in ("", read.source_digest)

    world.applications[PROD].spec["source"] = elsewhere
    moved = await argocd.read(PROD)
    assert moved.source_digest == read.operation.source_digest


@pytest.mark.parametrize(
    ("part", "value"),
    [("destination", {"namespace": "elsewhere"}), ("syncPolicy", {"syncOptions": ["Replace=true"]})],
)
async def test_the_source_digest_covers_destination_and_options(
    argocd: ArgoCD, world: World, part: str, value: object
) -> None:
    before = (await argocd.read(PROD)).source_digest
    assert (await argocd.read(PROD)).source_digest == before

    world.applications[PROD].spec[part] = value

    assert (await argocd.read(PROD)).source_digest != before


async def test_may_sync_inside_the_windows_only(argocd: ArgoCD, world: World) -> None:
    assert await argocd.can_sync(PROD)
    world.applications[PROD].faults.window_closed = True
    assert not await argocd.can_sync(PROD)


async def test_a_window_nobody_knows_is_closed(argocd: ArgoCD, server: Scripted) -> None:
    server.answers = [web.json_response({})]
    assert not await argocd.can_sync(PROD)
