"""What a deploy would do, put before people: the whole road once, and everything that refuses at its beginning."""

import dataclasses
from datetime import timedelta

import pytest

from bot.domain.approvals import ApprovalState
from bot.domain.catalog import Catalog
from bot.domain.contents import Content, ImageChange, Resource
from bot.domain.images import Image
from bot.domain.operations import OperationState
from bot.domain.reasons import Reason, Refused
from bot.domain.releases import ReleaseState, state
from bot.services import operations
from sandbox.argocd import Argocd
from sandbox.github import Github
from sandbox.registry import Registry
from sandbox.world import World
from tests.services.house import HYUNWOO, MINJI, SORA, TICKETS, Bot, bot_in, requiring
from tests.services.outside import Interrupted, Outside

DEPLOYMENT = Resource(group="apps", kind="Deployment", namespace="tiketi", name=TICKETS)


@pytest.mark.journey
async def test_the_whole_road_leaves_exactly_this(bot: Bot, world: World, argocd: Interrupted) -> None:
    old = world.deployment("prod", TICKETS).image
    released = world.release("prod", TICKETS)

    asked = await bot.request(HYUNWOO)
    waiting = await bot.step(asked)
    approved = await bot.approve(waiting, actor=MINJI)
    running = await bot.step(approved)
    await world.settle()
    done = await bot.step(running)

    repository, _, tag = old.rpartition(":")
    assert waiting.content is not None
    assert waiting.content == Content(
        uid=world.application("prod").uid,
        revision=released.manifest.sha,
        source_digest=waiting.content.source_digest,
        images=(
            ImageChange(
                service=TICKETS,
                old=Image(repository=repository, tag=tag),
                new=Image(repository=repository, tag=released.tag),
                digest=released.image.digest,
            ),
        ),
        resources=(DEPLOYMENT,),
        diff_digest=waiting.content.diff_digest,
    )
    assert [one.state for one in (asked, waiting, approved, running, done)] == [
        OperationState.REQUESTED,
        OperationState.WAITING,
        OperationState.APPROVED,
        OperationState.RUNNING,
        OperationState.SUCCEEDED,
    ]
    assert argocd.received("POST") == [
        {
            "project": "tiketi",
            "revision": released.manifest.sha,
            "prune": False,
            "dryRun": False,
            "strategy": {"hook": {"force": False}},
            "resources": [{"group": "apps", "kind": "Deployment", "name": TICKETS, "namespace": "tiketi"}],
            "retryStrategy": {"limit": 0},
            "infos": [
                {"name": "chatops.request-id", "value": asked.id},
                {"name": "chatops.requested-by", "value": "discord:21"},
                {"name": "chatops.approved-by", "value": "discord:22"},
            ],
        }
    ]
    (row,) = await bot.table("operations")
    assert (row["kind"], row["environment"], row["service"], row["once"]) == ("deploy", "prod", TICKETS, None)
    assert (row["state"], row["target"], row["release_id"]) == ("succeeded", None, 1)
    (row,) = await bot.table("approvals")
    assert (row["id"], row["operation_id"], row["state"]) == (asked.id, asked.id, "granted")
    assert await bot.audit() == [
        ("discord:21", "deploy", "requested", None),
        ("chatops", "deploy", "waiting", None),
        ("discord:22", "approve", "granted", None),
        ("chatops", "deploy", "dispatching", None),
        ("chatops", "deploy", "running", None),
        ("chatops", "deploy", "succeeded", None),
    ]
    (release,) = await bot.releases()
    assert (release.source_revision, state(release)) == (released.source.sha, ReleaseState.DEPLOYED)


async def test_the_consent_is_bound_to_the_content_and_to_people(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS, login="hyunwoo")

    waiting = await bot.propose(SORA)

    approval = await bot.approval(waiting.id)
    assert waiting.content is not None
    assert (approval.state, approval.required, approval.votes) == (ApprovalState.PENDING, 1, ())
    assert approval.digest == waiting.content.digest
    assert approval.authors == frozenset({SORA.id, HYUNWOO.id})
    assert approval.expires_at - approval.requested_at == timedelta(hours=1)


async def test_somebody_asks_in_vain(bot: Bot) -> None:
    for environment, service, reason in (
        ("qa", TICKETS, Reason.UNKNOWN_ENVIRONMENT),
        ("prod", "mail-service", Reason.UNKNOWN_SERVICE),
        ("staging", TICKETS, Reason.AUTOMATED),
    ):
        with pytest.raises(Refused) as refused:
            await bot.request(environment=environment, service=service)
        assert refused.value.reason is reason

    assert await bot.table("operations") == await bot.table("audit") == []


async def test_one_service_has_one_open_deploy(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    first = await bot.request()

    with pytest.raises(Refused) as refused:
        await bot.request(SORA)
    other = await bot.request(SORA, service="backend")

    assert refused.value.reason is Reason.ALREADY_OPEN
    assert [operation.id for operation in await bot.operations()] == [first.id, other.id]


async def test_nothing_differs(bot: Bot) -> None:
    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.NOTHING_TO_DEPLOY)
    assert await bot.audit() == [
        ("discord:21", "deploy", "requested", None),
        ("chatops", "deploy", "refused", "nothing_to_deploy"),
    ]
    assert await bot.table("approvals") == await bot.table("releases") == []


async def test_argocd_syncs_it_by_itself_whatever_the_topology_says(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    world.application("prod").spec["syncPolicy"]["automated"] = {}

    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.AUTOMATED)


async def test_the_application_is_being_deleted(bot: Bot, world: World) -> None:
    world.release("prod", TICKETS)
    world.application("prod").deleted_at = "2026-08-22T11:59:00Z"

    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.APPLICATION_DELETING)


async def test_argocd_cannot_render_the_manifests(bot: Bot, world: World) -> None:
    world.commit_overlay("prod", "images: {", message="oops", login="minji")

    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.COMPARISON_FAILED)


async def test_the_compared_commit_is_not_on_the_branch(bot: Bot, world: World) -> None:
    place = bot.catalog.environments["prod"]
    lost = world.release("prod", TICKETS)
    world.git.branches["elsewhere"] = lost.manifest.sha
    world.git.force(place.branch, lost.source.parents[0])
    world.application("prod").spec["source"]["targetRevision"] = "elsewhere"

    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.NOT_ON_BRANCH)


def push(world: World, tag: str) -> None:
    """The registry has an image under the tag."""
    world.images.push("tiketi-ticket-service", tags=[tag], revision="e" * 40, at=world.timeline.now())


@pytest.mark.parametrize("tag", ["latest", "0123456-20260822-120000"])
async def test_the_image_names_no_commit(bot: Bot, world: World, tag: str) -> None:
    push(world, tag)
    world.commit_tag(TICKETS, "prod", tag=tag)

    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.UNTRACEABLE_IMAGE)


async def test_the_tag_names_a_branch_and_no_commit(bot: Bot, world: World) -> None:
    world.git.branches["abcdef0"] = world.git.head("main").sha
    push(world, "abcdef0-20260822-120000")
    world.commit_tag(TICKETS, "prod", tag="abcdef0-20260822-120000")

    refused = await bot.propose()

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.UNTRACEABLE_IMAGE)


async def test_github_is_away_for_a_while(bot: Bot, world: World, outside: Outside) -> None:
    world.release("prod", TICKETS)
    outside.github.faults.status = 503

    operation = await bot.request()
    for _ in range(3):
        operation = await bot.step(operation)
        assert (operation.state, operation.reason) == (OperationState.REQUESTED, Reason.GITHUB_UNREACHABLE)
    outside.github.faults.status = None
    operation = await bot.step(operation)

    assert (operation.state, operation.reason, operation.deadline) == (OperationState.WAITING, None, None)


@pytest.mark.parametrize("system", ["github", "argocd", "registry"])
async def test_a_system_is_away_for_too_long(bot: Bot, world: World, outside: Outside, system: str) -> None:
    world.release("prod", TICKETS)
    server: Github | Argocd | Registry = getattr(outside, system)
    server.faults.status = 503

    operation = await bot.request()
    for minutes in (0, 14, 1):
        assert operation.state is OperationState.REQUESTED
        bot.clock.advance(timedelta(minutes=minutes))
        operation = await bot.step(operation)

    assert (operation.state, operation.reason) == (OperationState.REFUSED, Reason(f"{system}_unreachable"))


async def test_the_place_has_left_the_topology(bot: Bot, outside: Outside, world: World, database_url: str) -> None:
    world.release("prod", TICKETS)
    asked = await bot.request()
    fewer = {name: place for name, place in bot.catalog.environments.items() if name != "prod"}
    catalog = dataclasses.replace(bot.catalog, environments=fewer)

    async with bot_in(outside, database_url, catalog=catalog) as later:
        refused = await later.step(asked)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.UNKNOWN_ENVIRONMENT)


async def test_nobody_has_to_consent(outside: Outside, world: World, database_url: str, catalog: Catalog) -> None:
    async with bot_in(outside, database_url, catalog=requiring(catalog, 0)) as bot:
        await bot.committed(world.release("prod", TICKETS))
        world.tick()

        await bot.observer.observe(bot.catalog.environments["prod"])
        assert [state(release) for release in await bot.releases()] == [ReleaseState.PENDING]
        assert await bot.table("operations") == []  # Where nobody consents, a person still has to ask.
        running = await bot.step(await bot.propose())
        done = await bot.followed(running)

        assert done.state is OperationState.SUCCEEDED
        assert await bot.table("approvals") == []
        (body,) = outside.argocd.received("POST")
        assert [entry["name"] for entry in body["infos"]] == ["chatops.request-id", "chatops.requested-by"]


async def test_two_people_have_to_consent(outside: Outside, world: World, database_url: str, catalog: Catalog) -> None:
    async with bot_in(outside, database_url, catalog=requiring(catalog, 2)) as bot:
        world.release("prod", TICKETS)
        waiting = await bot.propose()

        once = await bot.approve(waiting, actor=MINJI)
        twice = await bot.approve(waiting, actor=SORA)

        assert [once.state, twice.state] == [OperationState.WAITING, OperationState.APPROVED]
        assert [vote.person for vote in (await bot.approval(waiting.id)).votes] == [MINJI.id, SORA.id]
        await bot.step(twice)
        (body,) = outside.argocd.received("POST")
        assert {"name": "chatops.approved-by", "value": "discord:22,discord:23"} in body["infos"]


async def test_a_change_of_configuration_alone_is_a_deploy_too(bot: Bot, world: World, argocd: Interrupted) -> None:
    overlay = world.overlay("prod")
    changed = dataclasses.replace(overlay, config={**overlay.config, TICKETS: {"LOG_LEVEL": "debug"}})
    world.commit_overlay("prod", changed, message="chore: more logs", login="minji")

    done = await bot.followed(await bot.running())

    assert done.state is OperationState.SUCCEEDED
    assert done.content is not None
    assert [change.old == change.new for change in done.content.images] == [True]
    assert [entry["kind"] for entry in argocd.received("POST")[0]["resources"]] == ["ConfigMap", "Deployment"]


async def test_waiting_for_an_end_that_does_not_come(bot: Bot) -> None:
    asked = await bot.request()

    same = await operations.ended(bot.database, asked.id, states=frozenset(), seconds=0)
    with pytest.raises(LookupError):
        await operations.ended(bot.database, "0" * 24, states=frozenset(), seconds=0)

    assert same == asked
