"""A deploy of a chosen tag: what is consented to, the one commit, and the sync or what takes its place."""

from dataclasses import replace

import pytest

from bot.domain.catalog import Catalog
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason, Refused
from bot.services import approvals
from bot.storage import operations as rows
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot
from tests.services.outside import Interrupted, Outside
from tests.services.tagging import asked

FILE = "k8s/overlays/{}/kustomization.yaml"


def text(world: World, environment: str = "prod") -> str:
    """The overlay as it is at the tip of the environment's branch."""
    branch = world.topology.environments[environment].branch
    return world.git.head(branch).tree[FILE.format(environment)]


async def test_the_whole_road_of_a_tag_to_production(bot: Bot, world: World, argocd: Interrupted, earlier: str) -> None:
    before, tip, running = text(world), world.git.head("main"), world.overlay("prod").tags[TICKETS]
    waiting = await bot.step(await asked(bot, earlier))
    assert (waiting.state, waiting.off_branch) == (OperationState.WAITING, False)
    assert waiting.content is not None
    [change] = waiting.content.images
    assert (change.old and change.old.tag, change.new and change.new.tag) == (running, earlier)
    assert world.git.head("main") == tip  # nothing is written before somebody has consented

    approved = await bot.approve(waiting, actor=MINJI)
    written = await bot.step(approved)
    commit = world.git.head("main")
    assert (written.state, written.written) == (OperationState.APPROVED, commit.sha)
    assert commit.parents == (tip.sha,)
    assert text(world) == before.replace(running, earlier)
    assert commit.message == (
        f"chatops: Deploy ticket-service {earlier} to prod\n\n"
        f"Chatops-Operation: {waiting.id}\nRequested-by: hyunwoo (Discord {HYUNWOO.id})\nApproved-by: minji"
    )

    ordered = await bot.step(written)
    assert ordered.state is OperationState.RUNNING
    [order] = argocd.received("POST")
    assert (order["revision"], order["resources"]) == (
        commit.sha,
        [{"group": "apps", "kind": "Deployment", "name": TICKETS, "namespace": "tiketi"}],
    )
    done = await bot.followed(ordered)
    assert done.state is OperationState.SUCCEEDED
    assert {pod.image.rpartition(":")[2] for pod in world.deployment("prod", TICKETS).pods} == {earlier}


async def test_where_argocd_syncs_by_itself_the_commit_is_the_order(
    bot: Bot, world: World, argocd: Interrupted
) -> None:
    earlier = world.overlay("staging").tags[TICKETS]
    world.release("staging", TICKETS)
    await world.settle()
    approved = await bot.step(await asked(bot, earlier, environment="staging"))
    assert approved.state is OperationState.APPROVED
    running = await bot.step(approved)
    assert (running.state, running.written) == (OperationState.RUNNING, world.git.head("develop").sha)
    assert world.overlay("staging").tags[TICKETS] == earlier
    done = await bot.followed(running)
    assert (done.state, done.reason) == (OperationState.SUCCEEDED, None)
    assert argocd.received("POST") == []


async def test_a_rejected_tag_is_not_written(bot: Bot, world: World, earlier: str) -> None:
    tip = world.git.head("main")
    waiting = await bot.step(await asked(bot, earlier))
    await bot.observer.observe(bot.catalog.environments["prod"])
    assert (await bot.operation(waiting.id)).state is OperationState.WAITING  # Git asks for another, as it must
    await approvals.reject(bot.database, waiting.id, actor=MINJI, why="not now", now=bot.clock())
    assert (await bot.operation(waiting.id)).state is OperationState.REJECTED
    assert world.git.head("main") == tip


async def test_nobody_consents_to_the_tag_that_they_wrote(bot: Bot, world: World, catalog: Catalog) -> None:
    world.release("prod", TICKETS, login="hyunwoo")
    world.tick()
    world.operate("prod")
    await world.settle()
    mine = world.overlay("prod").tags[TICKETS]
    world.release("prod", TICKETS, login="sora")
    world.tick()
    world.operate("prod")
    await world.settle()
    waiting = await bot.step(await asked(bot, mine))
    with pytest.raises(Refused) as refused:
        await approvals.grant(bot.database, waiting.id, actor=HYUNWOO, now=bot.clock())
    assert refused.value.reason is Reason.OWN_REQUEST
    assert (await bot.approve(waiting, actor=SORA)).state is OperationState.APPROVED


@pytest.mark.parametrize(
    ("tag", "service", "reason"),
    [
        ("0000000-20260105-143022", TICKETS, Reason.TAG_UNKNOWN),
        ("latest", TICKETS, Reason.UNTRACEABLE_IMAGE),
        ("0000000-20260105-143022", None, Reason.TAG_OF_ONE_SERVICE),
    ],
)
async def test_what_is_no_tag_of_the_service_is_refused(
    bot: Bot, world: World, tag: str, service: str | None, reason: Reason
) -> None:
    tip = world.git.head("main")
    try:
        told = (await bot.step(await asked(bot, tag, service=service))).reason
    except Refused as refused:
        told = refused.reason
    assert told is reason
    assert world.git.head("main") == tip


async def test_the_tag_that_git_asks_for_is_not_written_again(bot: Bot, world: World) -> None:
    refused = await bot.step(await asked(bot, world.overlay("prod").tags[TICKETS]))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.TAG_ASKED_FOR)


async def test_another_services_tag_is_not_this_ones(bot: Bot, world: World) -> None:
    other = world.release("prod", "backend").tag
    refused = await bot.step(await asked(bot, other))
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.TAG_UNKNOWN)


async def test_a_tag_of_another_branch_says_so(bot: Bot, world: World) -> None:
    released = world.release("staging", TICKETS)
    waiting = await bot.step(await asked(bot, released.tag))
    assert (waiting.state, waiting.off_branch) == (OperationState.WAITING, True)


async def test_what_changed_since_the_consent_is_not_written(bot: Bot, world: World, earlier: str) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    overlay = world.overlay("prod")
    config = {**overlay.config, TICKETS: {"LOG_LEVEL": "debug"}}
    world.commit_overlay("prod", replace(overlay, config=config), message="logs", login="minji")
    tip = world.git.head("main")
    moved = await bot.step(approved)
    assert (moved.state, moved.reason) == (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)
    assert world.git.head("main") == tip
    again = await bot.step((await bot.operations())[-1])
    assert (again.state, again.tag, again.before) == (OperationState.WAITING, earlier, approved.content)


async def test_other_services_may_move_on_meanwhile(bot: Bot, world: World, earlier: str) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    world.release("prod", "backend")
    written = await bot.step(approved)
    assert written.written == world.git.head("main").sha
    world.release("prod", "auth-service")
    ordered = await bot.step(written)
    done = await bot.followed(ordered)
    assert done.state is OperationState.SUCCEEDED
    assert world.syncs[-1].revision == written.written


async def test_a_closed_window_writes_nothing(bot: Bot, world: World, earlier: str) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    world.application("prod").faults.window_closed = True
    tip = world.git.head("main")
    refused = await bot.step(approved)
    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.WINDOW_CLOSED)
    assert world.git.head("main") == tip


@pytest.mark.parametrize("fault", ["writes_unanswered", "writes_cut", "writes_lost", "writes_busy"])
async def test_one_commit_whatever_github_answers(
    bot: Bot, outside: Outside, world: World, earlier: str, fault: str
) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    tip = world.git.head("main")
    setattr(outside.github.faults, fault, 1)
    written = await bot.step(approved)
    assert written.written == world.git.head("main").sha
    assert world.git.head("main").parents == (tip.sha,)


async def test_a_commit_before_a_crash_is_found_and_not_made_again(bot: Bot, world: World, earlier: str) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    first = await bot.step(approved)
    async with bot.database.transaction() as connection:  # as the row was before the step that died
        assert await rows.save(connection, approved, expected=OperationState.APPROVED)
    again = await bot.step(approved)
    assert again.written == first.written == world.git.head("main").sha


async def test_argocd_that_has_not_noticed_the_commit_is_waited_for(
    bot: Bot, world: World, argocd: Interrupted, earlier: str
) -> None:
    written = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
    argocd.faults.refresh_expires = True
    waiting = await bot.step(written)
    assert (waiting.state, waiting.reason) == (OperationState.APPROVED, Reason.REFRESH_TIMED_OUT)
    argocd.faults.refresh_expires = False
    assert (await bot.step(waiting)).state is OperationState.RUNNING


async def test_a_registry_that_is_away_is_waited_for(bot: Bot, outside: Outside, earlier: str) -> None:
    outside.registry.faults.status = 503
    waiting = await bot.step(await asked(bot, earlier))
    assert (waiting.state, waiting.reason) == (OperationState.REQUESTED, Reason.REGISTRY_UNREACHABLE)
    outside.registry.faults.status = None
    assert (await bot.step(waiting)).state is OperationState.WAITING


@pytest.mark.parametrize("fault", ["writes_unanswered", "writes_lost"])
async def test_a_github_that_answers_no_write_is_looked_at_until_it_does(
    bot: Bot, outside: Outside, world: World, earlier: str, fault: str
) -> None:
    approved = await bot.approve(await bot.step(await asked(bot, earlier)))
    tip = world.git.head("main")
    outside.github.faults.failures = 99
    waiting = await bot.step(approved)
    assert (waiting.state, waiting.reason) == (OperationState.APPROVED, Reason.GITHUB_UNREACHABLE)
    outside.github.faults.failures = 0
    setattr(outside.github.faults, fault, 2)
    written = await bot.step(waiting)
    assert world.git.head("main").parents == (tip.sha,)
    assert written.written == world.git.head("main").sha
