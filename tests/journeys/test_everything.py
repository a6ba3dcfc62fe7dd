"""/deploy of everything at once, and of a chosen commit: a card of its own, the same consent, one pinned sync."""

import re

import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

ALL = "all services → prod"
WHO = "**@Release manager** approves or rejects, but not hyunwoo"


async def ask(scene: Scene, who: str = "hyunwoo", **options: str) -> InteractionResult:
    """Somebody uses /deploy."""
    return await scene.town.people[who].slash(scene.town.releases, "deploy", environment="prod", **options)


async def approve(scene: Scene, *, titled: str) -> None:
    """Somebody else approves the card of this title."""
    card = await seeing.message(scene.town.releases, titled=titled)
    await scene.town.people["jisoo"].click(card, label="Approve")


async def test_everything_is_shown_approved_and_synced_at_once(scene: Scene, rows: Rows) -> None:
    first = scene.world.release("prod", "ticket-service", login="hyunwoo")
    second = scene.world.release("prod", "backend", login="hyunwoo")
    images = {name: scene.world.deployment("prod", name).image for name in ("backend", "ticket-service")}
    old = {name: image.rpartition(":")[2] for name, image in images.items()}
    await scene.world.settle()

    told = await ask(scene, service="all")
    assert seeing.told(told) == (f"{ALL} · waiting for approval", "**@Release manager** decides on its card.")
    waiting = await seeing.message(scene.town.releases, titled=f"{ALL} · waiting for approval")
    await rows.quiet()
    commit = second.manifest.sha
    url = f"{scene.github.url}/ORGANIZATION/project-ticketing/commit/{commit}"
    assert seeing.seen(waiting) == seeing.Seen(
        title=f"{ALL} · waiting for approval",
        text=seeing.GAP.join(
            (
                f"**backend** `{old['backend']}` →\n`{second.tag}`{expected.behind(second.image)}\n"
                f"**ticket-service** `{old['ticket-service']}` →\n`{first.tag}`{expected.behind(first.image)}\n"
                f"2 objects at [{commit[:7]}]({url})",
                "⏳ **Approval** asked by hyunwoo · ends ⏱\n⚪ Sync · Rollout",
                f"**Next** {WHO}.",
            )
        ),
        buttons=("Approve", "Reject", "Withdraw"),
        links=("Commit", "Argo CD"),
        footer="operation …",
    )

    await approve(scene, titled=f"{ALL} · waiting for approval")
    await seeing.message(scene.town.releases, titled=f"{ALL} · deployed")
    await rows.ended()

    [operation] = [one for one in await rows.operations() if one.service is None]
    [body] = scene.argocd.received("POST")
    assert body == {
        "project": "tiketi",
        "revision": commit,
        "prune": False,
        "dryRun": False,
        "strategy": {"hook": {"force": False}},
        "retryStrategy": {"limit": 0},
        "infos": [
            {"name": "chatops.request-id", "value": operation.id},
            {"name": "chatops.requested-by", "value": f"discord:{scene.town.people['hyunwoo'].id}"},
            {"name": "chatops.approved-by", "value": f"discord:{scene.town.people['jisoo'].id}"},
        ],
    }
    assert scene.world.application("prod").history[-1]["revision"] == commit
    assert seeing.titles(scene.town.releases)[0].startswith(f"{ALL} · deployed in")
    assert operation.state is OperationState.SUCCEEDED


async def test_what_landed_after_the_request_was_shown_is_asked_about_first(scene: Scene, rows: Rows) -> None:
    first = scene.world.release("prod", "ticket-service")
    await scene.world.settle()
    await ask(scene, service="all")
    second = scene.world.release("prod", "backend")
    await scene.world.settle()
    await approve(scene, titled=f"{ALL} · waiting for approval")

    older = await seeing.message(scene.town.releases, titled=f"{ALL} · changed since it was shown")
    assert "**Next** What would be deployed has changed since this was shown" in seeing.seen(older).text
    again = await seeing.message(scene.town.releases, titled=f"{ALL} · waiting for approval")
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", seeing.seen(again).text)
    assert text.split("\n")[:4] == [
        "⚠️ **Changed since** it was shown, so it is asked again:",
        "• **backend** is new here",
        "• also Deployment/backend",
        f"• manifests {first.manifest.sha[:7]} → {second.manifest.sha[:7]} · compare",
    ]
    assert scene.argocd.received("POST") == []

    await approve(scene, titled=f"{ALL} · waiting for approval")
    await seeing.message(scene.town.releases, titled=f"{ALL} · deployed")
    await rows.ended()
    assert [body["revision"] for body in scene.argocd.received("POST")] == [second.manifest.sha]


async def test_an_earlier_commit_is_deployed_as_it_was(scene: Scene, rows: Rows) -> None:
    before = scene.world.deployment("prod", "ticket-service").image.rpartition(":")[2]
    earlier = scene.world.application("prod").revision
    scene.world.release("prod", "ticket-service")
    scene.world.tick()
    scene.world.operate("prod")
    await scene.world.settle()
    assert scene.world.deployment("prod", "ticket-service").image.rpartition(":")[2] != before

    await ask(scene, service="ticket-service", revision=earlier[:12])
    await approve(scene, titled="ticket-service → prod · waiting for approval")
    await seeing.message(scene.town.releases, titled="ticket-service → prod · deployed")
    await rows.ended()

    [body] = scene.argocd.received("POST")
    assert body["revision"] == earlier
    assert [entry["name"] for entry in body["resources"]] == ["ticket-service"]
    assert {pod.image.rpartition(":")[2] for pod in scene.world.deployment("prod", "ticket-service").pods} == {before}
    offered = await scene.town.people["hyunwoo"].autocomplete(
        scene.town.releases, "deploy", "revision", "", environment="prod"
    )
    assert [choice["value"] for choice in offered] == [earlier]


@pytest.mark.parametrize(
    ("revision", "reason"),
    [
        ("main", "There is no such commit. Pick one from the list, or paste its id."),
        ("0123456789", "There is no such commit. Pick one from the list, or paste its id."),
    ],
    ids=["a branch", "nothing"],
)
async def test_what_is_no_commit_is_refused(scene: Scene, revision: str, reason: str) -> None:
    told = seeing.told(await ask(scene, service="backend", revision=revision))
    assert told[1] == reason
    assert scene.argocd.received("POST") == []


async def test_a_commit_of_another_branch_is_refused(scene: Scene, rows: Rows) -> None:
    elsewhere = scene.world.release("staging", "backend").manifest.sha
    told = seeing.told(await ask(scene, service="backend", revision=elsewhere))
    assert told == (
        "backend → prod · not deployed",
        "The commit is not, or no longer, on the environment's branch, so nothing was deployed.",
    )
    assert scene.argocd.received("POST") == []
