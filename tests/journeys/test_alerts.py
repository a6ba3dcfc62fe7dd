"""Alerts: what fails raises one message, and the same message says when it is over."""

from uuid import uuid4

import pytest

from sandbox.actions import Run
from sandbox.deployments import Breakage
from sandbox.manifests import Json
from sandbox.scenarios import APPLY_FAILED
from sandbox.scene import ARGOCD_TOKEN, SECRET, Scene
from sandbox.senders import Senders
from tests.journeys import expected, seeing
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

REFUSED = (
    'one or more objects failed to apply, reason: admission webhook "validate.policies.tiketi.com" '
    "denied the request: image must come from ECR"
)


class Twice(Senders):
    """Sends everything twice: GitHub with the same delivery id, the pipeline with another token."""

    async def github(
        self, event: str, body: Json | bytes, *, secret: str | None = None, delivery: str | None = None
    ) -> int | None:
        delivery = delivery or str(uuid4())
        await super().github(event, body, secret=secret, delivery=delivery)
        return await super().github(event, body, secret=secret, delivery=delivery)

    async def ci(self, body: Json, *, run: Run | None = None, token: str | None = None) -> int | None:
        await super().ci(body, run=run, token=token)
        return await super().ci(body, run=run, token=token)


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
async def test_a_failed_build_is_one_alert_until_its_rerun_succeeds(scene: Scene, rows: Rows, *, twice: bool) -> None:
    kind = Twice if twice else Senders
    scene.notifications.faults.copies = 2 if twice else 1
    async with kind(
        scene.senders.url, github_secret=SECRET, argocd_token=ARGOCD_TOKEN, ci_token=scene.oidc.token
    ) as senders:
        scene.pipeline.senders = senders
        ran = await scene.pipeline.run("backend", "staging", author="sora", subject="build: new Node", fail_at="build")
        alert = await seeing.message(scene.town.alerts, titled="Run failed")
        await rows.quiet()

        assert seeing.board(scene.town.alerts) == [
            seeing.Seen(
                title="backend → staging · Run failed",
                text=expected.text(
                    "❌ backend / deliver / Build image",
                    "Since ⏱",
                    "**Next** Read the run's log, then push a fix, or run it again from its release card.",
                ),
                links=("Run",),
                footer="run:staging:backend #1",
            )
        ]
        run = f"https://github.com/{scene.topology.repository}/actions/runs/{ran.run.id}"
        assert seeing.urls(alert) == {"Run": run}
        assert [incident.count for incident in await rows.incidents()] == [1]

        await scene.pipeline.rerun(ran, author="minji")
        over = await seeing.message(scene.town.alerts, titled="recovered")
        await seeing.message(scene.town.releases, titled="deployed")
        await scene.world.settle()
        await rows.quiet()

    assert over.id == alert.id
    assert seeing.board(scene.town.alerts) == [
        seeing.Seen(
            title="backend → staging · recovered after ⏱",
            text=expected.text("✅ Run succeeded", "It was: Run failed\n• backend / deliver / Build image"),
            links=("Run",),
            footer="run:staging:backend #1",
        )
    ]
    assert seeing.titles(scene.town.releases) == ["backend → staging · deployed in ⏱"]
    deliveries = [sent.delivery for sent in senders.sent if sent.delivery]
    assert len(deliveries) == len(set(deliveries)) * (2 if twice else 1)
    assert {sent.status for sent in senders.sent} <= {200, 202}
    assert [incident.count for incident in await rows.incidents()] == [1]
    assert seeing.calls(scene) == []


async def test_a_failure_after_a_recovery_is_another_alert(scene: Scene, rows: Rows) -> None:
    ran = await scene.pipeline.run("backend", "staging", author="sora", subject="build: new Node", fail_at="scan")
    await scene.pipeline.rerun(ran, author="minji", fail_at="scan")
    await rows.quiet()
    [still] = seeing.board(scene.town.alerts)
    assert still.text.startswith(expected.text("❌ backend / deliver / Scan image", "Since ⏱, 2 times, last ⏱"))

    await scene.pipeline.rerun(ran, author="minji")
    await seeing.message(scene.town.alerts, titled="recovered")
    await scene.pipeline.run("backend", "staging", author="sora", subject="build: newer Node", fail_at="push")
    await seeing.message(scene.town.alerts, titled="Run failed")
    await rows.quiet()

    assert [(one.title, one.footer) for one in seeing.board(scene.town.alerts)] == [
        ("backend → staging · recovered after ⏱", "run:staging:backend #1"),
        ("backend → staging · Run failed", "run:staging:backend #2"),
    ]


async def test_a_failed_sync_and_its_recovery_are_one_message(scene: Scene, rows: Rows) -> None:
    app = scene.world.application("staging")
    app.faults.sync_error = APPLY_FAILED
    scene.notifications.faults.copies = 2
    await scene.pipeline.run("payment-service", "staging", author="hyunwoo", subject="feat: refund in instalments")
    alert = await seeing.message(scene.town.alerts, titled="Sync failed")
    await scene.world.settle()
    await scene.notifications.sent()
    await rows.quiet()

    assert seeing.board(scene.town.alerts) == [
        seeing.Seen(
            title="staging · Sync failed",
            text=expected.text(
                f"❌ {REFUSED}",
                "Since ⏱",
                "**Next** Open the Application for the resource that failed, "
                "fix the manifest and push, or ask to deploy again.",
            ),
            links=("Argo CD",),
            footer="sync:staging #1",
        )
    ]
    assert seeing.urls(alert) == {"Argo CD": f"{scene.argocd.url}/applications/tiketi-staging"}
    assert seeing.titles(scene.town.releases) == ["payment-service → staging · sync failed"]

    app.faults.sync_error = None
    await scene.pipeline.run("payment-service", "staging", author="hyunwoo", subject="fix: name the registry in full")
    over = await seeing.message(scene.town.alerts, titled="recovered")
    await scene.world.settle()
    await scene.notifications.sent()
    await rows.quiet()

    assert over.id == alert.id
    assert seeing.board(scene.town.alerts) == [
        seeing.Seen(
            title="staging · recovered after ⏱",
            text=expected.text("✅ Sync succeeded", f"It was: Sync failed\n• {REFUSED}"),
            links=("Argo CD",),
            footer="sync:staging #1",
        )
    ]


async def test_a_degraded_rollout_names_the_worst_pod_and_recovers(scene: Scene, rows: Rows) -> None:
    scene.notifications.faults.copies = 2
    await scene.pipeline.run(
        "stats-service", "staging", author="sora", subject="perf: keep a pool", breakage=Breakage()
    )
    alert = await seeing.message(scene.town.alerts, titled="Degraded")
    await scene.world.settle()
    await scene.notifications.sent()
    await rows.quiet()

    assert seeing.board(scene.town.alerts) == [
        seeing.Seen(
            title="staging · Application Degraded",
            text=expected.text(
                "❌ stats-service: CrashLoopBackOff",
                "Since ⏱",
                "**Next** See `/pods environment:staging`, then roll back or fix forward.",
            ),
            links=("Argo CD",),
            footer="health:staging #1",
        )
    ]
    assert seeing.urls(alert) == {"Argo CD": f"{scene.argocd.url}/applications/tiketi-staging"}
    assert seeing.titles(scene.town.releases) == ["stats-service → staging · degraded"]

    await scene.pipeline.run("stats-service", "staging", author="sora", subject="fix: wait for the database")
    over = await seeing.message(scene.town.alerts, titled="recovered")
    await scene.world.settle()
    await scene.notifications.sent()
    await rows.quiet()

    assert over.id == alert.id
    assert seeing.board(scene.town.alerts) == [
        seeing.Seen(
            title="staging · recovered after ⏱",
            text=expected.text(
                "✅ Application Healthy", "It was: Application Degraded\n• stats-service: CrashLoopBackOff"
            ),
            links=("Argo CD",),
            footer="health:staging #1",
        )
    ]


async def test_an_alert_and_its_card_keep_the_secrets_and_accounts_that_argocd_names(scene: Scene) -> None:
    scene.world.application("staging").faults.sync_error = (
        'error when applying patch: {"stringData":{"password":"hunter2"}} '
        'User "system:serviceaccount:argocd:controller" cannot patch, token=abc123'
    )
    await scene.pipeline.run("payment-service", "staging", author="hyunwoo", subject="feat: refund in instalments")
    alert = await seeing.message(scene.town.alerts, titled="Sync failed")
    card = await seeing.message(scene.town.releases, titled="sync failed")
    for message in (alert, card):
        text = seeing.seen(message).text
        assert "error when applying patch" in text
        assert not {word for word in ("hunter2", "abc123", "serviceaccount") if word in text}
