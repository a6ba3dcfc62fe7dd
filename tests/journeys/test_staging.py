"""A push to staging, which Argo CD deploys by itself: a card, and nothing for anybody to do."""

import pytest

from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.rows import Rows
from tests.journeys.slowly import slowly

pytestmark = pytest.mark.journey

PLACE = "ticket-service → staging"


async def test_staging_ends_deployed_without_asking_anybody(scene: Scene, rows: Rows) -> None:
    old = scene.world.overlay("staging").tags["ticket-service"]
    ran = await scene.pipeline.run("ticket-service", "staging", author="hyunwoo", subject="feat: hold a seat")
    card = await seeing.message(scene.town.releases, titled="deployed")
    await scene.world.settle()
    await rows.quiet()

    assert seeing.board(scene.town.releases) == [
        seeing.Seen(
            title=f"{PLACE} · deployed in ⏱",
            text=expected.text(
                expected.change(scene, ran, subject="feat: hold a seat", author="hyunwoo", old=old),
                f"{expected.pipeline(scene, ran)}\n✅ **Sync** ⏱\n✅ **Rollout** ⏱ · 2/2",
            ),
            links=("Run", "Commit", "Argo CD"),
            footer="release 1",
        )
    ]
    assert card.embeds[0].url == f"https://github.com/{scene.topology.repository}/actions/runs/{ran.run.id}"
    assert seeing.board(scene.town.alerts) == []
    assert seeing.calls(scene) == []
    assert await rows.approvals() == []
    assert await rows.operations() == []
    assert scene.argocd.received("POST") == []
    assert [sync.initiated_by for sync in scene.world.syncs if sync.application == "tiketi-staging"] == ["automated"]


async def test_staging_shows_every_step_in_one_message(scene: Scene, rows: Rows) -> None:
    releases = scene.town.releases
    async with slowly(scene, rows) as motion:
        await scene.pipeline.run("ticket-service", "staging", author="hyunwoo", subject="feat: hold a seat")
        await motion.until("staging", lambda: "deployed" in seeing.titles(releases)[0])

    # A look may find all pods ready a moment before Argo CD says so; then there is one step more.
    passing = {f"{PLACE} · started", f"{PLACE} · rolling out 2/2"}
    assert [title for title in seeing.written(scene, releases, about="release 1") if title not in passing] == [
        f"{PLACE} · building",
        f"{PLACE} · scanning",
        f"{PLACE} · pushing the image",
        f"{PLACE} · writing the manifest",
        f"{PLACE} · waiting for Argo CD",
        f"{PLACE} · syncing",
        f"{PLACE} · rolling out 0/2",
        f"{PLACE} · rolling out 1/2",
        f"{PLACE} · deployed in ⏱",
    ]
    assert len(releases.history()) == 1


async def test_deployed_is_said_only_of_pods_that_run(scene: Scene, rows: Rows) -> None:
    ran = await scene.pipeline.run(
        "stats-service", "staging", author="sora", subject="perf: keep a pool", breakage=Breakage()
    )
    await seeing.message(scene.town.releases, titled="degraded")
    await scene.world.settle()
    await rows.quiet()

    [shown] = seeing.board(scene.town.releases)
    assert shown.title == "stats-service → staging · degraded"
    assert shown.text.endswith(
        expected.text(
            "✅ **Sync** ⏱\n❌ **Rollout** 0/2 · CrashLoopBackOff",
            "**Next** The new pods do not run. Roll back, or fix it and push again.",
        )
    )
    assert "deployed" not in " ".join(seeing.written(scene, scene.town.releases, about="release 1"))
    app = scene.world.application("staging")
    assert (app.sync_status, app.phase) == ("Synced", "Succeeded")
    assert ran.tag in {pod.image.rpartition(":")[2] for pod in scene.world.deployment("staging", "stats-service").pods}
