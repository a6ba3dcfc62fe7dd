"""/rollback and Roll back, from chat: the plan, each of the three ways to its end, and what is refused."""

import re

import discord
import pytest
from simcord.results import InteractionResult

from bot.domain.operations import OperationState
from bot.domain.reasons import SENTENCES, Reason
from bot.topology import Topology
from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.rows import Rows
from tests.journeys.waiting import until

pytestmark = pytest.mark.journey

TICKETS = "ticket-service"
PLACE = "ticket-service → prod"
PLAN = f"⏪ {PLACE} · roll back?"
WHY = "payments fail since **02:10**"


async def plan(scene: Scene, who: str = "hyunwoo", **options: str) -> InteractionResult:
    """Somebody uses /rollback."""
    options = {"environment": "prod", "service": TICKETS, **options}
    return await scene.town.people[who].slash(scene.town.releases, "rollback", **options)


async def choose(
    scene: Scene, shown: InteractionResult, way: str, *, who: str = "hyunwoo", **typed: str
) -> InteractionResult:
    """Somebody presses one of the ways, says why, and sends the form."""
    assert shown.response is not None
    person = scene.town.people[who]
    form = await person.click(shown.response.message, label=way)
    return await person.submit_modal(form, {"reason": WHY, **typed})


async def deployed(scene: Scene, rows: Rows, service: str = TICKETS) -> str:
    """A new release of prod that was asked for, approved and deployed from chat; its tag."""
    released = scene.world.release("prod", service, login="sora")
    await scene.world.settle()
    await scene.town.people["hyunwoo"].slash(scene.town.releases, "deploy", environment="prod", service=service)
    card = await seeing.message(scene.town.releases, titled=f"{service} → prod · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await rows.ended()
    await rows.quiet()
    return released.tag


async def approved(scene: Scene, rows: Rows, *, rollback: str = "⏪") -> discord.Message:
    """The card of the rollback that waits, once jisoo has approved it and it has ended."""
    card = await seeing.message(scene.town.releases, titled=f"{rollback} {PLACE} · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await rows.ended()
    return card


def running(scene: Scene, service: str = TICKETS) -> set[str]:
    """The tags that pods of prod run."""
    return {pod.image.rpartition(":")[2] for pod in scene.world.deployment("prod", service).pods}


async def test_the_previous_tag_comes_back_and_every_card_says_so(scene: Scene, rows: Rows) -> None:
    first, second = await deployed(scene, rows), await deployed(scene, rows)
    shown = await plan(scene)
    answer = seeing.answer(shown)
    assert (answer.title, answer.buttons) == (PLAN, ("Previous tag", "git revert"))
    now, to, ways = answer.text.split(seeing.GAP)[:3]
    assert now == f"**Runs** `{second}`"
    assert to.splitlines()[0] == f"**To** `{first}`"
    assert to.splitlines()[2].startswith("**[Undoes 2 commits](")
    assert to.splitlines()[3] == "• fix: seats by sora"
    assert ways.splitlines()[0] == (
        "👉 **Previous tag** (recommended) writes one line in Git and syncs this service alone."
    )
    assert ways.splitlines()[2].startswith(
        "⛔ **Argo CD rollback** Argo CD no longer has an entry of its history with it."
    )
    tip = scene.world.git.head("main")

    told = await choose(scene, shown, "Previous tag")

    assert seeing.told(told)[0] == f"{PLACE} · waiting for approval"
    waiting = await seeing.message(scene.town.releases, titled=f"⏪ {PLACE} · waiting for approval")
    text = seeing.seen(waiting).text.split(seeing.GAP)
    assert text[0] == "**Why** payments fail since \\*\\*02:10\\*\\*\n**How** by writing its earlier tag"
    assert text[1].startswith(f"**ticket-service** `{second}` →\n`{first}`")
    assert scene.world.git.head("main") == tip
    await approved(scene, rows)
    await seeing.message(scene.town.releases, titled=f"⏪ {PLACE} · rolled back in")
    await rows.quiet()
    title = f"{PLACE} · rolled back by hyunwoo"
    [gone] = [shown for shown in seeing.board(scene.town.releases) if shown.title == title]
    assert "**Next** Fix it, and push again: payments fail since \\*\\*02:10\\*\\*" in gone.text
    assert running(scene) == {first}
    commit = scene.world.git.head("main")
    assert commit.parents == (tip.sha,)
    assert commit.message.splitlines()[-1] == "Reason: payments fail since 02 10"
    locked = await seeing.message(scene.town.releases, titled=f"🔒 {PLACE} · locked by hyunwoo")
    assert seeing.seen(locked).text.startswith("payments fail since \\*\\*02:10\\*\\*\nSince ⏱")
    scene.world.release("prod", TICKETS, login="sora")
    deploy = await scene.town.people["minji"].slash(scene.town.releases, "deploy", environment="prod", service=TICKETS)
    assert seeing.told(deploy)[1].startswith(SENTENCES[Reason.LOCKED])


async def test_git_revert_is_seen_in_git(scene: Scene, rows: Rows) -> None:
    first, second = await deployed(scene, rows), await deployed(scene, rows)
    scene.world.release("prod", "backend", login="sora")
    await scene.world.settle()
    reverted = next(one for one in scene.world.git.history("main") if f"{TICKETS} {second}" in one.message)
    await choose(scene, await plan(scene), "git revert")
    card = await seeing.message(scene.town.releases, titled=f"⏪ {PLACE} · waiting for approval")
    assert f"**How** by reverting [{reverted.sha[:7]}](" in seeing.seen(card).text
    await approved(scene, rows)
    await seeing.message(scene.town.releases, titled=f"⏪ {PLACE} · rolled back in")
    assert f"This reverts commit {reverted.sha}." in scene.world.git.head("main").message
    assert running(scene) == {first}
    assert scene.world.overlay("prod").tags[TICKETS] == first


async def test_argocds_rollback_stays_open_until_git_agrees(scene: Scene, rows: Rows) -> None:
    first = await deployed(scene, rows)
    scene.world.operate("prod")
    await scene.world.settle()
    await deployed(scene, rows)
    shown = await plan(scene)
    assert seeing.answer(shown).buttons == ("Previous tag", "git revert", "Argo CD rollback")
    tip = scene.world.git.head("main")
    await choose(scene, shown, "Argo CD rollback")
    await approved(scene, rows)
    open_ = await seeing.message(scene.town.releases, titled=", Git disagrees")
    assert (running(scene), scene.world.git.head("main")) == ({first}, tip)
    assert (
        f"`/rollback environment:prod service:ticket-service to:{first}` has Git ask for this."
        in seeing.seen(open_).text
    )
    locked = await seeing.message(scene.town.releases, titled="🔒 prod · locked by hyunwoo")
    await until(lambda: "⚠️ **Git still asks for what was rolled back**" in seeing.seen(locked).text)

    await choose(scene, await plan(scene, to=first), "Previous tag")
    await approved(scene, rows)
    await until(lambda: not any("disagrees" in title for title in seeing.titles(scene.town.releases)))
    await until(lambda: not any("Git still asks" in shown.text for shown in seeing.board(scene.town.releases)))
    assert scene.world.overlay("prod").tags[TICKETS] == first
    operations = [one for one in await rows.operations() if one.rollback]
    assert [one.state for one in operations] == [OperationState.SUCCEEDED] * 2
    assert all(one.rollback and one.rollback.agreed_at for one in operations)


async def test_a_failed_rollout_offers_the_way_back_after_a_restart_too(scene: Scene, rows: Rows) -> None:
    first = await deployed(scene, rows)
    released = scene.world.release("prod", TICKETS, login="sora")
    scene.world.breakages[released.tag] = Breakage()
    await scene.world.settle()
    await scene.town.people["hyunwoo"].slash(scene.town.releases, "deploy", environment="prod", service=TICKETS)
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    failed = await seeing.message(scene.town.releases, titled=f"{PLACE} · degraded")
    await rows.ended()
    assert seeing.seen(failed).buttons == ("Roll back",)
    await scene.stop()
    await scene.start()
    shown = await scene.town.people["hyunwoo"].click(failed, label="Roll back")
    assert seeing.answer(shown).title == PLAN
    await choose(scene, shown, "Previous tag")
    await approved(scene, rows)
    assert running(scene) == {first}


async def test_in_an_emergency_one_of_two_approvers_is_enough(scene: Scene, rows: Rows) -> None:
    first, _ = await deployed(scene, rows), await deployed(scene, rows)
    await scene.stop()
    scene.topology = strict(scene.topology)
    await scene.start()
    shown = await plan(scene)
    assert seeing.answer(shown).buttons == ("Previous tag", "git revert", "Emergency: previous tag")
    await choose(scene, shown, "Emergency: previous tag")
    called = await seeing.message(scene.town.releases, titled=f"🚨 roll back {PLACE} · approval needed")
    assert seeing.seen(called).text.splitlines()[0] == "**Why** payments fail since \\*\\*02:10\\*\\*"
    card = await approved(scene, rows, rollback="🚨")
    assert seeing.seen(card).text.startswith("🚨 **Emergency**: one approver is enough.\n**Why** payments fail")
    await seeing.message(scene.town.releases, titled=f"🚨 {PLACE} · rolled back in")
    assert running(scene) == {first}
    assert scene.world.git.head("main").message.splitlines()[-3:] == [
        "Approved-by: jisoo",
        "Emergency: yes",
        "Reason: payments fail since 02 10",
    ]
    past = await scene.town.people["hyunwoo"].slash(scene.town.releases, "history", environment="prod")
    assert "🚨 rolled back: payments fail since \\*\\*02:10\\*\\*" in seeing.told(past)[1]


def strict(topology: Topology) -> Topology:
    """The topology in which two people have to approve for production."""
    prod = topology.environments["prod"]
    assert prod.approval is not None
    two = prod.model_copy(update={"approval": prod.approval.model_copy(update={"required": 2})})
    return topology.model_copy(update={"environments": {**topology.environments, "prod": two}})


async def test_going_back_to_a_rolled_back_release_has_to_be_typed(scene: Scene, rows: Rows) -> None:
    first, second = await deployed(scene, rows), await deployed(scene, rows)
    await choose(scene, await plan(scene), "Previous tag")
    await approved(scene, rows)
    await rows.quiet()
    await scene.town.people["hyunwoo"].slash(scene.town.releases, "unlock", environment="prod", service=TICKETS)
    shown = await plan(scene, to=second)
    assert re.search(r"⚠️ \*\*Was itself rolled back\*\* ⏱ by hyunwoo: payments fail", seeing.answer(shown).text)
    refused = await choose(scene, shown, "Previous tag", word=first[:7])
    assert seeing.told(refused)[1].startswith(SENTENCES[Reason.NOT_CONFIRMED])
    taken = await choose(scene, shown, "Previous tag", word=second[:7])
    assert seeing.told(taken)[0] == f"{PLACE} · waiting for approval"


@pytest.mark.parametrize("who", ["guest", "hyunwoo"])
async def test_who_may_not_roll_back_sees_nothing(scene: Scene, rows: Rows, who: str) -> None:
    await deployed(scene, rows)
    await deployed(scene, rows)
    if who == "hyunwoo":
        assert seeing.answer(await plan(scene, who)).title == PLAN
        return
    _title, text = seeing.told(await plan(scene, who))
    assert text.startswith(SENTENCES[Reason.MISSING_ROLE])
    assert "prod:rollback belongs to" in text


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, Reason.NOTHING_PROVEN),
        ({"service": "nothing"}, Reason.UNKNOWN_SERVICE),
        ({"environment": "nowhere"}, Reason.UNKNOWN_ENVIRONMENT),
    ],
)
async def test_what_cannot_be_planned_says_why(
    scene: Scene, rows: Rows, options: dict[str, str], reason: Reason
) -> None:
    await rows.quiet()
    assert seeing.told(await plan(scene, **options))[1].startswith(SENTENCES[reason])
