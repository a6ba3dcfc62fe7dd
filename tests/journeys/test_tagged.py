"""/deploy of a chosen tag, from chat: shown, approved, committed once, deployed; and what is refused or left alone."""

import pytest
from simcord.results import InteractionResult

from bot.domain import rollouts
from bot.domain.events import ApplicationObserved
from bot.domain.operations import OperationState
from bot.domain.reasons import SENTENCES, Reason
from sandbox.deployments import Breakage
from sandbox.scene import Scene
from tests.journeys import expected, seeing
from tests.journeys.rows import NEVER, Rows

pytestmark = pytest.mark.journey

TICKETS = "ticket-service"
PLACE = "ticket-service → prod"


async def ask(
    scene: Scene, tag: str, *, who: str = "hyunwoo", environment: str = "prod", **more: str
) -> InteractionResult:
    """Somebody uses /deploy with a tag."""
    person = scene.town.people[who]
    options = {"environment": environment, "service": TICKETS, "tag": tag, **more}
    return await person.slash(scene.town.releases, "deploy", **options)


async def newer(scene: Scene, environment: str = "prod") -> str:
    """Something newer was deployed; the tag of what ran before it."""
    before = scene.world.overlay(environment).tags[TICKETS]
    scene.world.release(environment, TICKETS, login="sora")
    await scene.world.settle()
    if environment == "prod":
        scene.world.operate("prod")
        await scene.world.settle()
    return before


async def test_an_earlier_image_comes_back_after_approval(scene: Scene, rows: Rows) -> None:
    earlier = await newer(scene)
    running, tip = scene.world.overlay("prod").tags[TICKETS], scene.world.git.head("main")
    image = scene.world.images.find("tiketi-ticket-service", earlier)
    told = await ask(scene, earlier)
    assert seeing.told(told) == (f"{PLACE} · waiting for approval", "**@Release manager** decides on its card.")
    waiting = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    await rows.quiet()
    url = f"{scene.github.url}/ORGANIZATION/project-ticketing/commit"
    assert seeing.seen(waiting).text == seeing.GAP.join(
        (
            f"**ticket-service** `{running}` →\n`{earlier}`{expected.behind(image)}\n"
            f"1 object at [{tip.sha[:7]}]({url}/{tip.sha})",
            seeing.seen(waiting).text.split(seeing.GAP)[1],
            "⏳ **Approval** asked by hyunwoo · ends ⏱\n⚪ Manifest · Sync · Rollout",
            "**Next** **@Release manager** approves or rejects, but not minji or hyunwoo.",
        )
    )
    assert seeing.seen(waiting).text.split(seeing.GAP)[1].startswith("**[Undoes 2 commits](")
    assert scene.world.git.head("main") == tip

    await scene.town.people["jisoo"].click(waiting, label="Approve")
    done = await seeing.message(scene.town.releases, titled=f"{PLACE} · deployed in")
    await rows.ended()
    commit = scene.world.git.head("main")
    assert (commit.parents, scene.world.overlay("prod").tags[TICKETS]) == ((tip.sha,), earlier)
    assert commit.message.splitlines()[-1] == "Approved-by: jisoo"
    assert f"✅ **Manifest** [{commit.sha[:7]}]({url}/{commit.sha})" in seeing.seen(done).text
    assert [sync.revision for sync in scene.world.syncs if sync.info] == [commit.sha]
    assert {pod.image.rpartition(":")[2] for pod in scene.world.deployment("prod", TICKETS).pods} == {earlier}


async def test_on_staging_the_commit_is_enough_and_asks_nobody(scene: Scene, rows: Rows) -> None:
    earlier = await newer(scene, "staging")
    await ask(scene, earlier, environment="staging")
    await seeing.message(scene.town.releases, titled="ticket-service → staging · deployed in")
    await rows.ended()
    [operation] = [one for one in await rows.operations() if one.environment == "staging"]
    assert (operation.state, operation.written) == (OperationState.SUCCEEDED, scene.world.git.head("develop").sha)
    assert scene.world.overlay("staging").tags[TICKETS] == earlier
    assert scene.argocd.received("POST") == []


async def test_an_image_of_another_branch_is_shown_as_one(scene: Scene, rows: Rows) -> None:
    other = scene.world.release("staging", TICKETS, login="sora").tag
    await scene.world.settle()
    await ask(scene, other)
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    assert seeing.seen(card).text.startswith(
        "⚠️ **Not on `main`**: the commit behind this image is on another branch only."
    )


@pytest.mark.parametrize(
    ("tag", "more", "reason"),
    [
        ("0000000-20260105-143022", {}, Reason.TAG_UNKNOWN),
        ("latest", {}, Reason.UNTRACEABLE_IMAGE),
        ("0000000-20260105-143022", {"service": "all"}, Reason.TAG_OF_ONE_SERVICE),
        ("0000000-20260105-143022", {"revision": "0000000"}, Reason.TAG_OF_ONE_SERVICE),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_the_reason(
    scene: Scene, rows: Rows, tag: str, more: dict[str, str], reason: Reason
) -> None:
    tip = scene.world.git.head("main")
    assert seeing.told(await ask(scene, tag, **more))[1] == SENTENCES[reason]
    assert scene.world.git.head("main") == tip


def runs(read: ApplicationObserved, tag: str) -> bool:
    """Whether the Deployment of ticket-service has an image of this tag."""
    workload = read.workload(TICKETS)
    return workload is not None and workload.live is not None and workload.live.tag == tag


def deployed(read: ApplicationObserved) -> bool:
    """Whether all pods of ticket-service run that image, healthy."""
    workload = read.workload(TICKETS)
    image = workload.live if workload else None
    fresh = read.health_is_fresh
    return (
        workload is not None
        and image is not None
        and rollouts.is_deployed(workload, image=image, health_is_fresh=fresh)
    )


async def promote(scene: Scene, who: str = "hyunwoo", **options: str) -> InteractionResult:
    """Somebody uses /promote."""
    return await scene.town.people[who].slash(scene.town.releases, "promote", service=TICKETS, **options)


async def test_what_staging_runs_becomes_productions(scene: Scene, rows: Rows) -> None:
    released = scene.world.release("staging", TICKETS, login="sora")
    await scene.world.settle()
    await rows.shows("staging", lambda read: runs(read, released.tag) and deployed(read))
    told = await promote(scene)
    assert seeing.told(told)[0] == f"{PLACE} · waiting for approval"
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    text = seeing.seen(card).text
    assert f"→\n`{released.tag}`" in text
    assert "asked by hyunwoo, from staging" in text
    assert " in" in text.split(seeing.GAP)[2]
    await scene.town.people["jisoo"].click(card, label="Approve")
    await seeing.message(scene.town.releases, titled=f"{PLACE} · deployed in")
    await rows.ended()
    assert scene.world.overlay("prod").tags[TICKETS] == released.tag
    [operation] = [one for one in await rows.operations() if one.environment == "prod"]
    assert (operation.tag, operation.promoted_from) == (released.tag, "staging")


async def test_what_is_not_proven_is_not_promoted(scene: Scene, rows: Rows) -> None:
    released = scene.world.release("staging", TICKETS, login="sora")
    scene.world.breakages[released.tag] = Breakage()
    await scene.world.settle()
    await rows.shows("staging", lambda read: runs(read, released.tag))
    title, reason = seeing.told(await promote(scene))
    assert title == "Refused"
    assert reason.startswith(SENTENCES[Reason.NOT_PROVEN])
    assert seeing.told(await promote(scene, **{"from": "prod", "to": "prod"}))[1] == SENTENCES[Reason.SAME_PLACE]
    assert await rows.operations() == []


async def test_who_may_not_deploy_there_promotes_nothing(scene: Scene, rows: Rows) -> None:
    await rows.observed("staging", after=NEVER)
    for who in ("sora", "guest"):
        assert seeing.told(await promote(scene, who))[0] == "Refused"
    assert await rows.operations() == []


async def test_who_may_not_deploy_writes_nothing(scene: Scene, rows: Rows) -> None:
    earlier = await newer(scene)
    tip = scene.world.git.head("main")
    assert seeing.told(await ask(scene, earlier, who="sora"))[0] == "Refused"
    assert scene.world.git.head("main") == tip
    assert await rows.operations() == []


async def test_a_protected_branch_is_honoured_and_said(scene: Scene, rows: Rows) -> None:
    earlier = await newer(scene)
    tip = scene.world.git.head("main")
    scene.github.faults.protected["main"] = (409, "Changes must be made through a pull request.")
    await ask(scene, earlier)
    waiting = await seeing.message(scene.town.releases, titled=f"{PLACE} · waiting for approval")
    await scene.town.people["jisoo"].click(waiting, label="Approve")
    card = await seeing.message(scene.town.releases, titled=f"{PLACE} · not deployed")
    assert SENTENCES[Reason.BRANCH_PROTECTED] in seeing.seen(card).text
    assert scene.world.git.head("main") == tip


async def test_the_newest_tags_are_offered_to_who_may_look(scene: Scene, rows: Rows) -> None:
    tag = scene.world.release("prod", TICKETS).tag
    await rows.observed("prod", after=NEVER)
    for who, offered in (("hyunwoo", tag), ("guest", None)):
        found = await scene.town.people[who].autocomplete(
            scene.town.releases, "deploy", "tag", "", environment="prod", service=TICKETS
        )
        assert (found[0]["value"] if found else None) == offered
