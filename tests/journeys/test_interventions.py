"""/restart and /terminate: a hand on what runs, seen by the whole team, once and only on what was shown."""

import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.rows import NEVER, Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"


async def ask(scene: Scene, who: str, command: str, **options: str) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


async def restart(scene: Scene, who: str = "jisoo") -> InteractionResult:
    """Somebody restarts ticket-service in production."""
    return await ask(scene, who, "restart", environment="prod", service="ticket-service")


async def test_a_restart_replaces_every_pod_once(scene: Scene, rows: Rows) -> None:
    deployment = scene.world.deployment("prod", "ticket-service")
    before, image = {pod.name for pod in deployment.pods}, deployment.image

    told = await restart(scene)
    assert seeing.told(told) == (
        f"{PLACE} · restarting",
        "One pod after the other is replaced. The card shows how it goes on.",
    )
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · restarted in")
    await rows.ended()

    assert seeing.seen(card).text == "Asked by jisoo"
    assert not before & {pod.name for pod in deployment.pods}
    assert {pod.image for pod in deployment.pods} == {image}
    assert scene.argocd.received("POST") == [
        {
            "project": "tiketi",
            "namespace": "tiketi",
            "resourceName": "ticket-service",
            "version": "v1",
            "group": "apps",
            "kind": "Deployment",
            "action": "restart",
            "resourceActionParameters": [],
        }
    ]
    assert (await rows.audit())[-1].outcome == "succeeded"


async def test_a_restart_whose_answer_is_lost_is_not_repeated(scene: Scene, rows: Rows) -> None:
    scene.argocd.faults.action_cut = True
    await restart(scene)
    await seeing.message(scene.town.releases, titled=f"{PLACE} · restarted in")
    await rows.ended()
    assert len(scene.argocd.received("POST")) == 1


async def test_a_restart_that_never_arrived_says_that_nobody_knows(scene: Scene, rows: Rows) -> None:
    scene.argocd.faults.action_lost = True
    await restart(scene)
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · restart failed")
    assert "may or may not have reached Argo CD" in seeing.seen(card).text
    assert len(scene.argocd.received("POST")) == 1


async def test_pods_that_do_not_come_back_are_shown_with_their_log(scene: Scene, rows: Rows) -> None:
    tag = scene.world.deployment("prod", "ticket-service").image.rpartition(":")[2]
    scene.world.breakages[tag] = Breakage()
    await restart(scene)
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · restart failed")
    text = seeing.seen(card).text
    assert "CrashLoopBackOff" in text
    assert "Error: connect ECONNREFUSED" in text


@pytest.mark.parametrize("who", ["hyunwoo", "sora", "guest"])
async def test_a_restart_needs_its_role(scene: Scene, rows: Rows, who: str) -> None:
    told = seeing.told(await restart(scene, who))
    assert told == (
        "Refused",
        "You do not have a role that may do this. prod:restart belongs to **@Release manager**.",
    )
    assert (await rows.operations(), scene.argocd.received("POST")) == ([], [])


async def test_a_second_restart_waits_for_the_first(scene: Scene, rows: Rows) -> None:
    scene.world.namespaces["prod"].deadline = 10**6
    tag = scene.world.deployment("prod", "ticket-service").image.rpartition(":")[2]
    scene.world.breakages[tag] = Breakage()
    await restart(scene)
    told = seeing.told(await restart(scene, "minji"))
    assert told[0] == "Refused"
    assert len(scene.argocd.received("POST")) == 1


async def test_the_operation_that_was_shown_is_stopped(scene: Scene, rows: Rows) -> None:
    app = scene.world.application("prod")
    app.faults.run_ticks = 10**6
    scene.world.operate("prod", username="admin")
    await until(lambda: app.phase == "Running" and "syncResult" in (app.operation_state or {}))
    await rows.observed("prod", after=scene.clock())

    shown = await ask(scene, "jisoo", "terminate", environment="prod")
    answer = seeing.answer(shown)
    assert (answer.title, answer.buttons) == ("prod · stop this operation?", ("Stop it",))
    assert answer.text == (
        f"Sync of `{app.revision[:7]}` by admin ⏱\none or more tasks are running\n"
        "**Note** what it has applied so far stays."
    )
    assert shown.response is not None
    pressed = await scene.town.people["jisoo"].click(shown.response.message, label="Stop it")
    assert seeing.told(pressed) == ("prod · stopped", "The Application is free for the next operation.")
    card = await seeing.message(scene.town.releases, titled="prod · sync stopped")
    assert "by admin ⏱\nAsked by jisoo" in seeing.seen(card).text
    assert (app.operation, app.phase) == (None, "Failed")
    assert [request.method for request in scene.argocd.requests if request.method == "DELETE"] == ["DELETE"]


async def test_another_operation_than_the_one_shown_is_left_alone(scene: Scene, rows: Rows) -> None:
    app = scene.world.application("prod")
    app.faults.run_ticks = 10**6
    scene.world.operate("prod", username="admin")
    await until(lambda: app.phase == "Running")
    await rows.observed("prod", after=scene.clock())
    shown = await ask(scene, "jisoo", "terminate", environment="prod")
    scene.world.operations.terminate(app)
    await until(lambda: app.operation is None)
    scene.world.operate("prod", username="hyunwoo")
    await until(lambda: app.phase == "Running")

    assert shown.response is not None
    pressed = await scene.town.people["jisoo"].click(shown.response.message, label="Stop it")
    assert seeing.told(pressed) == (
        "prod · nothing stopped",
        "The operation that was shown has ended, so nothing was stopped. Look again.",
    )
    assert app.phase == "Running"
    assert [request.method for request in scene.argocd.requests if request.method == "DELETE"] == []


async def test_whether_something_runs_is_asked_at_that_moment(scene: Scene, rows: Rows) -> None:
    await rows.observed("prod", after=NEVER)
    scene.argocd.faults.status = 503
    title, reason = seeing.told(await ask(scene, "jisoo", "terminate", environment="prod"))
    assert title == "Refused"
    assert reason.startswith("Argo CD did not answer.")


async def test_what_nobody_has_begun_is_known_by_when_it_was_shown(scene: Scene) -> None:
    app = scene.world.application("prod")
    app.faults.accept_ticks = 10**6
    scene.world.operate("prod", username="admin")
    shown = await ask(scene, "jisoo", "terminate", environment="prod")
    assert seeing.answer(shown).text.startswith("An operation was asked for, and Argo CD has not begun it yet.")
    assert shown.response is not None
    app.faults.accept_ticks, app.faults.run_ticks = 1, 10**6
    pressed = await scene.town.people["jisoo"].click(shown.response.message, label="Stop it")
    assert seeing.told(pressed) == ("prod · stopped", "The Application is free for the next operation.")


async def test_there_is_nothing_to_stop(scene: Scene, rows: Rows) -> None:
    await rows.observed("prod", after=NEVER)
    assert seeing.told(await ask(scene, "jisoo", "terminate", environment="prod")) == (
        "Refused",
        "No operation runs on this Application, so there is nothing to stop.",
    )
    told = seeing.told(await ask(scene, "hyunwoo", "terminate", environment="prod"))
    assert told == (
        "Refused",
        "You do not have a role that may do this. prod:terminate belongs to **@Release manager**.",
    )


async def test_a_deploy_that_somebody_stops_has_failed_although_its_pods_run(scene: Scene, rows: Rows) -> None:
    app = scene.world.application("prod")
    app.faults.run_ticks = 10**6
    scene.world.release("prod", "ticket-service", login="hyunwoo")
    await scene.world.settle()
    deployer = scene.town.people["hyunwoo"]
    await deployer.slash(scene.town.releases, "deploy", environment="prod", service="ticket-service")
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await until(lambda: app.phase == "Running" and "syncResult" in (app.operation_state or {}))
    shown = seeing.answer(await ask(scene, "jisoo", "terminate", environment="prod"))
    assert shown.text.startswith(f"Sync of `{app.revision[:7]}` ticket-service asked by hyunwoo ⏱\n")
    scene.world.operations.terminate(app)

    # What was applied stays, and the card tells what is true of the pods.
    await seeing.message(scene.town.releases, titled="ticket-service → prod · deployed")
    await rows.ended()
    [operation] = await rows.operations()
    assert (operation.state, operation.reason) == (OperationState.FAILED, "terminated")
