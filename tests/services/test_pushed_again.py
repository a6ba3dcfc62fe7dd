"""A tag that is pushed again names another image. Consent is to the image that was behind it, and to no other."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bot.cards import changes
from bot.domain import images
from bot.domain.contents import Content, ImageChange
from bot.domain.images import Image
from bot.domain.operations import Operation, OperationKind, OperationState, Way
from bot.domain.reasons import Reason, Refused
from bot.services import operations
from bot.storage import operations as rows
from sandbox.world import World
from tests.services.house import GRACE, HYUNWOO, TICKETS, Bot
from tests.services.outside import Interrupted, Outside
from tests.services.rolling import begun, ordered, running, seen, two
from tests.services.tagging import asked

REPOSITORY = "tiketi-ticket-service"
CHANGED = (OperationState.SUPERSEDED, Reason.CHANGED_SINCE)


def pushed(world: World, tag: str, *, service: str = TICKETS) -> str:
    """Somebody pushes another image under the tag; its digest."""
    repository = world.topology.services[service].image
    return world.images.push(repository, tags=[tag], revision="e" * 40, at=world.timeline.now()).digest


def behind(operation: Operation) -> dict[str, str | None]:
    """The digests that people consent to, by service."""
    assert operation.content is not None
    return {change.service: change.digest for change in operation.content.images}


def tag_of(operation: Operation) -> str:
    """The tag that ticket-service would run."""
    image = operation.content.image_of(TICKETS) if operation.content else None
    assert image is not None
    return image.tag or ""


async def request_all(bot: Bot) -> Operation:
    """Hyunwoo asks for everything that Git asks for."""
    return await operations.request(
        bot.database,
        kind=OperationKind.DEPLOY,
        environment="prod",
        service=None,
        actor=HYUNWOO,
        catalog=bot.catalog,
        now=bot.clock(),
    )


async def a_deploy(bot: Bot, world: World) -> Operation:
    """What Git asks for, of one service."""
    world.release("prod", TICKETS)
    return await bot.propose()


async def of_all(bot: Bot, world: World) -> Operation:
    """What Git asks for, of two services."""
    world.release("prod", TICKETS)
    world.release("prod", "backend")
    return await bot.step(await request_all(bot))


async def of_a_tag(bot: Bot, world: World) -> Operation:
    """A chosen tag."""
    first, _ = await two(bot, world)
    return await bot.step(await asked(bot, first))


async def by_revert(bot: Bot, world: World) -> Operation:
    """A rollback by git revert."""
    first, _ = await two(bot, world)
    return await ordered(bot, first, Way.REVERT)


async def by_history(bot: Bot, world: World) -> Operation:
    """A rollback by Argo CD's own."""
    first, _ = await two(bot, world)
    return await ordered(bot, first, Way.HISTORY)


ROADS = [a_deploy, of_all, of_a_tag, by_revert, by_history]
Road = Callable[[Bot, World], Awaitable[Operation]]


@pytest.mark.parametrize("road", ROADS)
async def test_a_tag_pushed_again_after_the_consent_is_asked_again(bot: Bot, world: World, road: Road) -> None:
    waiting = await road(bot, world)
    tag, tip, syncs = tag_of(waiting), world.git.head("main"), len(world.syncs)
    old = world.images.find(REPOSITORY, tag)
    assert old is not None
    assert behind(waiting)[TICKETS] == old.digest
    approved = await bot.approve(waiting)
    new = pushed(world, tag)

    gone = await bot.step(approved)
    again = await bot.step((await bot.operations())[-1])

    assert (gone.state, gone.reason) == CHANGED
    assert (world.git.head("main"), len(world.syncs)) == (tip, syncs)
    assert (again.state, again.before, behind(again)[TICKETS]) == (OperationState.WAITING, waiting.content, new)
    assert changes.since(again, catalog=bot.catalog).split("\n")[1:] == [
        f"• **{TICKETS}** the image behind `{tag}` has changed: "
        f"`{images.short_digest(old.digest)}` → `{images.short_digest(new)}`"
    ]
    assert (await bot.approval(again.id)).digest != (await bot.approval(waiting.id)).digest
    done = await bot.followed(await begun(bot, again))
    assert (done.state, running(world)) == (OperationState.SUCCEEDED, {tag})


async def test_every_service_is_asked_about_once_and_no_answer_is_remembered(
    bot: Bot, world: World, outside: Outside
) -> None:
    released = {service: world.release("prod", service) for service in (TICKETS, "backend")}

    def questions() -> list[str]:
        """What the registry was asked since the last time."""
        paths = sorted(request.path for request in outside.registry.requests)
        outside.registry.requests.clear()
        return paths

    questions()
    waiting = await bot.step(await request_all(bot))
    first = questions()
    await bot.step(await bot.approve(waiting))

    assert behind(waiting) == {service: one.image.digest for service, one in released.items()}
    wanted = sorted(
        f"/v2/{world.topology.services[service].image}/manifests/{one.tag}" for service, one in released.items()
    )
    assert (first, questions()) == (wanted, wanted)


async def test_what_the_pipeline_asked_says_which_image_has_changed(bot: Bot, world: World) -> None:
    released = world.release("prod", TICKETS, login="hyunwoo")
    await bot.committed(released)
    await bot.observer.observe(bot.catalog.environments["prod"], refresh="normal")
    [own] = await bot.operations()
    waiting = await bot.step(own)
    assert behind(waiting) == {TICKETS: released.image.digest}
    approved = await bot.approve(waiting)
    pushed(world, released.tag)

    refused = await bot.step(approved)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
    assert refused.detail == f"The image behind the tag of {TICKETS} is not the one that was shown."
    assert world.syncs == []


async def test_a_tag_pushed_again_after_its_commit_is_not_synced(bot: Bot, world: World, earlier: str) -> None:
    written = await bot.step(await bot.approve(await bot.step(await asked(bot, earlier))))
    assert written.written is not None
    syncs = len(world.syncs)
    pushed(world, earlier)

    refused = await bot.step(written)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.CONTENT_CHANGED)
    assert len(world.syncs) == syncs


@pytest.mark.parametrize("after", [False, True], ids=["when asked", "after the consent"])
@pytest.mark.parametrize("road", [a_deploy, of_all])
async def test_an_image_that_is_gone_is_not_deployed(bot: Bot, world: World, road: Road, after: bool) -> None:
    waiting = await road(bot, world)
    if after:
        current = await bot.approve(waiting)
    else:
        current = await bot.request() if road is a_deploy else await request_all(bot)
    world.images.delete(REPOSITORY, tag_of(waiting))

    refused = await bot.step(current)

    assert (refused.state, refused.reason) == (OperationState.REFUSED, Reason.TAG_UNKNOWN)
    assert (refused.detail, world.syncs) == ("" if road is a_deploy else f"({TICKETS})", [])


@pytest.mark.parametrize("after", [False, True], ids=["when asked", "after the consent"])
@pytest.mark.parametrize(
    ("status", "reason"),
    [(503, Reason.REGISTRY_UNREACHABLE), (429, Reason.REGISTRY_BUSY), (403, Reason.REGISTRY_FORBIDDEN)],
)
async def test_a_registry_that_does_not_answer(
    bot: Bot, world: World, outside: Outside, status: int, reason: Reason, after: bool
) -> None:
    world.release("prod", TICKETS)
    current = await (bot.approved() if after else bot.request())
    outside.registry.faults.status = status

    hindered = await bot.step(current)

    assert (hindered.reason, world.syncs) == (reason, [])
    if reason is Reason.REGISTRY_FORBIDDEN:
        assert hindered.state is OperationState.REFUSED
        return
    assert hindered.state is current.state
    outside.registry.faults.status = None
    assert (await bot.step(hindered)).state is (OperationState.RUNNING if after else OperationState.WAITING)


async def test_what_was_approved_before_images_were_looked_up_is_asked_again(bot: Bot, world: World) -> None:
    released = world.release("prod", TICKETS)
    approved = await bot.approved()
    assert approved.content is not None
    older = replace(
        approved,
        content=replace(
            approved.content,
            images=tuple(replace(change, digest=None, index=False) for change in approved.content.images),
        ),
    )
    async with bot.database.transaction() as connection:
        assert await rows.save(connection, older, expected=OperationState.APPROVED)

    gone = await bot.step(older)
    again = await bot.step((await bot.operations())[-1])

    assert (gone.state, gone.reason) == CHANGED
    assert behind(again) == {TICKETS: released.image.digest}
    line = f"the image behind `{released.tag}` was not looked up, and is `{images.short_digest(released.image.digest)}`"
    assert changes.since(again, catalog=bot.catalog).split("\n")[1] == f"• **{TICKETS}** {line}"


async def test_an_order_that_was_lost_is_not_sent_again_for_another_image(
    bot: Bot, world: World, argocd: Interrupted
) -> None:
    released = world.release("prod", TICKETS)
    approved = await bot.approved()
    argocd.faults.sync_lost = True
    lost = await bot.step(approved)
    argocd.faults.sync_lost = False
    assert (lost.state, world.syncs) == (OperationState.DISPATCHING, [])
    pushed(world, released.tag)
    bot.clock.advance(GRACE)

    failed = await bot.step(lost)

    assert (failed.state, failed.reason, world.syncs) == (OperationState.FAILED, Reason.CONTENT_CHANGED, [])


async def test_pods_that_run_another_image_under_the_tag_are_not_deployed(bot: Bot, world: World) -> None:
    released = world.release("prod", TICKETS)
    under_way = await bot.running()
    pushed(world, released.tag)  # before any node pulls it

    failed = await bot.followed(under_way)

    assert running(world) == {released.tag}
    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.WRONG_IMAGE)


async def test_where_argocd_syncs_by_itself_another_image_is_told_too(bot: Bot, world: World) -> None:
    tag = world.overlay("staging").tags[TICKETS]
    world.release("staging", TICKETS)
    await world.settle()
    await seen(bot, "staging")
    approved = await bot.step(await asked(bot, tag, environment="staging"))
    following = await bot.step(approved)
    assert following.state is OperationState.RUNNING
    pushed(world, tag)

    failed = await bot.followed(following)

    assert (failed.state, failed.reason) == (OperationState.FAILED, Reason.WRONG_IMAGE)


async def test_a_digest_in_git_is_the_image_and_another_repository_is_nobodys(bot: Bot, world: World) -> None:
    stored = world.images.push(REPOSITORY, tags=["t"], revision="a" * 40, at=world.timeline.now())
    pushed(world, "t")  # the tag has moved on; Git names the older image all the same
    repository = bot.catalog.image_of(TICKETS)

    async def pinned(image: Image) -> ImageChange:
        content = Content(
            uid="u",
            revision="r",
            source_digest="s",
            images=(ImageChange(service=TICKETS, old=None, new=image),),
            resources=(),
            diff_digest="d",
        )
        [change] = (await bot.deployer.manifests.pinned(content)).images
        return change

    image = Image(repository=repository, tag="t", digest=stored.digest)
    assert await pinned(image) == ImageChange(service=TICKETS, old=None, new=image, digest=stored.digest)
    for wrong, detail in (
        (replace(image, digest="sha256:" + "0" * 64), ""),
        (Image(repository=f"{repository}-2", tag="t"), f"({TICKETS}: it is another repository, {repository}-2)"),
    ):
        with pytest.raises(Refused) as refused:
            await pinned(wrong)
        assert (refused.value.reason, refused.value.detail) == (Reason.TAG_UNKNOWN, detail)
