"""/deploy by hand: the same request on the same card with the same approval, and every way in which it is refused."""

import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.people import reject
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey

SERVICE = "ticket-service"
PLACE = "ticket-service → prod"
MAY_NOT = "You do not have a role that may do this. prod:deploy belongs to **@Developer**, **@Release manager**."


async def ask(
    scene: Scene, who: str, *, environment: str = "prod", service: str = "ticket-service"
) -> InteractionResult:
    """Somebody types the command."""
    return await scene.town.people[who].slash(scene.town.releases, "deploy", environment=environment, service=service)


async def test_a_deploy_by_hand_is_the_same_request(scene: Scene, rows: Rows) -> None:
    old = scene.world.overlay("prod").tags["ticket-service"]
    released = scene.world.release("prod", "ticket-service", login="minji")  # Git asks for it; no run told the bot
    await scene.world.settle()

    result = await ask(scene, "hyunwoo")
    await rows.quiet()

    [card, call] = scene.town.releases.history()
    answer = seeing.answer(result)
    assert answer == seeing.Seen(
        title=f"{PLACE} · waiting for approval",
        text="**@Release manager** decides on the release card.",
        links=("Open the card",),
    )
    url = f"https://discord.com/channels/{scene.town.guild.id}/{scene.town.releases.id}/{card.id}"
    assert result.response is not None
    assert seeing.urls(result.response.message) == seeing.urls(call) == {"Open the card": url}
    web, sha = expected.web(scene), released.source.sha
    change = (
        f"Commit [{sha[:7]}]({web}/commit/{sha})\n"
        f"`{old}` →\n"
        f"`{released.tag}`{expected.behind(released.image)} · [compare]({web}/compare/{old[:7]}...{sha})"
    )
    assert seeing.seen(card) == seeing.Seen(
        title=f"{PLACE} · waiting for approval",
        text=expected.text(
            change,
            "⏳ **Approval** asked by hyunwoo · ends ⏱\n⚪ Sync · Rollout",
            "**Next** **@Release manager** approves or rejects, but not minji or hyunwoo.",
        ),
        buttons=("Approve", "Reject", "Withdraw"),
        links=("Commit", "Argo CD"),
        footer="operation … · release 1",
    )
    assert seeing.calls(scene) == [(call.content, [call.content.strip("<@&>")])]

    for who in ("minji", "hyunwoo"):
        assert seeing.told(await scene.town.people[who].click(card, label="Approve"))[0] == "Refused"
    assert scene.world.syncs == []
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await rows.quiet()

    [operation] = await rows.operations()
    assert scene.argocd.received("POST") == [
        expected.order(
            scene,
            released.manifest.sha,
            operation=operation.id,
            asked="hyunwoo",
            approved="jisoo",
            service="ticket-service",
        )
    ]
    assert len(scene.world.syncs) == 1
    [card, _call] = scene.town.releases.history()
    assert seeing.seen(card) == seeing.Seen(
        title=f"{PLACE} · deployed in ⏱",
        text=expected.text(change, "✅ **Approval** ⏱ · jisoo\n✅ **Sync** ⏱\n✅ **Rollout** ⏱ · 3/3"),
        links=("Commit", "Argo CD"),
        footer="operation … · release 1",
    )


async def test_a_rejected_release_can_be_asked_for_again(scene: Scene, rows: Rows) -> None:
    await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    await reject(scene.town.people["jisoo"], card, why="Not today.")
    await seeing.message(scene.town.releases, titled="rejected")

    assert seeing.told(await ask(scene, "minji"))[0] == f"{PLACE} · waiting for approval"
    again = await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()

    assert again.id == card.id
    assert seeing.titles(scene.town.releases) == [
        f"{PLACE} · waiting for approval",
        f"{PLACE} · rejected by jisoo",
        f"{PLACE} · approval needed",
    ]
    await scene.town.people["jisoo"].click(again, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await rows.ended()
    assert [operation.state for operation in await rows.operations()] == [
        OperationState.REJECTED,
        OperationState.SUCCEEDED,
    ]
    assert len(scene.world.syncs) == 1


async def test_a_withdrawn_release_can_be_asked_for_again(scene: Scene, rows: Rows) -> None:
    people = scene.town.people
    await scene.pipeline.run("ticket-service", "prod", author="hyunwoo", subject="fix: hold a seat")
    card = await seeing.message(scene.town.releases, titled="waiting for approval")

    refused = await people["jisoo"].click(card, label="Withdraw")
    assert seeing.told(refused) == (
        "Refused",
        "Only the person who asked for this can withdraw it; whoever may approve can reject it. "
        "prod:approve belongs to **@Release manager**.",
    )
    result = await people["hyunwoo"].click(card, label="Withdraw")  # The run was his, so the request is.
    assert seeing.told(result) == (f"{PLACE} · withdrawn", "Nothing will be deployed.")
    await seeing.message(scene.town.releases, titled="withdrawn by hyunwoo")
    await rows.quiet()
    after, called = seeing.board(scene.town.releases)
    assert (after.title, called.title) == (f"{PLACE} · withdrawn by hyunwoo",) * 2
    assert after.buttons == ()
    assert "\n⏭️ **Approval** withdrawn by hyunwoo\n" in after.text

    assert seeing.told(await ask(scene, "hyunwoo"))[0] == f"{PLACE} · waiting for approval"
    again = await seeing.message(scene.town.releases, titled="waiting for approval")
    assert again.id == card.id
    await people["jisoo"].click(again, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await rows.ended()
    assert [operation.state for operation in await rows.operations()] == [
        OperationState.WITHDRAWN,
        OperationState.SUCCEEDED,
    ]
    assert len(scene.world.syncs) == 1


@pytest.mark.parametrize(
    ("who", "environment", "service", "title", "reason"),
    [
        (
            "hyunwoo",
            "staging",
            "ticket-service",
            "Refused",
            "Argo CD deploys this environment by itself: push the change, or use `/refresh` to speed it up. "
            "`/deploy environment:staging service:ticket-service tag:` writes it into Git; "
            "`/diff` and `/restart` work here as well.",
        ),
        (
            "hyunwoo",
            "prod",
            "backend",
            "backend → prod · not deployed",
            "Git and the cluster already agree about this service, so there is nothing to deploy.",
        ),
        (
            "hyunwoo",
            "production",
            "ticket-service",
            "Refused",
            "There is no such environment. Pick one from the list that appears as you type.",
        ),
        (
            "hyunwoo",
            "prod",
            "tickets",
            "Refused",
            "There is no such service. Pick one from the list that appears as you type.",
        ),
        ("sora", "prod", "ticket-service", "Refused", MAY_NOT),
        ("guest", "prod", "ticket-service", "Refused", MAY_NOT),
        (
            "guest",
            "staging",
            "ticket-service",
            "Refused",
            MAY_NOT.replace("prod", "staging"),
        ),
    ],
)
async def test_a_deploy_is_refused_with_the_reason(
    scene: Scene, rows: Rows, who: str, environment: str, service: str, title: str, reason: str
) -> None:
    scene.world.release("prod", "ticket-service")
    await scene.world.settle()

    assert seeing.told(await ask(scene, who, environment=environment, service=service)) == (title, reason)
    assert seeing.board(scene.town.releases) == []
    assert [operation.state for operation in await rows.operations() if not operation.state.ended] == []

    # The same order by somebody who may, for a place that waits for people, of something that is new, is taken.
    assert seeing.told(await ask(scene, "hyunwoo"))[0] == f"{PLACE} · waiting for approval"


async def test_one_request_for_a_service_at_a_time(scene: Scene, rows: Rows) -> None:
    scene.world.release("prod", "ticket-service")
    scene.world.release("prod", "backend")
    await scene.world.settle()

    assert seeing.told(await ask(scene, "hyunwoo"))[0] == f"{PLACE} · waiting for approval"
    assert seeing.told(await ask(scene, "minji"))[0] == f"{PLACE} · waiting for approval"
    assert seeing.told(await ask(scene, "minji", service="backend"))[0] == "backend → prod · waiting for approval"
    await rows.quiet()
    assert sorted(seeing.titles(scene.town.releases)) == [
        "backend → prod · approval needed",
        "backend → prod · waiting for approval",
        f"{PLACE} · approval needed",
        f"{PLACE} · superseded by minji",
        f"{PLACE} · waiting for approval",
    ]
