"""A push to production, from the first webhook to the last pod, and what everybody sees of it."""

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.operations import OperationState
from sandbox.pipeline import Ran
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.people import old_copy, reject
from tests.journeys.rows import Rows
from tests.journeys.slowly import slowly

pytestmark = pytest.mark.journey

PLACE = "ticket-service → prod"
PASSING = {f"{PLACE} · {words}" for words in ("started", "preparing", "approved", "rolling out 3/3")}
"""Between two steps: they last as long as the board needs to write them, or less."""


async def push(scene: Scene, *, author: str = "hyunwoo", service: str = "ticket-service") -> Ran:
    """A change on its way to production."""
    return await scene.pipeline.run(service, "prod", author=author, subject="fix: hold a seat")


async def test_one_message_follows_a_push_to_the_last_pod(scene: Scene, rows: Rows) -> None:
    releases = scene.town.releases
    async with slowly(scene, rows) as motion:
        await push(scene)
        await motion.until("prod", lambda: "approval" in seeing.titles(releases)[0])
        [card, _call] = releases.history()
        await scene.town.people["minji"].click(card, label="Approve")
        await rows.quiet()
        await motion.until("prod", lambda: "deployed" in seeing.titles(releases)[0])

    titles = seeing.written(scene, releases, about="release 1")
    assert titles[0] == f"{PLACE} · started"
    assert [title for title in titles if title not in PASSING] == [
        f"{PLACE} · building",
        f"{PLACE} · scanning",
        f"{PLACE} · pushing the image",
        f"{PLACE} · writing the manifest",
        f"{PLACE} · waiting for Argo CD",
        f"{PLACE} · waiting for approval",
        f"{PLACE} · syncing",
        f"{PLACE} · rolling out 0/3",
        f"{PLACE} · rolling out 1/3",
        f"{PLACE} · rolling out 2/3",
        f"{PLACE} · deployed in ⏱",
    ]
    edited = {request.path.rpartition("/")[2] for request in scene.env.http_requests if request.method == "PATCH"}
    assert str(card.id) in edited
    assert releases.history()[0].id == card.id
    assert len(seeing.board(releases)) == 2
    assert seeing.board(scene.town.alerts) == []


async def test_a_waiting_card_has_all_that_an_approver_needs(scene: Scene, rows: Rows) -> None:
    old = scene.world.overlay("prod").tags["ticket-service"]
    ran = await push(scene)
    await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()

    role = scene.town.roles["Release manager"]
    assert seeing.board(scene.town.releases) == [
        seeing.Seen(
            title=f"{PLACE} · waiting for approval",
            text=expected.text(
                expected.change(scene, ran, subject="fix: hold a seat", author="hyunwoo", old=old),
                f"{expected.pipeline(scene, ran)}\n⏳ **Approval** asked by hyunwoo · ends ⏱\n⚪ Sync · Rollout",
                "**Next** **@Release manager** approves or rejects, but not hyunwoo.",
            ),
            buttons=("Approve", "Reject", "Withdraw"),
            links=("Run", "Commit", "Argo CD"),
            footer="operation … · release 1",
        ),
        seeing.Seen(
            title=f"{PLACE} · approval needed",
            text=f"`{ran.tag}` asked by hyunwoo · ends ⏱",
            content=role.mention,
            links=("Open the card",),
            footer="call of operation …",
        ),
    ]
    assert seeing.calls(scene) == [(role.mention, [str(role.id)])]
    [approval] = await rows.approvals()
    assert (approval.state, approval.required, approval.authors) == (
        ApprovalState.PENDING,
        1,
        frozenset({scene.town.people["hyunwoo"].id}),
    )
    assert scene.argocd.received("POST") == []


async def test_an_approved_release_is_synced_once_exactly_as_approved(scene: Scene, rows: Rows) -> None:
    old = scene.world.overlay("prod").tags["ticket-service"]
    ran = await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    # Another service moves the branch on; what was approved is what is synced all the same.
    later = await push(scene, service="backend")
    other = await seeing.message(scene.town.releases, titled="backend → prod · waiting for approval")
    assert ran.manifest is not None
    assert later.manifest is not None
    assert scene.world.git.head("main") == later.manifest

    result = await scene.town.people["jisoo"].click(card, label="Approve")
    assert seeing.told(result) == (f"{PLACE} · approved", expected.APPROVED)
    await seeing.message(scene.town.releases, titled=f"{PLACE} · deployed")
    await reject(scene.town.people["jisoo"], other, why="Not today.")
    await rows.ended()

    [operation, _other] = await rows.operations()
    assert scene.argocd.received("POST") == [
        expected.order(
            scene,
            ran.manifest.sha,
            operation=operation.id,
            asked="hyunwoo",
            approved="jisoo",
            service="ticket-service",
        )
    ]
    [sync] = scene.world.syncs
    assert (sync.application, sync.revision, sync.resources, sync.info["chatops.request-id"]) == (
        "tiketi-prod",
        ran.manifest.sha,
        ("Deployment/ticket-service",),
        operation.id,
    )
    assert {pod.image.rpartition(":")[2] for pod in scene.world.deployment("prod", "ticket-service").pods} == {ran.tag}
    assert {pod.image.rpartition(":")[2] for pod in scene.world.deployment("prod", "backend").pods} == {old}
    # The call for one service and the card of the other are posted side by side, in either order.
    shown, called = (one for one in seeing.board(scene.town.releases) if one.title.startswith(PLACE))
    assert shown == seeing.Seen(
        title=f"{PLACE} · deployed in ⏱",
        text=expected.text(
            expected.change(scene, ran, subject="fix: hold a seat", author="hyunwoo", old=old),
            f"{expected.pipeline(scene, ran)}\n✅ **Approval** ⏱ · jisoo\n✅ **Sync** ⏱\n✅ **Rollout** ⏱ · 3/3",
        ),
        links=("Run", "Commit", "Argo CD"),
        footer="operation … · release 1",
    )
    assert (called.title, called.content) == (f"{PLACE} · approved by jisoo", "")
    assert operation.state is OperationState.SUCCEEDED
    assert operation.requested_by == scene.town.people["hyunwoo"].id
    jisoo = f"discord:{scene.town.people['jisoo'].id}"
    audit = [entry for entry in await rows.audit() if entry.operation_id == operation.id]
    assert [(entry.actor, entry.action, entry.outcome) for entry in audit] == [
        ("github:hyunwoo", "deploy", "requested"),
        ("chatops", "deploy", "waiting"),
        (jisoo, "gate:approve", "passed"),
        (jisoo, "approve", "granted"),
        ("chatops", "deploy", "dispatching"),
        ("chatops", "deploy", "running"),
        ("chatops", "deploy", "succeeded"),
    ]


async def test_who_may_not_approve_is_told_why_and_who_could(scene: Scene, rows: Rows) -> None:
    await push(scene, author="minji")
    await seeing.message(scene.town.releases, titled="waiting for approval")
    await rows.quiet()
    [card, _call] = scene.town.releases.history()
    people = scene.town.people

    refused = {
        "minji": "You asked for this, or wrote or merged it, so somebody else has to look at it. "
        "prod:approve belongs to **@Release manager**.",
        "hyunwoo": expected.MAY_NOT,
        "sora": expected.MAY_NOT,
        "guest": expected.MAY_NOT,
    }
    for name, reason in refused.items():
        assert seeing.told(await people[name].click(card, label="Approve")) == ("Refused", reason)
    for name in ("hyunwoo", "sora", "guest"):
        assert seeing.told(await people[name].click(card, label="Reject")) == ("Refused", expected.MAY_NOT)
    await rows.quiet()
    assert seeing.seen(card) == seeing.board(scene.town.releases)[0]
    assert seeing.board(scene.town.releases)[0].buttons == ("Approve", "Reject", "Withdraw")
    [approval] = await rows.approvals()
    assert (approval.state, approval.votes) == (ApprovalState.PENDING, ())
    assert scene.argocd.received("POST") == []

    result = await people["jisoo"].click(card, label="Approve")
    assert seeing.told(result) == (f"{PLACE} · approved", expected.APPROVED)
    await seeing.message(scene.town.releases, titled="deployed")
    assert len(scene.world.syncs) == 1


async def test_a_decided_request_answers_who_presses_an_old_copy(scene: Scene, rows: Rows) -> None:
    await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    slow = old_copy(scene, card)
    await scene.town.people["minji"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled="deployed")
    await rows.quiet()

    for label in ("Approve", "Reject"):
        assert seeing.told(await slow.press(scene.town.people["jisoo"], label)) == ("Refused", expected.DECIDED)
    await rows.quiet()
    assert seeing.titles(scene.town.releases)[0] == f"{PLACE} · deployed in ⏱"
    assert len(scene.argocd.received("POST")) == len(scene.world.syncs) == 1


async def test_a_rejected_release_is_not_deployed(scene: Scene, rows: Rows) -> None:
    old = scene.world.overlay("prod").tags["ticket-service"]
    ran = await push(scene)
    card = await seeing.message(scene.town.releases, titled="waiting for approval")
    slow = old_copy(scene, card)

    result = await reject(scene.town.people["minji"], card, why="*Seats* are sold twice: see #42.")
    assert seeing.told(result) == (f"{PLACE} · rejected", "Nothing will be deployed.")
    await rows.quiet()
    await scene.world.settle()

    assert seeing.board(scene.town.releases) == [
        seeing.Seen(
            title=f"{PLACE} · rejected by minji",
            text=expected.text(
                expected.change(scene, ran, subject="fix: hold a seat", author="hyunwoo", old=old),
                f"{expected.pipeline(scene, ran)}\n❌ **Approval** ⏱ · rejected by minji: "
                r"\*Seats\* are sold twice: see \#42.",
                "**Next** `/deploy environment:prod service:ticket-service` asks again.",
            ),
            links=("Run", "Commit", "Argo CD"),
            footer="operation … · release 1",
        ),
        seeing.Seen(
            title=f"{PLACE} · rejected by minji",
            text=f"`{ran.tag}` asked by hyunwoo",
            links=("Open the card",),
            footer="call of operation …",
        ),
    ]
    assert seeing.told(await slow.press(scene.town.people["jisoo"], "Approve")) == ("Refused", expected.DECIDED)
    assert scene.argocd.received("POST") == []
    assert scene.world.syncs == []
    [operation] = await rows.operations()
    assert operation.state is OperationState.REJECTED
