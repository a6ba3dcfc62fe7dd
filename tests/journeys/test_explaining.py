"""/can and /why, from chat: the rule, the roles and the lock in words, and nothing to who may not look."""

import pytest
from simcord.results import InteractionResult

from bot.domain.reasons import SENTENCES, Reason
from sandbox.scene import Scene
from tests.journeys import seeing
from tests.journeys.rows import Rows

pytestmark = pytest.mark.journey


async def ask(scene: Scene, who: str, command: str, **options: object) -> InteractionResult:
    """Somebody uses a command."""
    return await scene.town.people[who].slash(scene.town.releases, command, **options)


async def can(scene: Scene, member: str, action: str, who: str = "sora", **options: str) -> InteractionResult:
    """Somebody asks whether a member may do something on prod."""
    person = scene.town.people[member]
    return await ask(scene, who, "can", member=person, action=action, **{"environment": "prod", **options})


@pytest.mark.parametrize(
    ("member", "action", "title", "text"),
    [
        (
            "hyunwoo",
            "deploy",
            "hyunwoo may deploy on prod",
            "`prod:deploy` belongs to **@Developer**, **@Release manager**. hyunwoo has **@Developer**."
            f"{seeing.GAP}After that somebody else with `prod:approve` must consent.",
        ),
        (
            "hyunwoo",
            "approve",
            "hyunwoo may not approve on prod",
            "`prod:approve` belongs to **@Release manager**. hyunwoo has none of these roles.",
        ),
        (
            "jisoo",
            "approve",
            "jisoo may approve on prod",
            "`prod:approve` belongs to **@Release manager**. jisoo has **@Release manager**."
            f"{seeing.GAP}Never what they asked for, wrote, merged or had run again themselves.\n"
            "Nor what others wrote or merged who are not in the identity map.",
        ),
    ],
)
async def test_can_tells_the_rule_and_the_roles(scene: Scene, member: str, action: str, title: str, text: str) -> None:
    assert seeing.told(await can(scene, member, action)) == (title, text)


async def test_can_stop_is_about_every_environment(scene: Scene) -> None:
    everywhere = "Both need `stop` in every environment.\n{} has it in `dev`, `staging`, `prod`."
    yes = ("{} may stop and resume everything", everywhere)
    assert seeing.told(await can(scene, "jisoo", "stop")) == tuple(one.format("jisoo") for one in yes)
    role, observer = (scene.town.roles[name] for name in ("Release manager", "Observer"))
    granted = {name: {**held} for name, held in scene.topology.roles.items()}
    del granted["*"]["stop"]  # type: ignore[arg-type]
    for place, roles in (("dev", [role, observer]), ("staging", [role, observer]), ("prod", [role])):
        granted.setdefault(place, {})["stop"] = tuple(one.id for one in roles)  # type: ignore[index]
    await scene.stop()
    scene.topology = type(scene.topology).model_validate(scene.topology.model_dump(mode="json") | {"roles": granted})
    await scene.start()

    assert seeing.told(await can(scene, "sora", "stop", environment="dev")) == (
        "sora may not stop and resume everything",
        "Both need `stop` in every environment.\n`prod:stop` belongs to **@Release manager**.\n"
        "sora has it in `dev`, `staging`.",
    )
    assert seeing.told(await ask(scene, "sora", "stop"))[0] == "Refused"
    form = await ask(scene, "jisoo", "stop")
    typed = {"reason": "nobody knows yet", "word": "stop everything"}
    await scene.town.people["jisoo"].submit_modal(form, typed)
    title, text = seeing.told(await can(scene, "jisoo", "stop"))
    assert (title, text.split(seeing.GAP)) == (
        yes[0].format("jisoo"),
        [
            everywhere.format("jisoo"),
            "🛑 **Everything is stopped** by jisoo ⏱: nobody knows yet\n"
            "`/resume` ends that, and `/stop` is refused until then.",
        ],
    )


async def test_can_tells_the_lock_that_is_in_the_way(scene: Scene) -> None:
    await ask(scene, "minji", "lock", environment="prod", reason="incident")
    title, text = seeing.told(await can(scene, "hyunwoo", "deploy", service="backend"))
    assert title == "hyunwoo may deploy on prod/backend"
    assert "**But not now** 🔒 **prod** locked by minji ⏱: incident" in text
    assert "But not now" not in seeing.told(await can(scene, "hyunwoo", "rollback"))[1]

    held = seeing.told(await can(scene, "hyunwoo", "lock"))[1].split(seeing.GAP)[-1]
    assert held.startswith("**But only with `take_over`** 🔒 **prod** locked by minji ⏱: incident\n")
    refused = seeing.told(await ask(scene, "hyunwoo", "lock", environment="prod", reason="mine"))[1]
    assert refused.split("🔒")[-1] == held.split("🔒")[-1]
    for member, options in (
        ("minji", {}),
        ("hyunwoo", {"service": "backend"}),
        ("hyunwoo", {"environment": "staging"}),
    ):
        assert "🔒" not in seeing.told(await can(scene, member, "lock", **options))[1]


async def test_can_says_what_can_be_asked_for_where_argocd_syncs_by_itself(scene: Scene) -> None:
    way = "`/deploy environment:staging service:backend tag:`"
    title, text = seeing.told(await can(scene, "hyunwoo", "deploy", environment="staging", service="backend"))
    assert (title, text.split(seeing.GAP)[-1].splitlines()) == (
        "hyunwoo may deploy on staging/backend",
        [
            "Argo CD syncs staging by itself: what is pushed to `develop` is deployed. "
            f"Only an image by its tag can be asked for: {way}.",
            "It needs nobody's consent.",
        ],
    )
    refused = seeing.told(await ask(scene, "hyunwoo", "deploy", environment="staging", service="backend"))[1]
    assert refused.startswith(SENTENCES[Reason.AUTOMATED])
    assert way in refused


async def test_why_tells_the_story_of_an_operation(scene: Scene, rows: Rows) -> None:
    scene.world.release("prod", "backend", login="sora")
    await scene.world.settle()
    await ask(scene, "hyunwoo", "deploy", environment="prod", service="backend")
    card = await seeing.message(scene.town.releases, titled="backend → prod · waiting for approval")
    await scene.town.people["jisoo"].click(card, label="Approve")
    await rows.ended()
    [operation] = [one for one in await rows.operations() if one.service == "backend"]
    told = seeing.answer(await ask(scene, "sora", "why", operation=operation.id))
    assert told.title == "Deploy of backend → prod · succeeded"
    asked, story = told.text.split(seeing.GAP)
    assert asked.splitlines()[:2] == ["**Asked** by hyunwoo ⏱", "**Consent** granted · 1 of 1: jisoo ⏱"]
    people = {name: scene.town.people[name].id for name in ("hyunwoo", "jisoo")}
    told_lines = [line.split(" ⏱ ")[1] for line in story.splitlines()]
    assert told_lines[:3] == [
        f"deploy · requested by <@{people['hyunwoo']}>",
        "deploy · waiting",
        f"approve · granted by <@{people['jisoo']}>",
    ]
    assert told_lines[-1] == "deploy · succeeded"
    offered = await scene.town.people["sora"].autocomplete(scene.town.releases, "why", "operation", "backend")
    name = f"{operation.requested_at:%d %b %H:%M:%S} UTC succeeded · deploy backend → prod · hyunwoo"
    assert offered == [{"name": name, "value": operation.id}]


async def test_who_may_not_look_learns_nothing(scene: Scene, rows: Rows) -> None:
    await ask(scene, "hyunwoo", "deploy", environment="prod", service="backend")
    [operation] = await rows.operations()
    for result in (
        await can(scene, "hyunwoo", "deploy", who="guest"),
        await ask(scene, "guest", "why", operation=operation.id),
        await ask(scene, "guest", "why", operation="nothing"),
    ):
        assert seeing.told(result)[1].startswith(SENTENCES[Reason.MISSING_ROLE])
    guest = scene.town.people["guest"]
    assert await guest.autocomplete(scene.town.releases, "why", "operation", "") == []
    assert await guest.autocomplete(scene.town.releases, "can", "action", "") == []


async def test_what_there_is_not_is_said(scene: Scene) -> None:
    assert seeing.told(await can(scene, "hyunwoo", "dance"))[1] == SENTENCES[Reason.UNKNOWN_ACTION]
    unknown = await ask(scene, "sora", "why", operation="nothing")
    assert seeing.told(unknown)[1] == SENTENCES[Reason.OPERATION_UNKNOWN]
