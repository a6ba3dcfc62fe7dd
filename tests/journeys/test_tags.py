"""/tags and /registry check: the registry, Git, the pods and GitHub as one answer, and each of them silent."""

import re
from typing import Any

import pytest
from simcord.results import InteractionResult

from bot.domain.events import ApplicationObserved
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.expected import web
from tests.journeys.looks import NO_ENVIRONMENT, may_not
from tests.journeys.rows import NEVER, Rows
from tests.journeys.seeing import GAP

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("looked")]

SERVICE, REPOSITORY = "ticket-service", "tiketi-ticket-service"
SUBJECT = "fix: hold a seat"
AGREE = "Git, the pods and the registry agree."


async def ask(scene: Scene, command: str = "tags", who: str = "sora", **options: Any) -> InteractionResult:
    """Somebody uses a command."""
    given = {"service": SERVICE, **options} if command == "tags" else options
    return await scene.town.people[who].slash(scene.town.releases, command, **given)


async def told(scene: Scene, command: str = "tags", who: str = "sora", **options: Any) -> tuple[str, list[str]]:
    """Title and paragraphs of the answer; the error id is not."""
    title, text = seeing.told(await ask(scene, command, who, **options))
    return title, text.split(GAP)


def short(scene: Scene, tag: str) -> str:
    """The digest of a tag as cards write it."""
    image = scene.world.images.find(REPOSITORY, tag)
    assert image is not None
    return image.digest[:19]


def first(scene: Scene) -> tuple[str, str]:
    """The tag that everything began with, and its row with who runs it left open."""
    tag = scene.world.overlay("dev").tags[SERVICE]
    sha = scene.world.git.find(tag[:7]).sha
    row = f"`{tag}` ⏱\n{{}}\n[feat: tiketi]({web(scene)}/commit/{sha}) by minji\n`{short(scene, tag)}` · not scanned"
    return tag, row


async def test_all_is_well(scene: Scene) -> None:
    _, row = first(scene)
    assert seeing.answer(await ask(scene)) == seeing.Seen(
        title="ticket-service · 4 tags",
        text=GAP.join(
            (AGREE, f"{row.format('✅ runs in **dev**, **staging**, **prod**')} · `latest` `prod` `staging`")
        ),
        footer="1 image shown · 4 tags",
    )


async def test_a_release_that_waits_is_asked_for_and_does_not_run(scene: Scene, rows: Rows) -> None:
    old, row = first(scene)
    ran = await scene.pipeline.run(SERVICE, "prod", author="hyunwoo", subject=SUBJECT)
    await seeing.message(scene.town.releases, titled="ticket-service → prod · waiting for approval")
    await scene.world.settle()
    await rows.quiet()

    new = (
        f"`{ran.tag}` ⏱\n⏳ asked for in **prod**\n[{SUBJECT}]({web(scene)}/commit/{ran.source.sha}) by hyunwoo\n"
        f"`{short(scene, ran.tag)}` · 0 critical · 2 high · `latest` `prod`"
    )
    drift = f"🟡 **prod** Git asks for `{ran.tag}`, the pods run `{old}`"
    assert await told(scene) == (
        "ticket-service · Git and the pods differ",
        [
            drift,
            new,
            f"{row.format('✅ runs in **dev**, **staging** · ▶️ still runs in **prod**')} · `staging`",
        ],
    )
    assert await told(scene, environment="prod") == (
        "ticket-service → prod · Git and the pods differ",
        [drift, new, f"{row.format('▶️ still runs in **prod**')} · `staging`"],
    )
    staging = seeing.answer(await ask(scene, environment="staging"))
    assert (staging.title, staging.footer) == (
        "ticket-service → staging · 5 tags",
        "1 image shown · 5 tags · 1 of them for other environments",
    )
    assert staging.text == GAP.join((AGREE, f"{row.format('✅ runs in **staging**')} · `staging`"))
    assert not any(request.path.endswith(f"/commits/{ran.source.sha}") for request in scene.github.requests[-10:])


def run_by(read: ApplicationObserved) -> set[str | None]:
    """The tags that pods of the service run."""
    workload = read.workload(SERVICE)
    return {pod.image.tag for pod in workload.pods} if workload else set()


async def test_what_is_gone_or_moved_is_marked(scene: Scene, rows: Rows) -> None:
    old, _ = first(scene)
    released = scene.world.release("prod", SERVICE)
    scene.world.tick()
    scene.world.operate("prod")
    await scene.world.settle()
    await rows.shows("prod", lambda read: run_by(read) == {released.tag})
    stored = scene.world.images.repositories[REPOSITORY]
    stored.tags["prod"] = stored.tags["latest"] = stored.tags[old]  # somebody moved them by hand

    assert (await told(scene))[1][0].splitlines() == [
        f"⚠️ `prod` is `{old}`, but Git asks for `{released.tag}` there",
        f"⚠️ `latest` is `{old}`, but the newest is `{released.tag}`",
    ]


async def test_an_image_that_was_deleted_is_the_worst(scene: Scene) -> None:
    tag, _ = first(scene)
    scene.world.images.delete(REPOSITORY, tag)
    title, paragraphs = await told(scene)
    assert title == "ticket-service · an image is missing"
    assert paragraphs[0].splitlines()[:3] == [
        f"❌ **{name}** runs `{tag}`, which the registry no longer has: no new pod can start"
        for name in ("dev", "staging", "prod")
    ]
    scene.world.images.delete("tiketi-backend", scene.world.overlay("dev").tags["backend"])
    assert (await told(scene, environment="prod", service="backend"))[0] == "backend → prod · an image is missing"


async def test_the_newest_ten_are_shown_and_what_is_used(scene: Scene) -> None:
    tag, _ = first(scene)
    for number in range(30):
        moment = scene.clock().replace(microsecond=0, hour=number % 24, day=1, month=1, year=2037)
        name = f"{number:07x}-{moment:%Y%m%d}-{number:02}0000" if number < 24 else f"v{number}"
        scene.world.images.push(REPOSITORY, tags=[name], revision=f"{number:040x}", at=moment)
    shown = seeing.answer(await ask(scene))
    names = re.findall(r"^`(\S+)` ⏱", shown.text, re.MULTILINE)
    assert names == [*(f"{number:07x}-20370101-{number:02}0000" for number in range(23, 14, -1)), tag]
    assert shown.footer == "10 images shown · 34 tags"


async def test_a_silent_registry_does_not_hide_the_rest(scene: Scene) -> None:
    tag, _ = first(scene)
    scene.registry.faults.down = True
    shown = seeing.answer(await ask(scene))
    assert (shown.title, shown.footer) == ("ticket-service · the registry did not tell", "error …")
    assert shown.text.splitlines() == [
        "⚠️ The registry did not answer, so nobody can say which images it has.",
        *(f"**{name}** asks for `{tag}` · runs `{tag}`" for name in ("dev", "staging", "prod")),
    ]
    title, paragraphs = await told(scene, "registry check")
    assert title == "Registry · 5 of 5 need a look"
    assert paragraphs[0].startswith("❌ **backend** The registry did not answer, so nobody can say which")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ({"status": 403}, "⚠️ The registry does not let the bot read this. `python -m bot check` says more."),
        ({"login": ("a", "b")}, "⚠️ The registry does not let the bot read this. `python -m bot check` says more."),
        ({"status": 429}, "⚠️ The registry answers no more questions for now. Ask again in a minute."),
        ({"unknown": True}, "⚠️ The registry has no such repository, or the bot may not see it."),
    ],
)
async def test_a_registry_that_refuses_says_why(scene: Scene, fault: dict[str, Any], sentence: str) -> None:
    for name, value in fault.items():
        setattr(scene.registry.faults, name, value)
    assert (await told(scene))[1][0].splitlines()[0] == sentence


async def test_a_github_that_refuses_does_not_hide_the_rest(scene: Scene) -> None:
    scene.github.faults.status = 401
    tag, _ = first(scene)
    _, paragraphs = await told(scene)
    assert paragraphs[0].splitlines() == [AGREE, "⚠️ GitHub did not tell, so 1 commit is shown by id only."]
    assert f"Commit [{tag[:7]}]({web(scene)}/commit/{tag[:7]})" in paragraphs[1].splitlines()


async def test_pods_that_nobody_knows_are_not_guessed(scene: Scene, rows: Rows) -> None:
    scene.cluster.faults_of["cluster-prod"] = type(scene.cluster.faults)(status=503)
    since = scene.clock()
    await scene.town.people["hyunwoo"].slash(scene.town.releases, "refresh", environment="prod")
    await rows.observed("prod", after=since)
    _, paragraphs = await told(scene, environment="prod")
    assert paragraphs[0] == "⚠️ **prod** The cluster did not answer, so its pods are not known."
    assert paragraphs[1].splitlines()[1] == "⏳ asked for in **prod**"


async def test_what_strangers_wrote_stays_text(scene: Scene) -> None:
    scene.world.release("staging", SERVICE, subject="**bold** @everyone [x](http://evil.test)")
    _, paragraphs = await told(scene)
    line = next(line for line in paragraphs[1].splitlines() if "bold" in line)
    assert line.startswith("[\\*\\*bold\\*\\* \\@everyone (x)(evil.test)](")


async def test_the_registry_is_checked(scene: Scene) -> None:
    await scene.pipeline.run(SERVICE, "staging", author="hyunwoo", subject=SUBJECT)
    failed = await scene.pipeline.run(SERVICE, "staging", author="hyunwoo", subject=SUBJECT, fail_at="push")
    await seeing.message(scene.town.releases, titled="ticket-service → staging · failed")
    title, paragraphs = await told(scene, "registry check")
    run = f"https://github.com/{scene.topology.repository}/actions/runs/{failed.run.id}"
    assert title == "Registry · 1 of 5 need a look"
    assert paragraphs[0].splitlines()[0] == "❌ **ticket-service** newest image ⏱ · 5 tags"
    assert paragraphs[0].splitlines()[1].startswith(f"The last push for **staging** failed ⏱ · [run]({run}")
    assert paragraphs[0].splitlines()[2] == "denied: User is not authorized to perform: ecr:InitiateLayerUpload"
    assert paragraphs[1] == "✅ **backend** newest image ⏱ · 4 tags\nThe pipeline has reported no push yet."
    assert paragraphs[-1].splitlines() == [
        "Whether the pipeline's role may push is not known here: the bot only reads, and tells what it saw.",
        "This registry does not tell which tags can be overwritten and what is deleted when.",
    ]


async def test_who_may_not_look_is_told_who_may(scene: Scene, rows: Rows) -> None:
    for command, options in (
        ("tags", {}),
        ("tags", {"environment": "prod"}),
        ("registry check", {}),
    ):
        assert seeing.told(await ask(scene, command, "guest", **options)) == ("Refused", may_not("prod:view"))
    assert scene.registry.requests == []
    assert seeing.told(await ask(scene, environment="production")) == ("Refused", NO_ENVIRONMENT)
    assert seeing.told(await ask(scene, service="tickets"))[0] == "Refused"
    guest = f"discord:{scene.town.people['guest'].id}"
    noted = [(entry.action, entry.outcome) for entry in await rows.audit() if entry.actor == guest]
    assert noted == [("gate:view", "refused")] * 3


async def test_only_environments_that_may_be_seen_are_told(scene: Scene, rows: Rows) -> None:
    await rows.observed("staging", after=NEVER)
    policy = scene.topology.model_copy(
        update={"roles": {"staging": {"view": scene.topology.roles["*"]["view"]}}}  # type: ignore[index]  # by its text
    )
    await scene.stop()
    scene.topology = policy
    await scene.start()
    _, row = first(scene)
    assert (await told(scene))[1][1].startswith(row.format("✅ runs in **staging**"))
    assert seeing.told(await ask(scene, environment="prod"))[0] == "Refused"


async def test_options_complete_for_members_only(scene: Scene) -> None:
    channel = scene.town.releases
    for option, typed, names in (("service", "tick", [SERVICE]), ("environment", "p", ["prod"])):
        offered = await scene.town.people["sora"].autocomplete(channel, "tags", option, typed)
        assert [one["name"] for one in offered] == names
        assert await scene.town.people["guest"].autocomplete(channel, "tags", option, typed) == []
